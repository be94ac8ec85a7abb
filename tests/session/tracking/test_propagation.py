"""Runs: the frames that are computed, from where, and what happens meanwhile."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor
from support.session_view import box_mask, filled


def test_propagate_yields_every_frame_once_in_both_directions(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    frames = [step.frame for step in session.propagate()]
    assert sorted(frames) == list(range(20))
    # Three frames away the copy moved three columns.
    assert np.array_equal(session.mask(1, 10), box_mask(4, 8, 10, 15))
    assert np.array_equal(session.mask(1, 4), box_mask(4, 8, 10, 15))


def test_yielded_frame_is_already_stored(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    for step in session.propagate():
        assert np.array_equal(step.masks[1], session.labels()[step.frame] == 1)


@pytest.mark.parametrize(("direction", "expected"), [("forward", range(7, 20)), ("backward", range(8))])
def test_one_direction(session, direction, expected):
    session.add_box(1, 7, (4, 5, 10, 12))
    assert sorted(s.frame for s in session.propagate(direction=direction)) == list(expected)


def test_range_passes_frames_between_without_writing(session):
    session.add_box(1, 2, (4, 5, 10, 12))
    assert sorted(s.frame for s in session.propagate(frames=range(5, 8))) == [5, 6, 7]
    assert np.array_equal(session.mask(1, 5), box_mask(4, 8, 10, 15))
    assert session.mask(1, 3) is None


def test_nearer_prompt_owns_a_frame_and_the_lower_on_a_tie(session):
    session.add_box(1, 4, (2, 2, 6, 6))
    session.add_box(1, 10, (12, 2, 18, 6))
    list(session.propagate())
    assert session.mask(1, 7)[2:6].any()
    assert not session.mask(1, 7)[12:18].any()
    assert session.mask(1, 8)[12:18].any()
    assert not session.mask(1, 8)[2:6].any()


def test_stop_keeps_finished_frames_and_continue_computes_only_the_rest(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    run = session.propagate()
    done = [next(run).frame for _ in range(6)]
    run.close()
    before = {f: session.mask(1, f) for f in done}
    stream = session.predictor.streams[0]
    stream.advanced.clear()
    rest = [s.frame for s in session.propagate()]
    assert sorted(done + rest) == list(range(20))
    assert not set(done) & set(rest)
    # Both tracks go on where they stood: nothing is computed twice.
    assert not set(stream.advanced) & set(done)
    assert all(np.array_equal(before[f], session.mask(1, f)) for f in done)


def test_fresh_frames_are_skipped_unless_forced(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    list(session.propagate())
    assert list(session.propagate()) == []
    assert len(list(session.propagate(force=True))) == 19


def test_correction_recomputes_only_between_its_neighbours(session):
    session.add_box(1, 2, (2, 2, 6, 6))
    session.add_box(1, 17, (2, 2, 6, 6))
    list(session.propagate())
    outside = {f: session.mask(1, f) for f in (0, 1, 2, 17, 18, 19)}
    base = session.mask(1, 9)
    session.add_points(1, 9, [(20, 20)])
    preview = session.predict_frame(9)[1]
    assert preview[20, 20]
    assert (preview & base).sum() == base.sum()
    assert sorted(s.frame for s in session.propagate()) == [f for f in range(3, 17) if f != 9]
    assert all(np.array_equal(outside[f], session.mask(1, f)) for f in outside)
    assert session.mask(1, 10)[20].any()


def test_a_correction_reaches_a_quarter_of_the_way_to_a_prompt_and_half_to_another_correction(session):
    session.add_box(1, 0, (2, 2, 6, 6))
    list(session.propagate())
    session.add_points(1, 8, [(20, 20)])
    session.predict_frame(8)
    list(session.propagate())
    follows = [f for f in range(20) if session.mask(1, f)[20].any()]
    assert follows == list(range(7, 20)), "6 is a tie, which the lower frame takes"
    session.add_points(1, 16, [(12, 20)])
    session.predict_frame(16)
    list(session.propagate())
    assert [f for f in range(20) if session.mask(1, f)[12].any()] == list(range(13, 20))


def test_hand_edit_during_a_run_wins(session):
    session.add_box(1, 0, (4, 5, 10, 12))
    drawn = box_mask(0, 0, 3, 3)
    for step in session.propagate():
        if step.frame == 5:
            session.edit_mask(1, 12, drawn)
            session.edit_mask(1, 6, drawn)
    assert np.array_equal(session.mask(1, 12), drawn)
    assert np.array_equal(session.mask(1, 6), drawn)


def test_prompt_during_a_run_counts_from_the_next_frame_on(session):
    session.add_box(1, 0, (4, 5, 10, 12))
    frames = []
    for step in session.propagate():
        frames.append(step.frame)
        if step.frame == 5:
            session.add_box(1, 10, (12, 2, 18, 6))
    assert sorted(frames) == sorted(set(frames))
    assert session.mask(1, 11)[12:18].any()


def test_two_objects_that_start_on_different_frames(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    session.add_box(2, 15, (12, 2, 18, 6))
    results = list(session.propagate())
    assert sorted(r.frame for r in results) == list(range(20))
    assert all(set(r.masks) == {1, 2} for r in results)


def test_unprompted_object_is_left_alone_and_no_prompt_is_an_error(session):
    with pytest.raises(PromptError, match="nothing to propagate"):
        session.propagate()
    session.add_box(1, 3, (2, 2, 6, 6))
    session.add_box(2, 3, (12, 2, 18, 6))
    session.clear_prompts(2, 3)
    list(session.propagate())
    assert session.mask(2, 10) is None


def test_stop_when_gone(volume):
    session = VideoSession(FakePredictor(vanish_after=5), volume)
    session.add_box(1, 2, (2, 2, 6, 6))
    assert sorted(s.frame for s in session.propagate(stop_when_gone=3)) == list(range(20))
    assert max(session.predictor.streams[0].advanced) == 8
    assert session.mask(1, 5).any()
    assert not session.mask(1, 12).any()


def test_object_that_fades_is_gone_unless_an_accepted_frame_says_that_it_goes_on(volume):
    session = VideoSession(FakePredictor(fade_after=8), volume)
    session.add_box(1, 2, (2, 2, 6, 6))
    list(session.propagate(stop_when_gone=3))
    assert session.mask(1, 11).any()
    assert not session.mask(1, 12).any()
    session.add_box(1, 19, (2, 2, 6, 6))
    list(session.propagate(stop_when_gone=1))
    assert all(session.mask(1, f).any() for f in range(20))


def test_progress(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    seen = []
    list(session.propagate(progress=lambda done, total, stage: seen.append((done, total, stage))))
    assert seen[-1] == (20, 20, "propagating")
    assert [d for d, *_ in seen] == list(range(1, 21))


def test_stop_correct_continue_keeps_what_was_done(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    run = session.propagate()
    done = {next(run).frame for _ in range(9)}
    run.close()
    kept = {f: session.mask(1, f) for f in done}
    session.add_points(1, 14, [(20, 20)])
    session.predict_frame(14)
    again = {s.frame for s in session.propagate()}
    # Only what lies between the prompt and the ends changes; below the prompt nothing does.
    assert all(np.array_equal(kept[f], session.mask(1, f)) for f in done if f <= 10)
    assert not again & {f for f in done if f <= 10}
    assert session.mask(1, 15)[20].any()


def test_tracks_from_both_ends_are_compared_where_they_meet(session):
    session.add_box(1, 4, (4, 5, 10, 12))
    session.add_box(1, 11, (4, 5, 10, 16))
    list(session.propagate())
    table = session.scores(1)
    # Frame 7 is the lower track's last; on frame 8 that track is four columns on, the upper one three.
    assert list(table.index[table["disagreement"].notna()]) == [8]
    lower, upper = np.zeros((24, 32), bool), np.zeros((24, 32), bool)
    lower[4:10, 9:16] = True
    upper[4:10, 8:19] = True
    assert np.array_equal(session.mask(1, 8), upper)
    expected = 1 - (lower & upper).sum() / (lower | upper).sum()
    assert table.loc[8, "disagreement"] == pytest.approx(expected)
    assert table.loc[8, "doubtful"]
    assert session.replay() == 0


def test_object_that_is_prompted_during_a_run_takes_part(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    seen = {}
    for step in session.propagate():
        seen[step.frame] = seen.get(step.frame, 0) + 1
        if step.frame == 9:
            session.add_box(2, 12, (12, 2, 18, 6))
    assert set(seen.values()) == {1}
    assert session.mask(2, 12).any()
    assert session.mask(2, 19).any()


def test_prompt_beyond_the_sweep_lets_no_frame_out(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    frames = []
    for step in session.propagate():
        frames.append(step.frame)
        if step.frame == 5:
            session.add_box(1, 12, (12, 2, 18, 6))
    assert sorted(frames) == list(range(20))


def test_a_frame_without_the_object_ends_it(session):
    session.add_box(1, 5, (2, 2, 6, 6))
    session.add_box(1, 18, (12, 2, 18, 6))
    session.edit_mask(1, 10, np.zeros(SHAPE[1:], bool))
    list(session.propagate())
    # Tracked up to it from below and down to it from above, whichever is nearer; from the empty frame nothing.
    assert all(session.mask(1, f)[2:6].any() for f in range(10))
    assert all(session.mask(1, f)[12:18].any() for f in range(11, 20))
    session.clear_prompts(1, 18)
    list(session.propagate())
    assert filled(session, 1) == list(range(10))
    session.unlock(frame=10, obj_id=1)
    list(session.propagate())
    assert filled(session, 1) == list(range(20))


@pytest.mark.parametrize("moment", range(2, 14))
def test_no_frame_is_lost_where_the_contrast_changes_in_the_middle_of_one(volume, moment):
    class Changing(FakePredictor):
        calls = 0

        def called(self):
            self.calls += 1
            if self.calls == moment:
                session.set_contrast_limits(1, 9)

    session = VideoSession(Changing(), volume, contrast_limits=(0, 5))
    session.add_box(1, 7, (4, 5, 10, 12))
    session.add_box(2, 7, (12, 5, 18, 12))
    frames = [step.frame for step in session.propagate()]
    assert sorted(frames) == list(range(20))
    assert filled(session, 1) == filled(session, 2)
