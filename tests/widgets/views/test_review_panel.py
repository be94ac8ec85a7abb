"""What can be done with the shown frame."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.views.review_panel import ReviewPanel


@pytest.fixture
def panel(qtbot):
    made = ReviewPanel()
    qtbot.addWidget(made)
    return made


def test_the_lock_button_says_what_it_does_next(panel):
    panel.set_locked(True)
    panel.set_enabled("", "", "", "", "")
    assert panel.lock_button.text() == "Unlock (L)"
    assert panel.lock_button.toolTip().startswith("Release")
    panel.set_locked(False)
    panel.set_enabled("it has no mask here.", "", "", "", "")
    assert panel.lock_button.text() == "Lock (L)"
    assert panel.lock_button.toolTip().startswith("Accept")
    assert panel.lock_button.toolTip().endswith("it has no mask here.")


def test_cuts_name_their_side(panel):
    sides = []
    panel.cut_clicked.connect(sides.append)
    panel.above_button.click()
    panel.below_button.click()
    assert sides == ["above", "below"]


def test_a_click_on_the_strip_is_passed_on(panel):
    frames = []
    panel.frame_clicked.connect(frames.append)
    panel.strip.frame_clicked.emit(3)
    assert frames == [3]


def test_each_button_has_its_own_reason(panel):
    panel.set_enabled("one.", "two.", "three.", "four.", "five.")
    buttons = [panel.lock_button, panel.lock_seen_button, panel.doubtful_button, panel.above_button, panel.below_button]
    assert [each.toolTip().split("Not now: ")[1] for each in buttons] == ["one.", "two.", "three.", "four.", "five."]
