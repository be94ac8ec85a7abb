"""The session as a whole: undo and redo, its settings, and calls at the wrong time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from napari_sam2.errors import SessionBusyError, SessionFileError, VolumeError
from napari_sam2.session import VideoSession
from napari_sam2.session.log.history import History
from support.predictors import SHAPE, FakePredictor


def test_undo_takes_back_prompt_and_preview_together_and_redo_restores_both(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    session.predict_frame(7)
    before = session.labels()
    session.set_prompts(1, 7, points=[(12, 20)], labels=[1])
    session.predict_frame(7)
    after = session.labels()
    assert not np.array_equal(before, after)
    assert session.undo()
    assert np.array_equal(session.labels(), before)
    assert session.prompts(1, 7).box is not None
    assert session.redo()
    assert np.array_equal(session.labels(), after)
    assert session.undo()
    assert session.undo()
    assert not session.objects
    assert not session.undo()


def test_undo_of_a_run_restores_bit_identically(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    session.predict_frame(7)
    before = session.labels()
    list(session.propagate())
    after = session.labels()
    assert session.undo()
    assert np.array_equal(session.labels(), before)
    assert session.redo()
    assert np.array_equal(session.labels(), after)


def test_busy_session_refuses_undo_and_second_run(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    run = session.propagate()
    next(run)
    with pytest.raises(SessionBusyError):
        session.undo()
    with pytest.raises(SessionBusyError):
        next(session.propagate())
    with pytest.raises(SessionBusyError):
        session.close()
    run.close()
    assert session.undo()


def test_contrast_limits_and_window_are_one_thing(volume):
    session = VideoSession(FakePredictor(), volume, contrast_limits=(3, 500))
    assert session.contrast_limits == session.window == (3, 500)
    assert VideoSession(FakePredictor(), volume, None, (3, 500)).contrast_limits == (3, 500)
    assert VideoSession(FakePredictor(), volume, window=(3, 500)).contrast_limits == (3, 500)
    session.set_contrast_limits(1, 70)
    assert session.window == (1, 70)
    session.set_window(2, 80)
    assert session.contrast_limits == (2, 80)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"contrast_limits": (0, 1), "window": (0, 1)}, "give one of them"),
        ({"contrast_limits": 5}, "contrast_limits=5 must be"),
        ({"window": 5}, "window=5 must be"),
        ({"contrast_limits": (5, 1)}, r"contrast_limits=\(5, 1\) must be two finite values, low before high"),
    ],
)
def test_contrast_limits_that_make_no_sense_are_refused(volume, how, text):
    with pytest.raises(VolumeError, match=text):
        VideoSession(FakePredictor(), volume, **how)


def test_a_step_that_changes_nothing_keeps_redo(session):
    session.add_box(1, 3, (2, 2, 10, 10))
    session.rename_object(1, "liver")
    session.undo()
    session.rename_object(1, "object 1")
    session.clear_prompts(1, 7)
    assert session.redo()
    assert session.objects[1].name == "liver"


def test_undo_stays_within_its_budget(volume, monkeypatch):
    monkeypatch.setattr("napari_sam2.session.state.session_state.History", partial(History, 3000))
    session = VideoSession(FakePredictor(), volume)
    session.add_box(1, 10, (4, 5, 10, 12))
    for i in range(40):
        session.rename_object(1, f"name {i}")
    assert 1 <= len(session.steps) < 30
    session.undo()
    assert session.objects[1].name == "name 38"
    with pytest.raises(SessionFileError, match="shortened"):
        session.replay()


def test_steps_are_those_that_stand_and_cannot_be_changed(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    session.predict_frame(7)
    session.rename_object(1, "liver")
    list(session.propagate(stop_when_gone=3))
    assert [step.name for step in session.steps] == ["add_box", "rename_object", "propagate"]
    first, _, last = session.steps
    assert dict(first.arguments) == {"obj_id": 1, "frame": 7}
    assert first.change_count == 3, "the object, its prompts and the answer to them"
    assert last.arguments["stop_when_gone"] == 3
    assert last.change_count == SHAPE[0] - 1
    with pytest.raises(TypeError):
        last.arguments["stop_when_gone"] = 4
    session.undo()
    session.undo()
    assert session.steps == (first,)


def test_lengths_are_measured_with_the_geometry_that_was_set_last(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    session.predict_frame(7)
    volume = session.volume
    apart = replace(volume, spacing=(10.0, 1.0, 1.0), units="mm", affine=None)
    session.set_geometry(apart)
    assert session.volume.spacing == (10.0, 1.0, 1.0)
    assert session.volume.array is volume.array
    assert np.array_equal(session.volume.affine, apart.affine)
    session.apply("grow", [1], radius=4.0, dimensions=3)
    assert np.flatnonzero((session.labels() == 1).any(axis=(1, 2))).tolist() == [7]
    with pytest.raises(VolumeError, match="does not say where"):
        session.set_geometry(replace(volume, array=volume.array[1:], affine=None))
