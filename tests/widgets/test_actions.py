"""The list of actions: keys without clashes, and all that goes by it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from napari_sam2.plugin import panel_commands
from napari_sam2.widgets.actions import ACTIONS, DEFAULT_KEYS, chosen_keys, clash, shown_key, wrong_key

ROOT = Path(__file__).parents[2]
# These have commands of their own, as docks of napari.
DOCKS = {"show_planes", "measure", "compare", "change_masks", "follow_up", "review_cases"}


def test_every_action_has_a_key_of_its_own():
    assert all(action.key and not wrong_key(action.key) for action in ACTIONS)
    assert clash(DEFAULT_KEYS) == ""
    assert len({shown_key(action.key) for action in ACTIONS}) == len(ACTIONS)


def test_a_clash_names_both_actions_and_the_key():
    said = clash({**DEFAULT_KEYS, "lasso": "shift+s"})
    assert said.startswith("Shift+S is the key of ")
    assert "Lasso tool" in said
    assert "Propagate both ways" in said


@pytest.mark.parametrize("key", ["hello", "Shift-", "Ctrl-Ctrl", "ß"])
def test_what_is_no_key_is_refused_with_advice(key):
    assert "is no key: write a letter" in wrong_key(key)


def test_keys_of_the_user_count_unless_they_cannot_be_used():
    assert chosen_keys({"box": "Shift-F1", "gone": "X", "lasso": "nonsense"}) == {**DEFAULT_KEYS, "box": "Shift-F1"}
    assert chosen_keys({"box": "P"}) == DEFAULT_KEYS


def test_napari_has_a_command_for_each_action():
    found = yaml.safe_load((ROOT / "napari.yaml").read_text(encoding="utf-8"))["contributions"]["commands"]
    commands = {c["id"].removeprefix("napari-sam2."): c for c in found if "panel_commands" in c["python_name"]}
    assert set(commands) == {action.name for action in ACTIONS} - DOCKS
    for action in ACTIONS:
        if action.name not in DOCKS:
            assert commands[action.name]["title"] == action.text
            module, name = commands[action.name]["python_name"].split(":")
            assert module == panel_commands.__name__
            assert callable(getattr(panel_commands, name))


def test_the_page_of_keys_lists_each_action_with_its_key():
    lines = (ROOT / "docs/keys.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and line != "| key | what |"]
    assert rows == [f"| {shown_key(action.key)} | {action.text} |" for action in ACTIONS]
