"""Stacks through time: each seeds the next, a stop loses nothing, and a correction is what goes on."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor

SHAPE = (4, 6, 20, 30)


@pytest.fixture
def movie():
    return ns.ImageVolume(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), axes="tzyx")


def begun(movie, time=0, **how):
    session = VideoSession(FakePredictor(), movie, "z", at={"t": time}, **how)
    session.add_box(1, 2, (4, 5, 10, 9))
    session.add_box(3, 3, (12, 5, 18, 9))
    session.rename_object(3, "nucleus")
    return session


def columns(labels, obj_id, time, frame):
    return np.flatnonzero((labels[time, frame] == obj_id).any(axis=0))[[0, -1]].tolist()


def test_each_stack_seeds_the_next(movie):
    labels, sessions, session = np.zeros(SHAPE, np.uint16), {}, begun(movie)
    steps = [(step.time, step.result.frame) for step in ns.track_4d(session, sessions=sessions, out=labels)]
    assert sorted(steps) == [(t, z) for t in range(4) for z in range(6)]
    assert [t for t, _ in steps] == sorted(t for t, _ in steps)
    assert list(sessions) == [0, 1, 2, 3]
    assert sessions[0] is session
    for t, one in sessions.items():
        assert np.array_equal(one.labels()[t], labels[t])
    # The fake moves a mask by a column a frame, through time as through the stack: the middle slice is slice 3.
    assert columns(labels, 1, 0, 3) == [6, 9]
    assert columns(labels, 1, 1, 3) == [7, 10]
    assert columns(labels, 1, 3, 3) == [9, 12]
    assert columns(labels, 1, 3, 5) == [11, 14]
    assert [info.name for info in sessions[3].objects.values()] == ["object 1", "nucleus"]
    assert sessions[2].prompted_frames(1) == [3]


def test_masks_may_be_handed_on_as_they_are(movie):
    labels = np.zeros(SHAPE, np.uint16)
    list(ns.track_4d(begun(movie), [1], moves=False, seeds="accepted", out=labels))
    assert columns(labels, 1, 1, 2) == columns(labels, 1, 0, 2) == [5, 8]
    assert columns(labels, 3, 1, 3) == [5, 8]
    assert not labels[2:].any()


def test_time_may_go_back(movie):
    sessions = {}
    steps = [step.time for step in ns.track_4d(begun(movie, 3), range(2, -1, -1), sessions=sessions)]
    assert steps == sorted(steps, reverse=True)
    assert list(sessions) == [3, 2, 1, 0]
    assert sessions[0].objects[3].frames == 6


def test_a_stop_loses_nothing_and_it_goes_on_there(movie):
    session, sessions, labels = begun(movie), {}, np.zeros(SHAPE, np.uint16)
    run = ns.track_4d(session, sessions=sessions, out=labels)
    for _ in range(9):
        step = next(run)
    run.close()
    assert step.time == 1
    assert np.count_nonzero(labels[1].any(axis=(1, 2))) == 3
    predicted = len(session.predictor.asked)
    rest = [(step.time, step.result.frame) for step in ns.track_4d(session, sessions=sessions, out=labels)]
    assert len(rest) == 24 - 9
    assert labels.any(axis=(2, 3)).all()
    again = np.zeros(SHAPE, np.uint16)
    list(ns.track_4d(begun(movie), out=again))
    assert np.array_equal(again, labels)
    assert predicted


def test_a_correction_stays_and_seeds_what_comes_after(movie):
    session, sessions, labels = begun(movie), {}, np.zeros(SHAPE, np.uint16)
    list(ns.track_4d(session, sessions=sessions, out=labels))
    mask = np.zeros(SHAPE[2:], bool)
    mask[0:3, 20:24] = True
    sessions[1].edit_mask(1, 3, mask)
    for time in (2, 3):
        sessions.pop(time).close()
    list(ns.track_4d(session, sessions=sessions, out=labels))
    assert np.array_equal(labels[1, 3] == 1, mask)
    assert columns(labels, 1, 2, 3) == [21, 24]


def test_an_object_that_ended_is_not_handed_on(movie):
    session = VideoSession(FakePredictor(vanish_after=1), movie, "z", at={"t": 0})
    session.add_box(1, 0, (4, 5, 10, 9))
    sessions = {}
    times = {step.time for step in ns.track_4d(session, sessions=sessions)}
    # Through time it is gone after time point 1.
    assert times == {0, 1}
    assert list(sessions) == [0, 1]


def test_settings_and_channels_are_those_of_the_first():
    array = np.zeros((3, 2, 4, 20, 24), np.float32) + np.arange(2, dtype=np.float32)[:, None, None, None]
    volume = ns.ImageVolume(array, axes="tczyx")
    session = VideoSession(
        FakePredictor(),
        volume,
        "z",
        ((0, 1), (0, 2)),
        {"t": 0},
        (0, 1),
        None,
        "overwrite",
        gamma=0.5,
        neighbours="free",
    )
    session.add_box(1, 1, (4, 5, 10, 9))
    sessions = {}
    list(ns.track_4d(session, sessions=sessions))
    last = sessions[2]
    assert last.mapping == session.mapping
    assert last.grid.channels == (0, 1)
    assert (last.zoom, last.overlap, last.neighbours) == (None, "overwrite", session.neighbours)


@pytest.mark.parametrize(
    ("how", "text"),
    [({"times": [4]}, "There is no time point 4"), ({"seeds": "best"}, "seeds='best' must be one of middle, accepted")],
)
def test_what_cannot_be_done_is_a_sentence(movie, how, text):
    with pytest.raises(PromptError, match=text):
        ns.track_4d(begun(movie), **how)


def test_it_needs_a_time_point_a_prompt_and_an_array_that_fits(movie):
    with pytest.raises(PromptError, match="on one time point"):
        ns.track_4d(VideoSession(FakePredictor(), movie, "t", at={"z": 0}))
    with pytest.raises(PromptError, match="nothing to propagate"):
        ns.track_4d(VideoSession(FakePredictor(), movie, "z", at={"t": 0}))
    with pytest.raises(PromptError, match="out has shape"):
        ns.track_4d(begun(movie), out=np.zeros((2, 2)))


def test_the_values_of_an_object_are_limited_at_all_time_points(movie):
    session, sessions = begun(movie), {}
    session.set_intensity_range(1, None, 1e6)
    list(ns.track_4d(session, [1], sessions=sessions))
    assert sessions[1].intensity_range(1) == session.intensity_range(1)
    assert sessions[1].intensity_range(3) == session.intensity_range(3)


def test_a_time_point_without_marks_is_seeded_in_its_own_session(movie):
    session, sessions = begun(movie), {}
    list(ns.track_4d(session, [1, 2], sessions=sessions))
    there = sessions[1]
    before = there.labels()
    there.delete_object(1)
    there.delete_object(3)
    list(ns.track_4d(session, [1, 2], sessions=sessions))
    assert sessions[1] is there
    assert np.array_equal(there.labels(), before)
    assert [info.name for info in there.objects.values()] == ["object 1", "nucleus"]
    while list(there.objects):
        there.undo()
    there.undo()
    assert list(there.objects) == [3]
