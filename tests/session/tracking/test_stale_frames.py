"""The frames that a run has to compute."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.session.tracking.stale_frames import StaleFrames
from support.predictors import SHAPE
from support.session_view import state_of

FRAMES = range(SHAPE[0])


def stale(session, *, finished=(), **how):
    settings = {"direction": "both", "frames": FRAMES, "force": False, **how}
    return StaleFrames(state_of(session), **settings).tasks(list(session.objects), finished)


@pytest.fixture
def tracked(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    session.add_box(2, 3, (14, 5, 20, 12))
    list(session.propagate())
    return session


def test_every_frame_is_stale_before_the_first_run_and_none_after_it(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    before = stale(session)
    assert sorted(before) == list(FRAMES)
    assert {frame: tasks[1].sweep for frame, tasks in before.items()} == {f: -1 if f < 10 else 1 for f in FRAMES}
    list(session.propagate())
    assert stale(session) == {}


def test_a_direction_and_finished_frames_leave_frames_out(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    assert sorted(stale(session, direction="forward")) == list(range(10, SHAPE[0]))
    assert sorted(stale(session, frames=range(8, 13), finished={9, 12})) == [8, 10, 11]


def test_force_takes_every_tracked_frame_and_no_answered_one(tracked):
    forced = stale(tracked, force=True)
    assert {obj: [f for f in FRAMES if obj not in forced.get(f, {})] for obj in (1, 2)} == {1: [10], 2: [3]}


def test_exactly_takes_these_frames_alone(tracked):
    chosen = stale(tracked, exactly={(1, 7), (2, 12)})
    assert {frame: list(tasks) for frame, tasks in chosen.items()} == {7: [1], 12: [2]}


def test_an_edit_makes_the_frames_stale_that_it_reaches(tracked):
    mask = np.zeros(SHAPE[1:], bool)
    mask[1:4, 1:9] = True
    tracked.edit_mask(1, 14, mask)
    assert {obj for tasks in stale(tracked).values() for obj in tasks} == {1}
    assert sorted(stale(tracked)) == [f for f in range(11, SHAPE[0]) if f != 14]


def test_beyond_a_cut_nothing_is_stale(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    session.cut(1, 15, "above")
    assert sorted(stale(session)) == list(range(16))


@pytest.mark.parametrize("is_previewed", [False, True])
def test_a_frame_without_the_object_is_known_before_anything_is_tracked_from_it(session, is_previewed):
    mask = np.zeros(SHAPE[1:], bool)
    mask[5:12, 5:12] = True
    session.add_mask(1, 4, mask)
    session.add_mask(1, 16, np.zeros_like(mask))
    if is_previewed:
        session.predict_frame(16)
    list(session.propagate())
    assert [f for f in range(4, 20) if session.mask(1, f).any()] == list(range(4, 16))


def test_what_a_click_that_finds_nothing_was_to_give_comes_from_elsewhere(session):
    mask = np.zeros(SHAPE[1:], bool)
    mask[5:12, 5:12] = True
    session.add_mask(1, 4, mask)
    session.add_points(1, 16, [(20, 20)], [0])
    list(session.propagate())
    assert not session.mask(1, 16).any()
    assert [f for f in range(4, 20) if session.mask(1, f).any()] == list(range(4, 16))
    assert stale(session) == {}
