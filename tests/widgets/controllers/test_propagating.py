"""Runs as the user asks for them: begun, stopped, continued, and ended by what happens meanwhile."""

from __future__ import annotations

import threading

import numpy as np
import pytest


def test_stop_correct_continue(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.labels[3].any(), timeout=5000)
    driver.widget.run.stop_button.click()
    driver.settle()
    stopped = driver.filled()
    assert len(stopped) < 12
    assert "Continue" in driver.widget.run.both_button.text()
    driver.predictor.delay = 0
    driver.brush(2, (30, 30), (30, 40), size=3)
    edited = driver.session.mask(1, 2)
    kept = driver.session.mask(1, 0)
    driver.widget.run.both_button.click()
    driver.settle()
    assert driver.filled() == list(range(12))
    assert np.array_equal(driver.session.mask(1, 2), edited)
    assert np.array_equal(driver.session.mask(1, 0), kept)
    assert driver.labels[11, 30, 35] == 1
    assert "Continue" not in driver.widget.run.both_button.text()


@pytest.mark.parametrize("which", ["image", "labels"])
def test_a_layer_that_goes_during_a_run_ends_it_and_nothing_is_drawn_any_more(make_driver, volume_data, which):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    labels, drawn = driver.layer_group.labels, []
    driver.begin_run()
    driver.viewer.layers.remove(driver.image if which == "image" else labels)
    labels.events.set_data.connect(drawn.append)
    driver.settle()
    assert not drawn
    if which == "labels":
        assert "The labels layer was deleted" in driver.widget.status.text()
        driver.predictor.delay = 0
        driver.controller.propagate("both")
        driver.settle()
        assert driver.layer_group.labels in driver.viewer.layers
        assert driver.labels.any(axis=(1, 2)).all()


def test_another_axis_during_a_run_shows_nothing_of_it(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.begin_run()
    driver.controller.selection.choose_axis("x")
    driver.settle()
    assert not driver.labels.any()
    driver.controller.selection.choose_axis("z")
    driver.settle()
    assert driver.labels[:2].any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    ("direction", "frames"), [("both", range(12)), ("forward", range(5, 12)), ("backward", range(6))]
)
def test_propagation_fills_the_labels_layer(make_driver, volume_data, direction, frames):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate(direction)
    driver.settle()
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == list(frames)
    assert np.array_equal(driver.labels, driver.session.labels())
    assert threading.main_thread() not in driver.predictor.threads


def test_range_boxes_limit_the_run(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.widget.run.first_box.setValue(4)
    driver.widget.run.last_box.setValue(8)
    driver.controller.propagate("both")
    driver.settle()
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == [4, 5, 6, 7, 8]


def test_cancel_keeps_finished_frames_and_undo_takes_back_the_run(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.predictor.delay = 0.05
    driver.controller.propagate("forward")
    driver.qtbot.waitUntil(lambda: driver.labels[2].any(), timeout=5000)
    assert driver.widget.run.stop_button.isEnabled()
    driver.widget.run.stop_button.click()
    driver.settle()
    filled = np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist()
    assert 3 <= len(filled) < 12
    assert filled == list(range(len(filled)))
    assert np.array_equal(driver.labels, driver.session.labels())
    assert "Stopped" in driver.widget.status.text()
    driver.controller.step(back=True)
    driver.settle()
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == [0]
    driver.controller.propagate("both")
    driver.settle()
    assert driver.labels.any(axis=(1, 2)).all()


def test_removing_the_image_during_a_run_stops_it(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    worker = driver.controller.selection.worker
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.labels[2].any(), timeout=5000)
    driver.viewer.layers.remove(driver.image)
    assert [layer.name for layer in driver.viewer.layers] == ["SAM 2 labels"]
    driver.settle()
    assert worker.session is None
    assert not driver.widget.run.both_button.isEnabled()
    assert driver.widget.status.text().startswith("Open an image")


def test_switching_the_image_during_a_run_stops_it_and_coming_back_finds_the_work(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    first = driver.layer_group
    other = driver.viewer.add_image(volume_data[:6] + 1, name="other")
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.labels[2].any(), timeout=5000)
    driver.controller.selection.choose_image(other)
    driver.settle()
    assert not first.points.visible
    assert driver.widget.run.last_box.maximum() == 5
    driver.click(2, 20, 20)
    assert driver.labels.shape == (6, 40, 50)
    assert driver.labels[2, 20, 20] == 1
    driver.controller.selection.choose_image(driver.image)
    assert driver.layer_group is first
    assert first.boxes.visible
    driver.controller.propagate("both")
    driver.settle()
    assert driver.labels.any(axis=(1, 2)).all()
