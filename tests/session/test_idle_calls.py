"""Calls that have nothing to do change nothing; what they are given has to exist."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, numbered_volume
from support.session_view import log_of, on_frames

LAST = SHAPE[0] - 1


BOX = (4, 5, 10, 12)


def drawn():
    mask = np.zeros(SHAPE[1:], bool)
    mask[1:4, 1:9] = True
    return mask


@pytest.fixture
def session(tmp_path):
    """Object 1 tracked everywhere, drawn on 12, locked as it stood on 8; 2 without anything; a step to redo; a file."""
    session = VideoSession(FakePredictor(), numbered_volume(), window=(0, 9000))
    session.add_box(1, 5, BOX)
    list(session.propagate())
    session.edit_mask(1, 12, drawn())
    list(session.propagate())
    session.lock(frame=8, obj_id=1)
    session.add_points(2, 3, [(15, 15)])
    session.add_points(3, 0, [(20, 15)])
    session.predict_frame(0)
    session.reset_object(2)
    session.rename_object(1, "liver")
    session.recolor_object(1, (0.25, 0.5, 1))
    session.cut(3, 2, "above")
    session.delete_object(2)
    session.add_points(4, 3, [(15, 15)])
    session.reset_object(4)
    session.rename_object(1, "not yet")
    session.undo()
    session.save(tmp_path / "case.sam2")
    return session


def state_of(session):
    return (
        log_of(session),
        session.count_stale(),
        session.labels().tobytes(),
        session.path.read_bytes(),
        session.path.stat().st_mtime_ns,
    )


IDLE = {
    "clear where there are no prompts": lambda s: s.clear_prompts(1, 3),
    "clear of an object without anything": lambda s: s.clear_prompts(4, 3),
    "set_prompts of none": lambda s: s.set_prompts(1, 3),
    "clear_several where there are none": lambda s: s.clear_several([(1, 0), (1, 3), (4, 3)]),
    "clear_several of no place": lambda s: s.clear_several([]),
    "set_prompts of the same": lambda s: s.set_prompts(1, 5, box=BOX),
    "the same box": lambda s: s.add_box(1, 5, BOX),
    "lock of a locked frame": lambda s: s.lock(frame=8, obj_id=1),
    "lock_frames of locked frames": lambda s: s.lock_frames(1, [8, 12]),
    "lock_frames of no frame": lambda s: s.lock_frames(1, []),
    "unlock of a frame that is not locked": lambda s: s.unlock(frame=3, obj_id=1),
    "unlock of a prompted frame": lambda s: s.unlock(frame=5, obj_id=1),
    "edit to the mask that is there": lambda s: s.edit_mask(1, 12, drawn()),
    "edit to the mask that was accepted": lambda s: s.edit_mask(1, 8, s.mask(1, 8)),
    "edit of no object": lambda s: s.edit_masks(3, {}),
    "labels that are locked as they are": lambda s: s.add_labels(s.labels(), [8, 12], [1]),
    "the same name": lambda s: s.rename_object(1, "liver"),
    "the same colour": lambda s: s.recolor_object(1, (0.25, 0.5, 1)),
    "the same place in the order": lambda s: s.move_object(3, 1),
    "reset of an empty object": lambda s: s.reset_object(4),
    "cut above the last frame": lambda s: s.cut(1, LAST, "above"),
    "cut below the first frame": lambda s: s.cut(1, 0, "below"),
    "the same cut": lambda s: s.cut(3, 2, "above"),
    "a cut beyond the cut": lambda s: s.cut(3, 9, "above"),
    "the same overlap rule": lambda s: setattr(s, "overlap", s.overlap),
    "the same window": lambda s: s.set_window(*s.window),
    "the same model": lambda s: s.use(s.predictor),
    "save where it is saved": lambda s: s.save(s.path),
    "predict_frame of what is answered": lambda s: s.predict_frame(5),
    "propagate where all is fresh": lambda s: list(s.propagate(objects=[1])),
    "propagate by force to the same masks": lambda s: list(s.propagate(objects=[3], force=True, frames=[0])),
    "replay": lambda s: s.replay(),
    "count": lambda s: s.count_stale(),
    "export": lambda s: s.export_prompts(s.path.with_suffix(".json")),
    "encode_ahead": lambda s: s.encode_ahead(),
}


@pytest.mark.parametrize("call", IDLE.values(), ids=IDLE.keys())
def test_a_call_with_nothing_to_do_changes_nothing(session, call):
    before = state_of(session)
    call(session)
    assert state_of(session) == before
    assert session.redo()
    assert session.objects[1].name == "not yet"


def test_undo_and_redo_at_their_ends_change_nothing(session):
    while session.undo():
        pass
    before = state_of(session)
    assert not session.undo()
    assert state_of(session) == before
    while session.redo():
        pass
    before = state_of(session)
    assert not session.redo()
    assert state_of(session) == before


def test_a_merge_that_adds_no_pixel_locks_no_frame(session):
    session.add_mask(2, 5, session.mask(1, 5) & (np.arange(SHAPE[2]) < 8))
    session.predict_frame(5)
    before = on_frames(session, 1)
    session.merge_objects(into=1, other=2)
    assert on_frames(session, 1) == before
    assert not session.scores(1)["locked"][5]
    assert 2 not in session.objects


def test_clearing_twice_is_one_step(session):
    session.add_points(1, 3, [(20, 20)])
    session.predict_frame(3)
    session.clear_prompts(1, 3)
    before = state_of(session)
    session.clear_prompts(1, 3)
    assert state_of(session) == before


ON_AN_OBJECT = {
    "clear_prompts": lambda s, i, f: s.clear_prompts(i, f),
    "set_prompts": lambda s, i, f: s.set_prompts(i, f),
    "clear_several": lambda s, i, f: s.clear_several([(i, f)]),
    "lock": lambda s, i, f: s.lock(frame=f, obj_id=i),
    "lock_frames": lambda s, i, f: s.lock_frames(i, [f]),
    "unlock": lambda s, i, f: s.unlock(frame=f, obj_id=i),
    "cut": lambda s, i, f: s.cut(i, f, "above"),
}


ON_A_WHOLE_OBJECT = {
    "scores": lambda s, i: s.scores(i),
    "reset": lambda s, i: s.reset_object(i),
    "delete": lambda s, i: s.delete_object(i),
    "rename": lambda s, i: s.rename_object(i, "x"),
    "recolor": lambda s, i: s.recolor_object(i, (0, 0, 1)),
    "move": lambda s, i: s.move_object(i, 0),
    "merge into it": lambda s, i: s.merge_objects(i, 1),
    "merge it": lambda s, i: s.merge_objects(1, i),
    "propagate": lambda s, i: s.propagate(objects=[1, i]),
    "count_stale": lambda s, i: s.count_stale(objects=[i]),
}


ON_A_FRAME = {
    **{name: lambda s, f, call=call: call(s, 1, f) for name, call in ON_AN_OBJECT.items()},
    "add_points": lambda s, f: s.add_points(1, f, [(1, 1)]),
    "add_box": lambda s, f: s.add_box(1, f, BOX),
    "add_mask": lambda s, f: s.add_mask(1, f, drawn()),
    "add_labels": lambda s, f: s.add_labels(s.labels(), [f]),
    "edit_mask": lambda s, f: s.edit_mask(1, f, drawn()),
    "edit_masks": lambda s, f: s.edit_masks(f, {}),
    "predict_frame": lambda s, f: s.predict_frame(f),
    "propagate": lambda s, f: s.propagate(frames=[5, f]),
    "count_stale": lambda s, f: s.count_stale(frames=[f]),
    "encode_ahead": lambda s, f: s.encode_ahead([f]),
    "count_encoded": lambda s, f: s.count_encoded([f]),
    "frame_labels": lambda s, f: s.frame_labels(f),
    "frame_index": lambda s, f: s.frame_index(f),
    "mask": lambda s, f: s.mask(1, f),
    "prompts": lambda s, f: s.prompts(1, f),
    "prompt_window": lambda s, f: s.prompt_window(1, f),
}


@pytest.mark.parametrize(
    "call",
    [*(lambda s, i, c=c: c(s, i, 5) for c in ON_AN_OBJECT.values()), *ON_A_WHOLE_OBJECT.values()],
    ids=[*ON_AN_OBJECT, *ON_A_WHOLE_OBJECT],
)
@pytest.mark.parametrize(("obj_id", "text"), [(9, "There is no object 9; objects: 1, 3, 4."), (0, "obj_id=0")])
def test_an_object_that_does_not_exist_is_an_error_that_lists_those_that_do(session, call, obj_id, text):
    before = state_of(session)
    with pytest.raises(PromptError) as error:
        call(session, obj_id)
    assert text in str(error.value)
    assert state_of(session) == before


@pytest.mark.parametrize("call", ON_A_FRAME.values(), ids=ON_A_FRAME.keys())
@pytest.mark.parametrize("frame", [SHAPE[0], -1, 2.5])
def test_a_frame_that_does_not_exist_is_an_error(session, call, frame):
    before = state_of(session)
    with pytest.raises(PromptError, match=f"There is no slice {frame}: the image has slices 0 to {LAST}"):
        call(session, frame)
    assert state_of(session) == before


@pytest.mark.parametrize("call", ["mask", "prompts", "prompt_window"])
def test_looking_for_something_of_an_object_that_does_not_exist_is_an_error(session, call):
    with pytest.raises(PromptError, match="There is no object 9"):
        getattr(session, call)(9, 5)
    with pytest.raises(PromptError, match="There is no object 9"):
        session.prompted_frames(9)
