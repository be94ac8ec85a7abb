"""Seldom needed settings."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QComboBox

from napari_sam2.core.masks import OVERLAPS
from napari_sam2.widgets.views.advanced_panel import AdvancedPanel


@pytest.fixture
def panel(qtbot):
    made = AdvancedPanel(QComboBox())
    qtbot.addWidget(made)
    return made


def test_every_overlap_rule_is_offered_and_shown(panel):
    assert [panel.overlap_box.itemData(i) for i in range(panel.overlap_box.count())] == list(OVERLAPS)
    for rule in OVERLAPS:
        panel.set_overlap(rule)
        assert panel.overlap_box.currentData() == rule


def test_a_chosen_rule_is_said(panel):
    rules = []
    panel.overlap_chosen.connect(rules.append)
    panel.overlap_box.activated.emit(2)
    assert rules == ["score"]


def test_switches_say_their_state(panel):
    said = []
    panel.autosave_changed.connect(lambda on: said.append(("autosave", on)))
    panel.ahead_changed.connect(lambda on: said.append(("ahead", on)))
    panel.autosave_box.setChecked(False)
    panel.ahead_box.setChecked(False)
    assert said == [("autosave", False), ("ahead", False)]


def test_the_same_button_stops_what_it_began(panel):
    panel.set_preparing(True)
    assert panel.prepare_button.text() == "Stop"
    panel.set_preparing(False)
    assert panel.prepare_button.text() == "Prepare slices"


def test_it_says_when_it_is_seen(panel):
    seen = []
    panel.opened.connect(lambda: seen.append(True))
    panel.show()
    assert seen == [True]
