"""Closing while something runs: by any way, at once, with all that was made in a file that is closed in good order."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from qtpy.QtCore import QTimer

import napari_sam2 as ns
from napari_sam2.session.storage.locations import peek, user_folder
from napari_sam2.widgets import workers

WAYS = {
    "viewer": lambda d: d.viewer.close(),
    "dock widget": lambda d: d.viewer.window.remove_dock_widget(d.widget),
    "image": lambda d: d.viewer.layers.remove(d.image),
    "all layers": lambda d: d.viewer.layers.clear(),
}


@pytest.mark.parametrize("way", WAYS)
def test_closing_in_the_middle_of_a_frame_closes_the_file_with_all_finished_frames(desk, volume_data, way):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    path = d.session.path
    d.predictor.delay = 0.05
    d.controller.propagate("forward")
    d.qtbot.waitUntil(lambda: d.labels[3].any(), timeout=5000)
    d.predictor.gate = threading.Event()
    d.qtbot.wait(150)
    shown = np.flatnonzero(d.labels.any(axis=(1, 2))).tolist()
    d.layer_group.points.add([1.0, 30, 30])
    started, took = time.monotonic(), []
    d.controller.choices.dropped.connect(lambda _: took.append(time.monotonic() - started))
    WAYS[way](d)
    assert not peek(path).header.is_open
    assert not path.with_name(path.name + "-journal").exists()
    assert took[0] < 2
    d.predictor.gate.set()
    d.qtbot.wait(200)
    again = ns.VideoSession.open(path, predictor=d.predictor, volume=ns.ImageVolume(volume_data))
    assert set(shown) <= set(again.scores(1).index)
    assert len(again.scores(1).index) < 12
    # A mark of the last moment is kept, unless the user removed it with its layer.
    assert again.prompted_frames(1) == [0, 1]
    again.close()


def test_no_timer_is_left_after_closing(desk, volume_data):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    d.predictor.delay = 0.05
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.labels[2].any(), timeout=5000)
    d.controller.close()
    assert [t for t in d.controller.findChildren(QTimer) if t.isActive()] == []
    d.controller.refresh()
    d.qtbot.wait(300)
    assert [t for t in d.controller.findChildren(QTimer) if t.isActive()] == []


@pytest.mark.parametrize("way", ["dock widget", "viewer"])
def test_marks_made_while_the_model_was_being_loaded_are_kept(desk, volume_data, way):
    d = desk(volume_data)
    loaded = threading.Event()
    model_cache = d.controller.choices.model_cache
    load = model_cache._load
    model_cache._load = lambda *choice: (loaded.wait(20), load(*choice))[1]
    d.controller.tools.take("point")
    d.layer_group.points.add([5.0, 20, 25])
    d.qtbot.wait(100)
    d.layer_group.points.add([6.0, 20, 25])
    WAYS[way](d)
    path = user_folder() / "sessions" / "picture.sam2"
    assert not peek(path).header.is_open
    loaded.set()
    d.qtbot.wait(200)
    assert not peek(path).header.is_open
    again = ns.VideoSession.open(path, predictor=d.predictor, volume=ns.ImageVolume(volume_data))
    assert again.prompted_frames(1) == [5, 6]
    again.close()


def test_cancelling_a_run_that_has_ended_changes_nothing(desk, volume_data):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    d.predictor.delay = 0.02
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.controller.runs.running, timeout=5000)
    worker = d.controller.runs._run._worker
    d.settle()
    # As napari does with all workers that there ever were, when its window closes while another one runs.
    worker.quit()
    d.click(7, 30, 30)
    assert d.labels[7, 30, 30] == 1


def test_napari_is_told_what_its_workers_do(desk, volume_data, monkeypatch):
    made = []
    create = workers.create_worker
    monkeypatch.setattr(
        workers, "create_worker", lambda call, *a, **how: (made.append(call), create(call, *a, **how))[1]
    )
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    assert {"SAM 2: looking for sessions", "SAM 2: Loading the model starter"} <= {repr(call) for call in made}
    d.predictor.delay = 0.05
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.labels[2].any(), timeout=5000)
    began = []
    d.controller.runs._run._worker.started.connect(lambda: began.append(repr(made[-1])))
    d.qtbot.waitUntil(lambda: len(began) > 1, timeout=5000)
    assert all(text.startswith("SAM 2: propagating ") and text.endswith(" of 11") for text in began)
    assert len(set(began)) == len(began)
    d.settle()
    assert not [call for call in made if "<" in repr(call)]
