"""What the status line says."""

from __future__ import annotations

import numpy as np
import pytest

FILM = {"axis_labels": ("t", "y", "x")}


@pytest.mark.parametrize(("arguments", "word"), [({}, "slices"), (FILM, "frames")])
def test_during_a_run_the_status_says_how_far_it_is_and_afterwards_what_came_of_it(
    make_driver, volume_data, arguments, word
):
    driver = make_driver(volume_data, **arguments)
    driver.click(6, 20, 25)
    driver.begin_run()
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


def test_an_image_that_cannot_be_segmented_is_not_called_missing(make_driver, warned):
    driver = make_driver(np.zeros((2, 2, 2, 3, 20, 20), np.uint8))
    driver.settle()
    assert "6 axes" in driver.widget.status.text()
    assert "Open an image" not in driver.widget.status.text()
    assert "cannot be segmented" in driver.widget.run.both_button.toolTip()
    driver.viewer.layers.clear()
    driver.settle()
    assert driver.widget.status.text().startswith("Open an image")


def test_time_that_is_only_assumed_is_told_at_once(make_driver):
    driver = make_driver(np.zeros((3, 4, 20, 20), np.uint8))
    driver.settle()
    assert "t, z, y, x is assumed" in driver.widget.status.text()
