"""Closing while something runs: by any way, at once, with all that was made in a file that is closed in good order."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from qtpy.QtCore import QTimer

import napari_sam2 as ns
from napari_sam2.session.storage.locations import peek, user_folder

WAYS = {
    "viewer": lambda driver: driver.viewer.close(),
    "dock widget": lambda driver: driver.viewer.window.remove_dock_widget(driver.widget),
    "image": lambda driver: driver.viewer.layers.remove(driver.image),
    "all layers": lambda driver: driver.viewer.layers.clear(),
}


@pytest.mark.parametrize("way", WAYS)
def test_closing_in_the_middle_of_a_frame_closes_the_file_with_all_finished_frames(make_driver, volume_data, way):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    path = driver.session.path
    driver.predictor.delay = 0.05
    driver.controller.propagate("forward")
    driver.qtbot.waitUntil(lambda: driver.labels[3].any(), timeout=5000)
    driver.predictor.gate = threading.Event()
    driver.qtbot.wait(150)
    shown = np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist()
    driver.layer_group.points.add([1.0, 30, 30])
    started, took = time.monotonic(), []
    driver.controller.selection.dropped.connect(lambda _: took.append(time.monotonic() - started))
    WAYS[way](driver)
    assert not peek(path).header.is_open
    assert not path.with_name(path.name + "-journal").exists()
    assert took[0] < 2
    driver.predictor.gate.set()
    driver.qtbot.wait(200)
    again = ns.VideoSession.open(path, predictor=driver.predictor, volume=ns.ImageVolume(volume_data))
    assert set(shown) <= set(again.scores(1).index)
    assert len(again.scores(1).index) < 12
    # A mark of the last moment is kept, unless the user removed it with its layer.
    assert again.prompted_frames(1) == [0, 1]
    again.close()


def test_no_timer_is_left_after_closing(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.labels[2].any(), timeout=5000)
    driver.controller.close()
    assert [t for t in driver.controller.findChildren(QTimer) if t.isActive()] == []
    driver.controller.refresh()
    driver.qtbot.wait(300)
    assert [t for t in driver.controller.findChildren(QTimer) if t.isActive()] == []


@pytest.mark.parametrize("way", ["dock widget", "viewer"])
def test_marks_made_while_the_model_was_being_loaded_are_kept(make_driver, volume_data, way):
    driver = make_driver(volume_data)
    loaded = threading.Event()
    model_cache = driver.controller.selection.model_cache
    load = model_cache._load
    model_cache._load = lambda *choice: (loaded.wait(20), load(*choice))[1]
    driver.controller.tools.activate("point")
    driver.layer_group.points.add([5.0, 20, 25])
    driver.qtbot.wait(100)
    driver.layer_group.points.add([6.0, 20, 25])
    WAYS[way](driver)
    path = user_folder() / "sessions" / "picture.sam2"
    assert not peek(path).header.is_open
    loaded.set()
    driver.qtbot.wait(200)
    assert not peek(path).header.is_open
    again = ns.VideoSession.open(path, predictor=driver.predictor, volume=ns.ImageVolume(volume_data))
    assert again.prompted_frames(1) == [5, 6]
    again.close()


def test_cancelling_a_run_that_has_ended_changes_nothing(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.predictor.delay = 0.02
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.controller.runs.running, timeout=5000)
    worker = driver.controller.runs._run._worker
    driver.settle()
    # As napari does with all workers that there ever were, when its window closes while another one runs.
    worker.quit()
    driver.click(7, 30, 30)
    assert driver.labels[7, 30, 30] == 1
