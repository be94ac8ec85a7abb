"""Accepting a mask as it stands makes no frame stale, and a correction reaches no further than the accepted frames."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, numbered_volume

START, LOW, HIGH = 10, 5, 15


def stale(session, obj_id=1):
    return [f for f in range(SHAPE[0]) if session.count_stale(frames=[f], objects=[obj_id])[0]]


def drawn(rows=3):
    mask = np.zeros(SHAPE[1:], bool)
    mask[1 : 1 + rows, 1:9] = True
    return mask


@pytest.fixture
def session():
    session = VideoSession(FakePredictor(), numbered_volume())
    session.add_box(1, START, (4, 5, 10, 12))
    session.add_box(2, 3, (14, 5, 20, 12))
    list(session.propagate())
    assert session.count_stale() == (0, 0)
    return session


ACCEPT = {
    "lock": lambda s, frames: [s.lock(frame=f, obj_id=1) for f in frames],
    "lock_frames": lambda s, frames: s.lock_frames(1, frames),
    "the mask that is there as an edit": lambda s, frames: [s.edit_mask(1, f, s.mask(1, f)) for f in frames],
    "the mask that is there as a prompt": lambda s, frames: [s.add_mask(1, f, s.mask(1, f)) for f in frames],
    "the labels that are there": lambda s, frames: s.add_labels(s.labels(), frames, [1]),
}
RELEASE = {
    "unlock": lambda s, frames: [s.unlock(frame=f, obj_id=1) for f in frames],
    "clear": lambda s, frames: s.clear_several([(1, f) for f in frames]),
    "undo": lambda s, frames: s.undo(),
}


@pytest.mark.parametrize("accept", ACCEPT.values(), ids=ACCEPT.keys())
@pytest.mark.parametrize(
    "frames", [[LOW], [LOW, HIGH], [LOW, LOW + 1, HIGH], [START], [0, 19], list(range(20))], ids=str
)
def test_accepting_a_mask_as_it_stands_makes_nothing_stale(session, accept, frames):
    before = session.labels()
    accept(session, frames)
    assert session.count_stale() == (0, 0)
    assert list(session.propagate()) == []
    assert np.array_equal(session.labels(), before)
    for frame in frames:
        session.predict_frame(frame) if session.prompts(1, frame) else None
    assert session.count_stale() == (0, 0)


@pytest.mark.parametrize("accept", ACCEPT.values(), ids=ACCEPT.keys())
def test_after_a_correction_only_frames_between_accepted_ones_are_computed(session, accept):
    accept(session, [LOW, HIGH])
    before = session.labels()
    session.edit_mask(1, START, drawn())
    expected = [*range(LOW + 1, START), *range(START + 1, HIGH)]
    assert stale(session) == expected
    assert sorted(step.frame for step in session.propagate()) == expected
    after = session.labels()
    outside = [*range(LOW + 1), *range(HIGH, SHAPE[0])]
    assert np.array_equal(after[outside], before[outside])
    assert np.array_equal(after == 2, before == 2)
    assert session.count_stale() == (0, 0)
    assert session.replay() == 0


@pytest.mark.parametrize("correct", ["points", "edit"])
def test_a_correction_between_two_accepted_frames_stays_between_them(session, correct):
    session.lock_frames(1, [LOW, LOW + 5, HIGH])
    if correct == "points":
        session.add_points(1, 7, [(20, 20)])
        session.predict_frame(7)
    else:
        session.edit_mask(1, 7, drawn())
    assert stale(session) == [6, 8, 9]


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_one_direction_knows_accepted_masks_too(session, direction):
    session.lock_frames(1, [LOW, HIGH])
    assert session.count_stale(direction) == (0, 0)
    session.edit_mask(1, START, drawn())
    computed = [step.frame for step in session.propagate(direction=direction)]
    assert sorted(computed) == sorted([*range(LOW + 1, START), *range(START + 1, HIGH)])


@pytest.mark.parametrize(("accept", "release"), [("lock", "unlock"), ("the labels that are there", "clear")])
def test_releasing_a_mask_that_was_accepted_as_it_stood_makes_nothing_stale(session, accept, release):
    frames = [START - 2] if accept != "lock" else [START, LOW]
    ACCEPT[accept](session, frames)
    RELEASE[release](session, frames)
    assert session.count_stale() == (0, 0)


def test_what_was_tracked_from_an_accepted_mask_stays_when_that_is_released():
    session = VideoSession(FakePredictor(), numbered_volume())
    session.add_box(1, START, (4, 5, 10, 12))
    list(session.propagate(frames=range(8, 13)))
    session.lock_frames(1, [START, 12])
    list(session.propagate(frames=range(8, 16)))
    session.lock(frame=15, obj_id=1)
    list(session.propagate())
    assert session.count_stale() == (0, 0)
    for frame in (12, START, 15):
        session.unlock(frame=frame, obj_id=1)
        assert session.count_stale() == (0, 0)


def test_releasing_after_a_correction_makes_stale_what_that_correction_reaches(session):
    session.lock(frame=LOW, obj_id=1)
    session.edit_mask(1, START, drawn())
    list(session.propagate())
    session.unlock(frame=LOW, obj_id=1)
    # Those above were tracked from a mask that is itself to be computed now.
    assert stale(session) == list(range(START))


def test_an_edit_on_an_accepted_frame_reaches_the_next_accepted_ones(session):
    session.lock_frames(1, [2, LOW, HIGH])
    session.edit_mask(1, LOW, drawn())
    assert stale(session) == [3, 4, 6, 7, 8, 9]
    list(session.propagate())
    session.edit_mask(1, HIGH, drawn())
    assert stale(session) == [11, 12, 13, 14, 16, 17, 18, 19]


def test_an_edit_reaches_nothing_beyond_a_mask_that_was_accepted_from_elsewhere():
    session = VideoSession(FakePredictor(), numbered_volume())
    session.add_box(1, 2, (4, 5, 10, 12))
    list(session.propagate(frames=range(10)))
    session.lock(frame=5, obj_id=1)
    list(session.propagate())
    session.lock(frame=9, obj_id=1)
    session.edit_mask(1, 5, drawn())
    # 10 and further were tracked from 5, but 9, which is accepted, from 2.
    assert stale(session) == [3, 4, 6, 7, 8]


def test_prompts_on_a_frame_that_was_accepted_and_released_reach_their_neighbours_and_go_again(session):
    session.lock_frames(1, [LOW, HIGH])
    session.unlock(frame=LOW, obj_id=1)
    session.add_points(1, LOW, [(20, 20)])
    session.predict_frame(LOW)
    assert stale(session) == [*range(LOW), *range(LOW + 1, START)]
    session.clear_prompts(1, LOW)
    assert session.count_stale() == (0, 0)


def test_a_drawn_mask_is_no_mask_as_it_stands(session):
    session.edit_mask(1, LOW, drawn())
    expected = [*range(LOW), *range(LOW + 1, START)]
    assert stale(session) == expected
    session.unlock(frame=LOW, obj_id=1)
    assert stale(session) == [LOW]
    session.lock(frame=LOW, obj_id=1)
    assert stale(session) == expected


def test_accepting_a_mask_that_is_stale_itself_makes_no_other_stale(session):
    session.edit_mask(1, START, drawn())
    list(session.propagate(frames=range(13, 20)))
    before = stale(session)
    session.lock(frame=12, obj_id=1)
    assert set(stale(session)) <= set(before)


def test_force_computes_all_but_accepted_frames_and_makes_nothing_stale(session):
    session.lock_frames(1, [LOW, HIGH])
    computed = {step.frame for step in session.propagate(force=True, objects=[1])}
    assert computed == set(range(SHAPE[0])) - {LOW, START, HIGH}
    assert session.count_stale() == (0, 0)
    session.unlock(frame=LOW, obj_id=1)
    assert session.count_stale() == (0, 0)


@pytest.mark.parametrize("when", ["before the correction", "after the run"])
def test_accepted_masks_stay_what_they_are_in_a_file_and_through_undo(session, tmp_path, when):
    session.lock_frames(1, [LOW, HIGH])
    if when == "after the run":
        session.edit_mask(1, START, drawn())
        list(session.propagate())
        session.unlock(frame=HIGH, obj_id=1)
    expected, labels = stale(session), session.labels()
    session.save(tmp_path / "case.sam2")
    session.close()
    session = VideoSession.open(tmp_path / "case.sam2", FakePredictor(), numbered_volume())
    assert stale(session) == expected
    while session.undo():
        pass
    while session.redo():
        pass
    assert stale(session) == expected
    assert np.array_equal(session.labels(), labels)
    assert session.replay() == 0
    session.close()


def test_a_log_in_which_accepting_made_all_stale_replays_to_the_same_masks(session, monkeypatch):
    from napari_sam2.session.tracking.planning import Freshness, sources_of

    def as_before(self, frame):
        record = self._masks.get(frame)
        return record is not None and [s[:4] for s in record.computed_from] == [
            s[:4] for s in sources_of(self._accepted, frame)
        ]

    with monkeypatch.context() as patched:
        patched.setattr(Freshness, "is_fresh", as_before)
        session.lock_frames(1, [LOW, HIGH])
        assert len(list(session.propagate())) == SHAPE[0] - 3
        session.unlock(frame=HIGH, obj_id=1)
        list(session.propagate())
    assert session.replay() == 0


def test_masks_of_a_file_without_what_accepted_masks_follow_from_are_fresh(session, tmp_path, monkeypatch):
    from napari_sam2.session.state import accepted_frames

    session.lock(frame=HIGH, obj_id=1)
    session.edit_mask(1, START, drawn())
    # As version 0.1 wrote it: sources say nothing of what they follow from.
    with monkeypatch.context() as patched:
        patched.setattr(accepted_frames, "_follows", lambda *_: None)
        list(session.propagate())
        session.lock(frame=LOW, obj_id=1)
    session.save(tmp_path / "case.sam2")
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", FakePredictor(), numbered_volume())
    assert again.count_stale() == (0, 0)
    again.edit_mask(1, START, drawn(5))
    assert stale(again) == [*range(LOW + 1, START), *range(START + 1, HIGH)]
    again.close()


def test_an_object_that_is_not_there_is_accepted_as_not_there():
    session = VideoSession(FakePredictor(vanish_after=12), numbered_volume())
    session.add_box(1, START, (4, 5, 10, 12))
    list(session.propagate(stop_when_gone=0))
    assert not session.mask(1, 16).any()
    session.add_mask(1, 16, np.zeros(SHAPE[1:], bool))
    session.lock(frame=18, obj_id=1)
    assert session.count_stale() == (0, 0)
    session.edit_mask(1, START, drawn())
    list(session.propagate(stop_when_gone=0))
    assert not session.mask(1, 17).any()


def test_masks_of_another_model_are_stale_beside_accepted_ones_too(session):
    session.lock_frames(1, [LOW, HIGH])
    other = FakePredictor()
    other.name = "other"
    session.use(other)
    assert stale(session) == sorted(set(range(SHAPE[0])) - {LOW, HIGH})
