"""Hand edits, locks and cuts."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor
from support.session_view import box_mask, filled


def test_hand_edit_is_locked_conditions_and_takes_pixels(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    session.add_box(2, 7, (12, 5, 18, 12))
    list(session.propagate())
    drawn = box_mask(10, 0, 14, 32)
    session.edit_mask(1, 12, drawn)
    assert not session.mask(2, 12)[10:14].any()
    frames = {s.frame for s in session.propagate()}
    assert 12 not in frames
    assert {10, 11, 13, 19} <= frames
    assert np.array_equal(session.mask(1, 12), drawn)
    assert session.mask(1, 13)[10:14].all()
    session.unlock(frame=12, obj_id=1)
    assert 12 in {s.frame for s in session.propagate()}
    assert not np.array_equal(session.mask(1, 12), drawn)


def test_what_is_painted_comes_and_what_is_erased_goes_as_one_step(session):
    session.edit_mask(1, 5, box_mask(4, 4, 10, 10))
    session.paint(5, {2: box_mask(20, 4, 24, 10)}, {1: box_mask(4, 4, 6, 10), 3: box_mask(0, 0, 2, 2)})
    assert np.array_equal(session.mask(1, 5), box_mask(6, 4, 10, 10))
    assert np.array_equal(session.mask(2, 5), box_mask(20, 4, 24, 10))
    assert list(session.objects) == [1, 2]
    assert session.scores(2)["locked"][5]
    session.undo()
    assert np.array_equal(session.mask(1, 5), box_mask(4, 4, 10, 10))
    assert list(session.objects) == [1]


def test_erasing_where_there_is_no_mask_is_no_step(session):
    session.paint(5, {}, {1: box_mask(4, 4, 6, 10)})
    assert not session.can_undo


def test_paint_refuses_pixels_of_another_shape(session):
    with pytest.raises(PromptError, match="shape"):
        session.paint(5, {1: np.ones((3, 3), bool)})
    assert not session.objects


def test_a_filled_outline_is_the_prompt_of_a_free_frame_and_answered(session):
    session.add_points(1, 5, [(6, 6)])
    session.fill(1, 5, box_mask(4, 4, 10, 10))
    assert not session.prompts(1, 5).points
    assert np.array_equal(session.mask(1, 5), box_mask(4, 4, 10, 10))
    assert not session.scores(1)["locked"][5]


def test_a_filled_outline_is_a_hand_edit_of_a_locked_frame(session):
    session.edit_mask(1, 5, box_mask(4, 4, 10, 10))
    session.fill(1, 5, box_mask(12, 4, 20, 10))
    assert session.prompts(1, 5) is None
    assert np.array_equal(session.mask(1, 5), box_mask(12, 4, 20, 10))
    assert session.scores(1)["locked"][5]


def test_an_outline_of_what_lies_outside_takes_its_pixels_away(session):
    session.fill(1, 5, box_mask(4, 4, 10, 10))
    session.fill(1, 5, box_mask(4, 4, 6, 32), inside=False)
    assert np.array_equal(session.mask(1, 5), box_mask(6, 4, 10, 10))
    assert session.scores(1)["locked"][5]
    session.fill(2, 5, box_mask(4, 4, 6, 32), inside=False)
    assert list(session.objects) == [1]


def test_only_masks_that_are_still_as_they_were_seen_are_locked(session):
    session.add_box(1, 5, (4, 4, 10, 10))
    list(session.propagate(frames=range(3, 8)))
    for frame in (3, 5, 6, 12):
        session.note_seen(frame)
    session.edit_mask(1, 6, box_mask(0, 0, 3, 3))
    session.unlock(frame=6, obj_id=1)
    session.lock(frame=5, obj_id=1)
    assert session.seen_frames(1) == [3]
    assert session.seen_frames(1, changed=True) == [3, 6]
    session.lock_seen(1)
    locked = session.scores(1)["locked"]
    assert list(locked.index[locked]) == [3, 5]
    with pytest.raises(PromptError, match="no slice of object 1 to lock"):
        session.lock_seen(1)
    session.undo()
    assert session.seen_frames(1) == [3]


@pytest.mark.parametrize("method", ["lock", "unlock"])
def test_lock_and_unlock_take_keywords_and_for_one_version_frame_and_object_by_position(session, method):
    session.add_box(1, 5, (4, 4, 10, 10))
    session.predict_frame(5)
    kinds = {
        p.kind for name, p in inspect.signature(getattr(VideoSession, method)).parameters.items() if name != "self"
    }
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    if method == "unlock":
        session.lock(obj_id=1, frame=5)
    with pytest.warns(DeprecationWarning, match=rf"write {method}\(frame=5, obj_id=1\)"):
        getattr(session, method)(5, 1)
    assert session.scores(1)["locked"][5] == (method == "lock")


def test_cut_removes_and_holds_until_a_prompt_beyond_lifts_it(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    list(session.propagate())
    session.cut(1, 14, "above")
    session.cut(1, 5, "below")
    assert filled(session, 1) == list(range(5, 15))
    list(session.propagate(force=True))
    assert filled(session, 1) == list(range(5, 15))
    session.add_box(1, 17, (4, 5, 10, 12))
    list(session.propagate())
    assert filled(session, 1) == list(range(5, 20))
    # The forced run came to the same masks and is no step.
    session.undo()
    session.undo()
    assert filled(session, 1) == list(range(5, 15))
    session.undo()
    assert filled(session, 1) == list(range(15))
    session.undo()
    assert filled(session, 1) == list(range(20))


def test_cut_refuses_where_a_locked_frame_lies_beyond(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    list(session.propagate())
    session.lock(frame=16, obj_id=1)
    before = session.labels()
    with pytest.raises(PromptError, match="slice 16 is locked"):
        session.cut(1, 14, "above")
    assert np.array_equal(session.labels(), before)


def test_lock_frames_is_one_step(session):
    session.add_box(1, 3, (2, 2, 10, 10))
    list(session.propagate())
    session.lock_frames(1, range(20))
    assert session.objects[1].state == "reviewed"
    assert list(session.propagate(force=True)) == []
    session.undo()
    assert session.objects[1].state == "in progress"
    with pytest.raises(PromptError, match="no object 1"):
        VideoSession(FakePredictor(), session.volume).lock(frame=5, obj_id=1)


@pytest.mark.parametrize("overlap", ["keep", "overwrite", "score"])
def test_a_hand_edit_keeps_its_pixels_whatever_comes_later(volume, overlap):
    session = VideoSession(FakePredictor(), volume, overlap=overlap)
    drawn = np.zeros(SHAPE[1:], bool)
    drawn[4:10, 4:10] = True
    session.add_box(1, 8, (0, 0, 20, 20))
    session.add_box(3, 8, (0, 0, 20, 20))
    list(session.propagate())
    session.edit_mask(2, 8, drawn)
    session.add_points(1, 8, [(6, 6)])
    session.predict_frame(8)
    list(session.propagate(force=True))
    assert np.array_equal(session.labels()[8] == 2, drawn)


@pytest.mark.parametrize("overlap", ["keep", "overwrite", "score"])
def test_a_hand_edit_leaves_locked_frames_of_others_alone(volume, overlap):
    session = VideoSession(FakePredictor(), volume, overlap=overlap)
    session.add_box(1, 8, (2, 2, 12, 12))
    session.predict_frame(8)
    before = session.labels()[8] == 1
    session.lock(frame=8, obj_id=1)
    session.edit_mask(2, 8, np.ones(SHAPE[1:], bool))
    assert np.array_equal(session.labels()[8] == 1, before)


def test_several_masks_edited_by_hand_are_one_step(session):
    session.add_box(1, 3, (2, 2, 10, 10))
    session.add_box(2, 3, (12, 12, 20, 20))
    session.predict_frame(3)
    before = session.labels()
    first, second = session.mask(1, 3), session.mask(2, 3)
    first[4], second[14] = False, False
    session.edit_masks(3, {1: first, 2: second})
    assert not session.labels()[3, 4].any()
    assert not session.labels()[3, 14].any()
    assert session.scores(1).locked[3]
    assert session.scores(2).locked[3]
    session.undo()
    assert np.array_equal(session.labels(), before)
