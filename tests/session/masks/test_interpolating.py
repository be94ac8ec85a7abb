"""Masks between accepted frames, from their outlines."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, numbered_volume
from support.session_view import box_mask, is_locked


@pytest.fixture
def session(volume):
    session = VideoSession(FakePredictor(), volume)
    session.add_mask(1, 4, box_mask(4, 4, 16, 16))
    session.predict_frame(4)
    session.edit_mask(1, 10, box_mask(8, 8, 12, 12))
    return session


def stale(session):
    return [f for f in range(SHAPE[0]) if session.count_stale(frames=[f])[0]]


def test_the_masks_lie_between_those_on_both_sides_and_count_as_tracked(session):
    assert session.interpolate(1) == [5, 6, 7, 8, 9]
    areas = [int(session.mask(1, f).sum()) for f in range(4, 11)]
    assert areas == sorted(areas, reverse=True)
    assert len(set(areas)) > 3
    assert not any(is_locked(session, 1, f) for f in range(5, 10))
    assert list(session.accepted_masks(1)) == [4, 10]


def test_a_run_writes_them_only_once_the_accepted_frames_change_or_by_force(session):
    session.interpolate(1)
    masks = {f: session.mask(1, f) for f in range(5, 10)}
    assert not set(stale(session)) & set(masks)
    list(session.propagate())
    assert all(np.array_equal(session.mask(1, f), masks[f]) for f in masks)
    session.memory = "selected"  # no model made them
    assert not set(stale(session)) & set(masks)
    session.edit_mask(1, 10, box_mask(8, 8, 14, 14))
    assert set(masks) <= set(stale(session))


def test_force_computes_them(session):
    session.interpolate(1)
    before = session.mask(1, 7)
    list(session.propagate(force=True))
    assert not np.array_equal(session.mask(1, 7), before)


def test_only_the_frames_that_were_asked_for_and_one_undo(session):
    assert session.interpolate(1, range(6, 8)) == [6, 7]
    assert session.mask(1, 5) is None
    session.undo()
    assert session.mask(1, 6) is None
    session.redo()
    assert session.mask(1, 6).any()


def test_they_are_kept_in_a_file_with_what_they_follow_from(session, tmp_path):
    session.interpolate(1)
    labels, todo = session.labels(), stale(session)
    session.save(tmp_path / "case.sam2")
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", FakePredictor(), numbered_volume())
    assert np.array_equal(again.labels(), labels)
    assert stale(again) == todo
    assert again.replay() == 0
    again.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [((2,), "no object"), ((1, [2, 12]), "between two accepted"), ((1, [99]), "There is no slice 99")],
)
def test_what_cannot_be_interpolated_is_said_and_changes_nothing(session, arguments, says):
    before = len(session.steps)
    with pytest.raises(PromptError, match=says):
        session.interpolate(*arguments)
    assert len(session.steps) == before


def test_a_prompt_without_an_answer_is_no_end(session):
    session.add_box(1, 14, (4, 4, 8, 8))
    with pytest.raises(PromptError, match="no answer yet"):
        session.interpolate(1, [12])
    assert session.interpolate(1, [6]) == [6]


def test_one_accepted_frame_is_too_few(volume):
    session = VideoSession(FakePredictor(), volume)
    session.edit_mask(1, 10, box_mask(8, 8, 12, 12))
    with pytest.raises(PromptError, match="takes two"):
        session.interpolate(1)
    with pytest.raises(PromptError, match="Exact mode"):
        VideoSession(FakePredictor(), volume, exact=True).interpolate(1)
