"""The panel of runs."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.views.run_panel import RunPanel


@pytest.fixture
def panel(qtbot):
    made = RunPanel()
    qtbot.addWidget(made)
    made.set_frame_count(20, "frames")
    return made


def test_all_frames_are_chosen_at_first_and_both_ends_are_included(panel):
    assert panel.frames() == range(20)
    panel.first_box.setValue(12)
    panel.last_box.setValue(3)
    assert panel.frames() == range(3, 13)
    panel.set_frame_count(5)
    assert panel.frames() == range(5)


def test_a_change_of_the_range_is_said(panel):
    changes = []
    panel.range_changed.connect(lambda: changes.append(panel.frames()))
    panel.first_box.setValue(4)
    assert changes == [range(4, 20)]


def test_the_three_buttons_name_their_directions(panel):
    directions = []
    panel.run_clicked.connect(directions.append)
    for each in (panel.back_button, panel.both_button, panel.forward_button):
        each.click()
    assert directions == ["backward", "both", "forward"]


def test_a_run_that_was_stopped_is_continued(panel):
    panel.set_continuing(True)
    assert "Continue" in panel.both_button.text()
    panel.set_continuing(False)
    assert "Propagate" in panel.both_button.text()


def test_progress_is_shown_once_the_number_of_frames_is_known(panel):
    panel.set_progress(0, 0, "loading")
    assert (panel.progress_bar.maximum(), panel.progress_bar.isTextVisible()) == (0, False)
    panel.set_progress(3, 12, "3 of 12 frames")
    assert panel.progress_bar.text() == "3 of 12 frames"
    assert panel.progress_bar.value() == 3
    panel.clear_progress()
    assert panel.progress_bar.value() == -1


def test_a_forecast_without_text_takes_no_room(panel):
    panel.set_forecast("about 3 s", "how it is known")
    assert not panel.forecast_label.isHidden()
    panel.set_forecast("", "")
    assert panel.forecast_label.isHidden()


def test_each_button_says_why_it_is_disabled(panel):
    panel.set_enabled("no mark.", "nothing runs.", "", "nothing was taken back.", "no labels.")
    reasons = {
        panel.back_button: "no mark.",
        panel.both_button: "no mark.",
        panel.forward_button: "no mark.",
        panel.stop_button: "nothing runs.",
        panel.redo_button: "nothing was taken back.",
        panel.save_button: "no labels.",
    }
    assert all(not each.isEnabled() and each.toolTip().endswith(text) for each, text in reasons.items())
    assert panel.undo_button.isEnabled()
    assert "Not now" not in panel.undo_button.toolTip()
