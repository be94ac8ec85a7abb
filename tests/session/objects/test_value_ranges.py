"""A range of the image's values as the limit of an object: what is cut, what is not, and what becomes stale."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.intensity_range import IntensityRange
from napari_sam2.errors import PromptError, VolumeError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, numbered_volume
from support.session_view import box_mask, log_of, on_frames

PIXELS = SHAPE[1] * SHAPE[2]


def values(frame):
    return np.arange(PIXELS).reshape(SHAPE[1:]) + frame * PIXELS


@pytest.fixture
def low():
    """The highest value of the upper half of frame 7 of the numbered volume."""
    return 7 * PIXELS + 12 * SHAPE[2]


@pytest.fixture
def session(volume):
    session = VideoSession(FakePredictor(shift=0), volume)
    session.add_box(1, 7, (8, 5, 16, 12))
    return session


def test_what_is_computed_keeps_only_voxels_within_the_range(session, low):
    session.set_intensity_range(1, low, None)
    assert session.intensity_range(1) == IntensityRange(low, None)
    list(session.propagate(frames=range(6, 9)))
    inside = box_mask(8, 5, 16, 12)
    assert np.array_equal(session.mask(1, 7), inside & (values(7) >= low))
    assert session.mask(1, 7)[12:16, 5:12].all()
    # Frame 8 is brighter altogether, but what was cut on frame 7 is not remembered; frame 6 is darker.
    assert np.array_equal(session.mask(1, 8), box_mask(12, 5, 16, 12))
    assert not session.mask(1, 6).any()


def test_it_is_a_step_that_makes_what_was_computed_stale_and_undo_makes_it_fresh(session, low):
    list(session.propagate(frames=range(5, 10)))
    before, frames = on_frames(session), {"frames": range(5, 10)}
    assert session.count_stale(**frames) == (0, 0)
    session.set_intensity_range(1, low, None)
    assert session.steps[-1].name == "set_intensity_range"
    assert on_frames(session) == before
    assert session.count_stale(**frames) == (5, 5)
    list(session.propagate(**frames))
    assert session.count_stale(**frames) == (0, 0)
    assert session.undo()
    assert session.undo()
    assert on_frames(session) == before
    assert session.count_stale(**frames) == (0, 0)
    assert session.intensity_range(1).is_off


def test_a_stopped_run_does_not_go_on_with_what_it_remembered_otherwise(session, low):
    run = session.propagate("forward", frames=range(7, 12))
    next(run), next(run)
    run.close()
    session.set_intensity_range(1, low, None)
    list(session.propagate("forward", frames=range(7, 12)))
    assert all(not session.mask(1, f)[8:12].any() for f in range(7, 12))
    assert session.replay() == 0


def test_the_range_may_change_in_the_middle_of_a_run(session, low):
    run = session.propagate("forward", frames=range(7, 12))
    next(run), next(run)
    session.set_intensity_range(1, low, None)
    list(run)
    assert not session.mask(1, 11)[8:12].any()
    assert [step.name for step in session.steps] == ["add_box", "propagate", "set_intensity_range", "propagate"]
    assert session.replay() == 0


def test_what_the_user_gave_or_drew_is_not_cut(session, low):
    session.set_intensity_range(1, low, None)
    session.add_mask(1, 3, box_mask(2, 2, 6, 6))
    session.edit_mask(1, 15, box_mask(1, 1, 5, 5))
    session.predict_frame(3)
    list(session.propagate())
    assert np.array_equal(session.mask(1, 3), box_mask(2, 2, 6, 6))
    assert np.array_equal(session.mask(1, 15), box_mask(1, 1, 5, 5))


def test_other_objects_are_free(session, low):
    session.add_box(2, 7, (8, 15, 16, 20))
    session.set_intensity_range(1, low, None)
    session.predict_frame(7)
    assert np.array_equal(session.mask(2, 7), box_mask(8, 15, 16, 20))


def test_both_limits_count_where_a_neighbour_is_locked(session, low):
    session.edit_mask(2, 7, box_mask(14, 0, 24, 32))
    session.neighbours = "limit"
    session.set_intensity_range(1, low, None)
    session.predict_frame(7)
    assert np.array_equal(session.mask(1, 7), box_mask(12, 5, 14, 12))


def test_it_is_in_the_file_and_replays(session, low, tmp_path):
    session.save(tmp_path / "case.sam2")
    session.set_intensity_range(1, low, low + 100)
    list(session.propagate(frames=range(6, 9)))
    session.set_intensity_range(1, None, low + 900)
    session.predict_frame(7)
    log = log_of(session)
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", FakePredictor(shift=0), numbered_volume())
    assert log_of(again) == log
    assert again.intensity_range(1) == IntensityRange(None, low + 900)
    assert again.replay() == 0
    again.close()


def test_it_goes_with_the_object(session, low):
    session.set_intensity_range(1, low, None)
    session.cut(1, 9, "above")
    assert session.intensity_range(1).low == low
    session.reset_object(1)
    assert session.intensity_range(1).is_off
    session.undo()
    session.delete_object(1)
    session.add_box(1, 7, (8, 5, 16, 12))
    assert session.intensity_range(1).is_off


def test_the_range_is_suggested_from_a_mask(session):
    session.predict_frame(7)
    found = session.suggest_intensity_range(1, 7)
    inside = values(7)[box_mask(8, 5, 16, 12)]
    assert found.low <= np.percentile(inside, 5) < np.percentile(inside, 95) <= found.high
    session.set_intensity_range(1, found.low, found.high)
    session.predict_frame(7)
    assert session.mask(1, 7).any()


def test_setting_the_same_range_is_no_step(session, low):
    session.set_intensity_range(1, low, None)
    steps = session.steps
    session.set_intensity_range(1, float(low), None)
    assert session.steps == steps


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((1, 5, 3), VolumeError, "is empty: give low before high"),
        ((1, float("nan"), 3), VolumeError, "low=nan must be a finite number"),
        ((2, 1, 3), PromptError, "There is no object 2"),
        ((0, 1, 3), PromptError, "from 1 to 65535"),
    ],
)
def test_what_is_no_range_changes_nothing(session, arguments, error, text):
    before = log_of(session)
    with pytest.raises(error, match=text):
        session.set_intensity_range(*arguments)
    assert log_of(session) == before


def test_without_a_mask_there_is_nothing_to_suggest(session):
    with pytest.raises(PromptError, match="Object 1 has no mask on slice 3"):
        session.suggest_intensity_range(1, 3)


def test_exact_mode_knows_no_range(volume):
    session = VideoSession(FakePredictor(), volume, exact=True)
    # Made in the log alone, as the fake model knows no exact mode.
    from napari_sam2.session.objects import objects

    with session._state.history.step("add_box") as put:
        objects.ensure(session._state, put, 1)
    with pytest.raises(PromptError, match="Exact mode knows no range"):
        session.set_intensity_range(1, 0, 5)
    session.set_intensity_range(1, None, None)


def test_a_mask_that_is_given_back_as_it_stands_is_not_stale(session, low):
    session.set_intensity_range(1, low, None)
    list(session.propagate(frames=range(6, 10)))
    labels = session.labels()
    session.add_labels(labels, [8])
    assert session.count_stale(frames=range(6, 10)) == (0, 0)
