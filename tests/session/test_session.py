"""The session's promises, with a predictor whose answers can be computed by hand."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import PromptError, SessionBusyError, VolumeError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, numbered_volume


@pytest.fixture
def volume():
    return numbered_volume()


@pytest.fixture
def session(volume):
    return VideoSession(FakePredictor(), volume)


def box_mask(y0, x0, y1, x1):
    mask = np.zeros(SHAPE[1:], bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_preview_touches_only_its_frame(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    preview = session.predict_frame(7)
    assert np.array_equal(preview[1], box_mask(4, 5, 10, 12))
    labels = session.labels()
    assert labels.dtype == np.uint16
    assert np.array_equal(labels[7] == 1, box_mask(4, 5, 10, 12))
    labels[7] = 0
    assert not labels.any()


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


def test_clearing_a_correction_brings_the_tracked_mask_back(session):
    session.add_box(1, 2, (2, 2, 6, 6))
    list(session.propagate())
    tracked = session.mask(1, 9)
    session.add_points(1, 9, [(20, 20)])
    session.predict_frame(9)
    session.clear_prompts(1, 9)
    assert np.array_equal(session.mask(1, 9), tracked)


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


@pytest.mark.parametrize(("overlap", "winner"), [("keep", 1), ("overwrite", 2)])
def test_overlap_rule(volume, overlap, winner):
    session = VideoSession(FakePredictor(), volume, overlap=overlap)
    session.add_box(1, 3, (2, 2, 10, 10))
    session.add_box(2, 3, (6, 6, 14, 14))
    session.predict_frame(3)
    assert session.labels()[3, 7, 7] == winner


def test_reset_delete_rename(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    list(session.propagate())
    session.rename_object(1, "liver")
    session.reset_object(1)
    assert session.objects[1].name == "liver"
    assert session.objects[1].state == "empty"
    assert not session.labels().any()
    session.undo()
    assert session.labels().any()
    session.delete_object(1)
    assert not session.objects
    with pytest.raises(PromptError, match="no object 1"):
        session.scores(1)


def test_scores(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    list(session.propagate())
    table = session.scores(1)
    assert list(table.columns[:5]) == ["iou", "object_score", "area_px", "locked", "doubtful"]
    assert list(table.index) == list(range(20))
    assert table.loc[3, "area_px"] == 16


def test_progress(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    seen = []
    list(session.propagate(progress=lambda done, total, stage: seen.append((done, total, stage))))
    assert seen[-1] == (20, 20, "propagating")
    assert [d for d, *_ in seen] == list(range(1, 21))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda s: s.add_points(1, 99, [(1, 1)]), "no slice 99"),
        (lambda s: s.add_points(0, 3, [(1, 1)]), "obj_id=0"),
        (lambda s: s.add_points(1, 3, [(1, 99)]), "outside the picture"),
        (lambda s: s.add_points(1, 3, [(np.nan, 1)]), "finite"),
        (lambda s: s.add_points(1, 3, [(1, 1)], [2]), "labels must be 1"),
        (lambda s: s.add_box(1, 3, (5, 5, 5, 9)), "empty"),
        (lambda s: s.add_mask(1, 3, np.zeros((2, 2))), "shape"),
        (lambda s: s.predict_frame(3), "No object has a prompt"),
        (lambda s: s.propagate(direction="up"), "direction"),
    ],
)
def test_bad_input_says_what_is_wrong_and_changes_nothing(session, call, text):
    with pytest.raises(PromptError, match=text):
        call(session)
    assert not session.objects
    assert not session.undo()


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_any_axis(volume, axis):
    session = VideoSession(FakePredictor(), volume, frame_axis=axis)
    k = "zyx".index(axis)
    assert session.frame_count == SHAPE[k]
    session.add_box(1, 3, (2, 3, 8, 9))
    session.predict_frame(3)
    expected = np.zeros(SHAPE, bool)
    plane = np.zeros([n for i, n in enumerate(SHAPE) if i != k], bool)
    plane[2:8, 3:9] = True
    np.moveaxis(expected, k, 0)[3] = plane
    assert np.array_equal(session.labels() > 0, expected)


def test_plain_image_is_one_frame():
    session = VideoSession(FakePredictor(), ImageVolume(np.random.default_rng(0).random((24, 32)), axes="yx"))
    session.add_points(1, 0, [(10, 12)])
    assert [r.frame for r in session.propagate()] == [0]
    assert session.labels().shape == (24, 32)
    assert session.labels()[10, 12] == 1


def test_four_dimensions_fill_their_part(volume):
    array = np.stack([np.asarray(volume.array)] * 3)
    movie = ImageVolume(array, axes="tzyx", spacing=(3, 0.7, 0.7))
    session = VideoSession(FakePredictor(), movie, frame_axis="z", at={"t": 2})
    session.add_box(1, 3, (2, 3, 8, 9))
    session.predict_frame(3)
    labels = session.labels()
    assert labels.shape == array.shape
    assert labels[2, 3].any()
    assert not labels[:2].any()
    out = np.full(array.shape, 7, np.uint16)
    session.labels(out=out)
    assert (out[:2] == 7).all()
    assert (out[2] != 7).all()


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
        ({"contrast_limits": 5}, "contrast_limits=5 must be two numbers"),
        ({"window": 5}, "window=5 must be two numbers"),
        ({"contrast_limits": (5, 1)}, r"The contrast limits \(5, 1\) must be two finite values, low before high"),
    ],
)
def test_contrast_limits_that_make_no_sense_are_refused(volume, how, text):
    with pytest.raises(VolumeError, match=text):
        VideoSession(FakePredictor(), volume, **how)
