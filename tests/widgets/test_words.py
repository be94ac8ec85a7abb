"""What the window says: what goes on now, in the right terms; and which buttons can do something."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import NapariSam2Error

FILM = {"axis_labels": ("t", "y", "x")}


def begin_run(driver):
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(
        lambda: driver.controller.runs.running and driver.controller.runs._written > 1, timeout=10000
    )


def why(button):
    return "" if button.isEnabled() else button.toolTip().split("Not now: ")[1]


@pytest.mark.parametrize(("arguments", "word"), [({}, "slices"), (FILM, "frames")])
def test_during_a_run_the_status_says_how_far_it_is_and_afterwards_what_came_of_it(
    make_driver, volume_data, arguments, word
):
    driver = make_driver(volume_data, **arguments)
    driver.click(6, 20, 25)
    begin_run(driver)
    # One of the twelve is marked and has its mask.
    driver.qtbot.waitUntil(lambda: f"of 11 {word}" in driver.widget.status.text(), timeout=5000)
    assert driver.widget.status.text().startswith("Propagating, ")
    assert f"of 11 {word}" in driver.widget.run.progress_bar.format()
    assert driver.widget.run.forecast_label.isHidden()
    driver.settle()
    assert f" {word}, " in driver.widget.status.text()
    assert "Computed" in driver.widget.status.text()
    driver.click(3, 10, 10)
    assert "Computed" not in driver.widget.status.text()


def test_old_words_go_with_another_image(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(3, 5.1, 5.1, 5.4, 5.4)
    assert "taken away" in driver.widget.status.text()
    driver.viewer.add_image(volume_data + 1, name="other")
    driver.controller.selection.choose_image(driver.viewer.layers["other"])
    driver.settle()
    assert "taken away" not in driver.widget.status.text()


@pytest.mark.parametrize("where", [(3, -5, 10), (3, 10, 70), (3, 41, 49), (40, 10, 10), (-3, 10, 10)])
def test_a_point_outside_the_image_is_taken_away_with_a_sentence(make_driver, volume_data, where):
    driver = make_driver(volume_data)
    driver.click(6, 20, 25)
    driver.click(*where)
    assert np.array_equal(driver.layer_group.points.data, [(6, 20, 25)])
    assert "inside the image" in driver.widget.status.text()
    assert list(driver.controller.selection.worker.pending.shown) == [(1, 6)]
    driver.click(7, 20, 25)
    assert "inside the image" not in driver.widget.status.text()


def test_a_box_on_a_slice_that_is_not_there_is_taken_away_with_a_sentence(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(30, 5, 5, 20, 20)
    assert driver.layer_group.boxes.nshapes == 0
    assert "taken away" in driver.widget.status.text()


def test_undo_and_redo_can_be_pressed_where_there_is_a_step(make_driver, volume_data):
    driver = make_driver(volume_data)
    run = driver.widget.run
    driver.settle()
    assert why(run.undo_button) == "nothing was done yet."
    driver.click(6, 20, 25)
    assert run.undo_button.isEnabled()
    assert why(run.redo_button) == "nothing was taken back."
    driver.controller.step(back=True)
    driver.settle()
    assert run.redo_button.isEnabled()
    assert not run.undo_button.isEnabled()
    driver.controller.step(back=False)
    driver.settle()
    assert not run.redo_button.isEnabled()


def test_review_buttons_can_be_pressed_where_they_do_something(make_driver, volume_data):
    driver = make_driver(volume_data)
    review = driver.widget.review
    driver.controller.selection.show_frame(6)
    driver.click(6, 20, 25)
    assert review.lock_button.isEnabled()
    assert why(review.doubtful_button) == "no slice of it is doubtful."
    assert "higher number" in why(review.above_button)
    assert "lower number" in why(review.below_button)
    driver.controller.propagate("both")
    driver.settle()
    assert review.above_button.isEnabled()
    assert review.below_button.isEnabled()
    driver.controller.selection.show_frame(0)
    driver.settle()
    assert review.above_button.isEnabled()
    assert not review.below_button.isEnabled()


def test_tooltips_speak_of_frames_in_a_film_and_of_slices_in_a_volume(make_driver, volume_data):
    driver = make_driver(volume_data, **FILM)
    driver.click(6, 20, 25)
    shown = [driver.widget.run, driver.widget.prompt, driver.widget.review, driver.widget.advanced]
    texts = [child.toolTip() for panel in shown for child in panel.findChildren(type(driver.widget.run.stop_button))]
    assert any("frame" in text for text in texts)
    assert not [text for text in texts if "slice" in text.lower()]
    stack = driver.viewer.add_image(volume_data.copy(), name="stack")
    driver.controller.selection.choose_image(stack)
    driver.settle()
    texts = [child.toolTip() for panel in shown for child in panel.findChildren(type(driver.widget.run.stop_button))]
    assert any("slice" in text for text in texts)
    assert not [text for text in texts if "frame" in text.lower()]


@pytest.mark.parametrize(("axes", "word", "other"), [("zyx", "slice", "frame"), ("tyx", "frame", "slice")])
def test_errors_of_a_session_use_the_word_of_its_axis(predictor, volume_data, axes, word, other):
    session = ns.VideoSession(predictor, ImageVolume(volume_data, axes=axes))
    session.add_points(1, 6, [(20, 25)])
    session.predict_frame(6)
    session.lock(frame=6, obj_id=1)
    calls = [
        lambda: session.add_points(1, 99, [(5, 5)]),
        lambda: session.add_points(1, 6, [(5, 5)]),
        lambda: session.predict_frame(3),
        lambda: session.lock(frame=3, obj_id=1),
        lambda: session.cut(1, 3, "above"),
        lambda: session.add_labels(np.zeros(volume_data.shape, int), [0]),
    ]
    for call in calls:
        with pytest.raises(NapariSam2Error) as error:
            call()
        assert word in str(error.value)
        assert other not in str(error.value).lower()


def test_an_image_that_cannot_be_segmented_is_not_called_missing(make_driver, warned):
    driver = make_driver(np.zeros((2, 2, 3, 20, 20), np.uint8))
    driver.settle()
    assert "5 axes" in driver.widget.status.text()
    assert "Open an image" not in driver.widget.status.text()
    assert "cannot be segmented" in driver.widget.run.both_button.toolTip()
    driver.viewer.layers.clear()
    driver.settle()
    assert driver.widget.status.text().startswith("Open an image")


def test_time_that_is_only_assumed_is_told_at_once(make_driver):
    driver = make_driver(np.zeros((3, 4, 20, 20), np.uint8))
    driver.settle()
    assert "t, z, y, x is assumed" in driver.widget.status.text()
