"""Marks that come and go between two looks of the worker leave everything as it was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_sam2.core.prompts import FramePrompts
from napari_sam2.core.volume import ImageVolume
from napari_sam2.interaction.session_worker import SessionWorker
from support.session_view import log_of


class Shelf:
    def __init__(self, predictor):
        self.predictor, self.loads = predictor, 0

    def get(self):
        self.loads += 1
        return self.predictor

    def news(self):
        return []


CLICK = FramePrompts(((20.0, 25.0),), (1,))
CLICKS = FramePrompts(((20.0, 25.0), (5.0, 5.0)), (1, 0))
SAME_CLICKS = FramePrompts(((5.0, 5.0), (20.0, 25.0)), (0, 1))
BOX = FramePrompts(box=(4.0, 5.0, 10.0, 12.0))


@pytest.fixture
def worker(predictor, volume_data):
    """A worker whose session has object 1 tracked everywhere from a box on frame 5, and clicks on frame 2."""
    from napari_sam2.core.frames import FrameGrid

    volume = ImageVolume(volume_data, axes="zyx")
    worker = SessionWorker(volume, FrameGrid.of(volume), (0, 1000), Shelf(predictor))
    worker.note([((1, 5), BOX)])
    worker.sync(preview=True)
    list(worker.session.propagate())
    worker.note([((1, 2), CLICKS)])
    worker.sync(preview=True)
    return worker


def state_of(worker):
    return log_of(worker.session)


COME_AND_GO = {
    "click and delete": [((1, 8), CLICK), ((1, 8), None)],
    "box drawn and dropped": [((1, 8), BOX), ((1, 8), None)],
    "click and delete of another object": [((2, 8), CLICK), ((2, 8), None)],
    "twice": [((1, 8), CLICK), ((1, 8), None), ((1, 8), BOX), ((1, 8), None)],
    "moved and moved back": [((1, 5), CLICK), ((1, 5), BOX)],
    "deleted and brought back": [((1, 5), None), ((1, 5), BOX)],
    "deleted and set again in another order": [((1, 2), CLICK), ((1, 2), SAME_CLICKS)],
    "moved to another slice and back": [((1, 5), None), ((1, 6), BOX), ((1, 6), None), ((1, 5), BOX)],
}


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("changes", COME_AND_GO.values(), ids=COME_AND_GO.keys())
def test_marks_that_come_and_go_change_nothing(worker, changes, preview):
    before = state_of(worker)
    for change in changes:
        worker.note([change])
    update = worker.sync(preview)
    assert state_of(worker) == before
    assert update.warnings == []
    assert not worker.waits


def test_marks_that_go_with_one_hand_beside_one_that_only_came_are_one_step(worker):
    worker.note([((1, 8), CLICK)])
    worker.note([((1, 8), None), ((1, 5), None), ((1, 2), None)])
    worker.sync(preview=False)
    assert worker.session.prompted_frames(1) == []
    assert worker.session.mask(1, 8).any()
    worker.session.undo()
    assert worker.session.prompted_frames(1) == [2, 5]


def test_a_click_that_goes_again_leaves_a_locked_slice_without_a_warning(worker):
    worker.session.lock(frame=8, obj_id=1)
    before = state_of(worker)
    worker.note([((1, 8), CLICK)])
    worker.note([((1, 8), None)])
    assert worker.sync(preview=True).warnings == []
    assert state_of(worker) == before


def test_a_click_that_goes_again_leaves_an_outline_that_was_filled(worker):
    mask = np.zeros(worker.grid.frame_shape, bool)
    mask[30:35, 30:35] = True
    worker.fill(1, 8, mask, inside=True)
    worker.note([((1, 8), CLICK)])
    worker.note([((1, 8), None)])
    worker.sync(preview=True)
    assert np.array_equal(worker.session.mask(1, 8), mask)
    assert worker.session.prompts(1, 8).mask is not None


def test_a_click_that_was_answered_and_goes_brings_the_tracked_mask_back(worker):
    before, scores = worker.session.mask(1, 8), worker.session.scores(1)
    worker.note([((1, 8), CLICK)])
    worker.sync(preview=True)
    assert worker.session.mask(1, 8)[20, 25]
    worker.note([((1, 8), None)])
    worker.sync(preview=True)
    assert np.array_equal(worker.session.mask(1, 8), before)
    pd.testing.assert_frame_equal(worker.session.scores(1), scores)


def test_marks_that_come_and_go_before_there_is_a_session_load_no_model(predictor, volume_data):
    from napari_sam2.core.frames import FrameGrid

    volume = ImageVolume(volume_data, axes="zyx")
    worker = SessionWorker(volume, FrameGrid.of(volume), (0, 1000), Shelf(predictor))
    worker.note([((1, 8), CLICK)])
    worker.note([((1, 8), None)])
    worker.sync(preview=True)
    assert worker._model_cache.loads == 0
    assert worker.session is None
    assert not worker.waits


# ---------------------------------------------------------------------- in a window


def busy_elsewhere(d):
    """Let the worker be busy with another slice, and wait until it is."""
    d.predictor.delay = 0.3
    asked = len(d.predictor.asked)
    d.layer_group.points.add(np.array((10, 20, 25), float))
    d.qtbot.waitUntil(lambda: len(d.predictor.asked) > asked, timeout=10000)


@pytest.fixture
def tracked(desk, volume_data):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    d.controller.propagate("both")
    d.settle()
    d.controller.tools.take("point")
    d.controller.tools.take("box")
    return d


def test_a_click_deleted_while_the_model_is_busy_leaves_the_mask_of_its_slice(tracked):
    d = tracked
    before = d.session.labels()
    busy_elsewhere(d)
    points = d.layer_group.points
    points.add(np.array((7, 30, 30), float))
    points.selected_data = {len(points.data) - 1}
    points.remove_selected()
    d.settle()
    assert np.array_equal(d.session.labels()[:10], before[:10])
    assert np.array_equal(d.labels, d.session.labels())
    assert d.session.prompted_frames(1) == [5, 10]


def test_a_box_dropped_while_the_model_is_busy_leaves_the_mask_of_its_slice(tracked):
    d = tracked
    before = d.session.labels()
    busy_elsewhere(d)
    boxes = d.layer_group.boxes
    boxes.add_rectangles(np.array([(7, 25, 25), (7, 25, 35), (7, 35, 35), (7, 35, 25)], float))
    boxes.remove([boxes.nshapes - 1])
    d.settle()
    assert np.array_equal(d.session.labels()[:10], before[:10])
    assert np.array_equal(d.labels, d.session.labels())


def test_the_data_of_a_layer_set_back_while_the_model_is_busy_leaves_the_mask(tracked):
    d = tracked
    before = d.session.labels()
    busy_elsewhere(d)
    points = d.layer_group.points
    data, features = points.data.copy(), points.features.copy()
    points.add(np.array((7, 30, 30), float))
    points.data, points.features = data, features
    d.settle()
    assert np.array_equal(d.session.labels()[:10], before[:10])
