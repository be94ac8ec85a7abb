"""A session as the window drives it."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.masks import RunLengthMask
from napari_sam2.core.prompts import BoxPrompt, PointPrompt, PromptSet
from napari_sam2.errors import SessionFileError
from napari_sam2.interaction.autosave import Autosave
from napari_sam2.interaction.session_worker import SessionWorker
from napari_sam2.session import VideoSession
from napari_sam2.session.storage.locations import Recent
from napari_sam2.session.storage.session_file import SessionFile
from support.predictors import FakePredictor

CLICK = PromptSet((PointPrompt(20, 25),))
CLICKS = PromptSet((PointPrompt(20, 25), PointPrompt(5, 5, False)))
SAME_CLICKS = PromptSet((PointPrompt(5, 5, False), PointPrompt(20, 25)))
BOX = PromptSet(box=BoxPrompt(4, 5, 10, 12))
from support.session_view import log_of


@pytest.fixture
def tracked(worker):
    """A worker whose session has object 1 tracked everywhere from a box on frame 5, and clicks on frame 2."""
    worker.pending.add([((1, 5), BOX)])
    worker.sync(preview=True)
    list(worker.session.propagate())
    worker.pending.add([((1, 2), CLICKS)])
    worker.sync(preview=True)
    return worker


def test_a_run_for_the_window_decodes_no_mask(worker, monkeypatch):
    session = worker.open()
    for obj_id in range(1, 9):
        session.add_box(obj_id, 0, (4, 5 * obj_id, 30, 5 * obj_id + 4))
    session.predict_frame(0)
    decoded = []
    decode = RunLengthMask.decode
    monkeypatch.setattr(RunLengthMask, "decode", lambda mask: decoded.append(mask) or decode(mask))
    drawn = list(worker.run("forward", range(12), threading.Event(), lambda *_: None))
    assert [int(np.unique(labels).size) for _, labels in drawn] == [9] * 11
    assert decoded == []


def test_what_a_script_does_not_look_at_is_not_decoded(worker, monkeypatch):
    session = worker.open()
    session.add_box(1, 0, (4, 5, 10, 12))
    session.add_box(2, 0, (20, 5, 30, 12))
    session.predict_frame(0)
    decoded = []
    decode = RunLengthMask.decode
    monkeypatch.setattr(RunLengthMask, "decode", lambda mask: decoded.append(mask) or decode(mask))
    results = list(session.propagate())
    assert all(result.masks.keys() == result.scores.keys() == {1, 2} for result in results)
    assert decoded == []
    masks = [result.masks[1] for result in results for _ in range(2)]
    assert len(decoded) == len(results)
    assert all(mask[4:10, 5:12].all() and mask.sum() == 42 for mask in masks)


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
def test_marks_that_come_and_go_change_nothing(tracked, changes, preview):
    before = log_of(tracked.session)
    for change in changes:
        tracked.pending.add([change])
    update = tracked.sync(preview)
    assert log_of(tracked.session) == before
    assert update.warnings == []
    assert not tracked.pending


def test_marks_that_go_with_one_hand_beside_one_that_only_came_are_one_step(tracked):
    tracked.pending.add([((1, 8), CLICK)])
    tracked.pending.add([((1, 8), None), ((1, 5), None), ((1, 2), None)])
    tracked.sync(preview=False)
    assert tracked.session.prompted_frames(1) == []
    assert tracked.session.mask(1, 8).any()
    tracked.session.undo()
    assert tracked.session.prompted_frames(1) == [2, 5]


def test_a_click_that_goes_again_leaves_a_locked_slice_without_a_warning(tracked):
    tracked.session.lock(frame=8, obj_id=1)
    before = log_of(tracked.session)
    tracked.pending.add([((1, 8), CLICK)])
    tracked.pending.add([((1, 8), None)])
    assert tracked.sync(preview=True).warnings == []
    assert log_of(tracked.session) == before


def test_a_click_that_goes_again_leaves_an_outline_that_was_filled(tracked):
    mask = np.zeros(tracked.grid.frame_shape, bool)
    mask[30:35, 30:35] = True
    tracked.fill(1, 8, mask, inside=True)
    tracked.pending.add([((1, 8), CLICK)])
    tracked.pending.add([((1, 8), None)])
    tracked.sync(preview=True)
    assert np.array_equal(tracked.session.mask(1, 8), mask)
    assert tracked.session.prompts(1, 8).mask is not None


def test_a_click_that_was_answered_and_goes_brings_the_tracked_mask_back(tracked):
    before, scores = tracked.session.mask(1, 8), tracked.session.scores(1)
    tracked.pending.add([((1, 8), CLICK)])
    tracked.sync(preview=True)
    assert tracked.session.mask(1, 8)[20, 25]
    tracked.pending.add([((1, 8), None)])
    tracked.sync(preview=True)
    assert np.array_equal(tracked.session.mask(1, 8), before)
    pd.testing.assert_frame_equal(tracked.session.scores(1), scores)


def test_marks_that_come_and_go_before_there_is_a_session_load_no_model(worker, loads):
    worker.pending.add([((1, 8), CLICK)])
    worker.pending.add([((1, 8), None)])
    worker.sync(preview=True)
    assert loads == []
    assert worker.session is None
    assert not worker.pending


@pytest.mark.parametrize("end", ["done", "closed"])
def test_what_a_run_computed_after_its_file_refused_gets_another_file(volume, model_cache, monkeypatch, end):
    def refuse(*_):
        raise SessionFileError("the share is gone")

    worker = SessionWorker(volume, FrameGrid.of(volume), (0, 1000), model_cache, Autosave(Recent()))
    worker.pending.add([((1, 5), BOX)])
    worker.sync(preview=True)
    session, first = worker.session, worker.session.path
    run = worker.run("forward", range(12), threading.Event(), lambda *_: None)
    with monkeypatch.context() as patched:
        patched.setattr(SessionFile, "append", refuse)
        next(run)
        next(run)
        if end == "closed":
            run.close()
    if end == "done":
        with pytest.raises(SessionFileError, match="gone"):
            list(run)
    assert worker.sync_before_closing().warnings == []
    frames = session.objects[1].frames
    worker.close()
    assert frames == {"done": 7, "closed": 4}[end]
    kept = VideoSession.open_copy(first.with_name("image-2.sam2"), FakePredictor(), volume)
    assert kept.objects[1].frames == frames
