"""The recipe of docs/contributing/add_prompt_kind.md: its list of files is that of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.core.prompts import PromptSet
from napari_sam2.session.log.step_names import PROMPTING
from napari_sam2.widgets.controllers import tools
from napari_sam2.widgets.views import prompt_panel
from support.predictors import FakePredictor, numbered_volume
from support.recipe_pages import ROOT, RecipePage

PACKAGE = ROOT / "src" / "napari_sam2"
TABLE = RecipePage("add_prompt_kind.md").rows("file in `src/napari_sam2`")
ROWS = [(file.strip("`"), re.findall(r"`([^`]+)`", names)) for file, names, _ in TABLE]
# What handles a box as a prompt. These give boxes of their own and need no other kind: the demo, the self-check, the
# outline of what the model sees, and the tour.
BOX = re.compile(r"\bBoxPrompt\b|\bmake_box\b|\bmake_boxes\b|\bprompts\.box\b|\badd_box\b|\bp\.box\b")
OTHERS = {
    "cli/demo.py",
    "engine/diagnostics/self_check.py",
    "engine/diagnostics/calibration.py",
    "layers/window_outline.py",
    "widgets/controllers/tour.py",
}


def defined(path: Path) -> set[str]:
    """Return the names of functions, classes and module constants of a file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize(("file", "names"), ROWS, ids=[file for file, _ in ROWS])
def test_each_name_of_the_list_is_in_its_file(file, names):
    assert names
    assert set(names) <= defined(PACKAGE / file)


def test_no_file_that_handles_a_box_is_missing_from_the_list():
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if BOX.search(path.read_text(encoding="utf-8"))
    }
    assert found - OTHERS <= {file for file, _ in ROWS}


def test_the_tables_of_tools_have_the_same_rows():
    assert set(tools._TOOLS) == set(prompt_panel._TOOLS)


def test_undo_replay_and_file_follow_from_the_prompt_set(tmp_path):
    """The page says that nothing has to be done for them."""
    session = ns.VideoSession(FakePredictor(), numbered_volume())
    session.add_box(1, 4, (5, 6, 15, 20))
    session.predict_frame(4)
    prompts = session.prompts(1, 4)
    assert PromptSet.from_dict(prompts.to_dict()) == prompts
    assert session.replay() == 0
    session.save(tmp_path / "one.sam2")
    session.close()
    again = ns.VideoSession.open(tmp_path / "one.sam2", FakePredictor(), volume=numbered_volume())
    assert again.prompts(1, 4) == prompts
    again.undo()
    assert not np.any(again.frame_labels(4))
    again.close()


def test_a_missing_key_reads_as_none():
    assert PromptSet.from_dict({}) == PromptSet()


def test_each_method_that_prompts_is_a_method_of_the_session():
    assert all(callable(getattr(ns.VideoSession, name)) for name in PROMPTING)
