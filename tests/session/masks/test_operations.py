"""Mask operations as steps of a session."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import NapariSam2Error, PromptError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, numbered_volume
from support.session_view import box_mask, is_locked


@pytest.fixture
def session(volume):
    """Object 1 on frames 5 to 8, tracked from a box on frame 5, with a speck beside it."""
    session = VideoSession(FakePredictor(shift=0), volume)
    session.set_prompts(1, 5, points=[(20, 28)], box=(4, 4, 12, 14))
    list(session.propagate("forward", range(5, 9)))
    return session


def areas(session, obj_id=1):
    return {f: int(m.sum()) for f in range(SHAPE[0]) if (m := session.mask(obj_id, f)) is not None}


def test_no_run_overwrites_what_an_operation_made_and_the_next_operation_may(session):
    before = areas(session)
    session.apply("largest", obj_id=1)
    assert areas(session) == dict.fromkeys(range(5, 9), 80)
    assert before[5] > 80
    list(session.propagate("forward", range(5, 9), force=True))
    assert areas(session) == dict.fromkeys(range(5, 9), 80)
    assert not is_locked(session, 1, 6)
    session.apply("shrink", obj_id=1, radius=0.7, dimensions=2)
    assert areas(session)[6] == 6 * 8


def test_a_click_on_a_prompted_frame_corrects_what_the_operation_made(session):
    session.apply("largest", obj_id=1)
    session.add_points(1, 5, [(20, 4)])
    answer = session.predict_frame(5)[1]
    assert answer[20, 4]
    assert answer[5, 5]
    session.undo()
    assert areas(session)[5] == 80


def test_clearing_the_prompts_keeps_what_the_operation_made(session):
    session.apply("largest", obj_id=1)
    session.clear_prompts(1, 5)
    assert areas(session)[5] == 80
    list(session.propagate())
    assert areas(session)[5] == 80


def test_unlock_gives_a_frame_back_to_the_model(session):
    session.apply("largest", obj_id=1)
    session.unlock(obj_id=1, frame=7)
    assert session.count_stale(frames=[7]) == (1, 1)


def test_lengths_are_those_of_the_volume_in_all_three_axes(session):
    session.apply("grow", obj_id=1, radius=3.0)
    # The frames are 3 apart, the pixels 0.7: one frame on each side, four pixels within.
    assert sorted(f for f, a in areas(session).items() if a) == [4, 5, 6, 7, 8, 9]
    assert session.mask(1, 4)[5, 5]
    assert not session.mask(1, 4)[3, 5]
    assert session.mask(1, 6)[0, 8]


def test_one_step_for_several_objects_and_all(session):
    session.add_mask(2, 3, box_mask(1, 1, 9, 9))
    session.predict_frame(3)
    steps = len(session.steps)
    session.apply("shrink", radius=0.7, dimensions=2)
    assert len(session.steps) == steps + 1
    assert areas(session, 2)[3] == 36
    session.apply("shrink", obj_id=[2], frames=[3], radius=0.7, dimensions=2)
    assert areas(session, 2)[3] == 16
    session.undo()
    session.undo()
    assert areas(session, 2)[3] == 64
    assert session.steps[-1].name == "predict_frame" or session.steps[-1].name == "add_mask"


def test_locked_frames_are_written_only_by_name(session):
    session.lock(obj_id=1, frame=6)
    before = areas(session)
    session.apply("largest", obj_id=1)
    assert areas(session)[6] == before[6]
    assert areas(session)[7] == 80
    with pytest.raises(PromptError, match=r"locked slices alone, such as 6 of object 1.*frames="):
        session.apply("largest", obj_id=1)
    session.apply("largest", obj_id=1, frames=[6])
    assert areas(session)[6] == 80
    assert is_locked(session, 1, 6)


def test_split_makes_new_objects(session):
    before = areas(session)
    assert session.apply("split", obj_id=1) == [2]
    assert list(session.objects) == [1, 2]
    assert all(areas(session)[f] + areas(session, 2)[f] == before[f] for f in range(5, 9))
    assert session.mask(2, 6)[20, 28]
    session.undo()
    assert list(session.objects) == [1]


def test_two_objects_are_combined(session):
    session.add_mask(2, 6, box_mask(0, 0, 24, 8))
    session.predict_frame(6)
    session.apply("subtract", obj_id=1, frames=[6], other=2)
    assert not (session.mask(1, 6) & session.mask(2, 6)).any()
    session.apply("union", obj_id=1, frames=[6], other=2)
    assert session.mask(1, 6)[20, 2]
    session.apply("intersect", obj_id=1, frames=[6], other=2)
    assert np.array_equal(session.mask(1, 6), box_mask(0, 0, 24, 8))


def test_a_slice_is_copied_to_the_next(session):
    session.apply("copy_to", obj_id=1, frame=8)
    assert np.array_equal(session.mask(1, 9), session.mask(1, 8))


def test_a_threshold_looks_at_the_image(session):
    middle = float(session.volume.array[6, 8, 0])
    session.apply("threshold", obj_id=1, frames=[6], high=middle)
    assert session.mask(1, 6)[7, 5]
    assert not session.mask(1, 6)[9, 5]


def test_along_time_an_operation_works_frame_by_frame():
    movie = ImageVolume(numbered_volume().array, axes="tyx")
    session = VideoSession(FakePredictor(shift=0), movie)
    session.edit_mask(1, 3, box_mask(4, 4, 12, 14))
    session.edit_mask(1, 4, box_mask(4, 4, 8, 8))
    session.apply("largest", obj_id=1, frames=[3, 4])
    assert areas(session) == {3: 80, 4: 16}
    with pytest.raises(PromptError, match="Along time"):
        session.apply("largest", obj_id=1, dimensions=3)


@pytest.mark.parametrize(
    ("name", "how", "says"),
    [
        ("melt", {}, "no operation 'melt'"),
        ("smooth", {}, "needs radius="),
        ("smooth", {"radius": -1}, "radius"),
        ("smooth", {"radius": 1, "obj_id": 9}, "no object 9"),
        ("smooth", {"radius": 1, "obj_id": "1"}, "obj_id='1'"),
        ("smooth", {"radius": 1, "frames": [77]}, "no slice 77"),
        ("union", {"other": 9}, "no object 9"),
        ("copy_to", {"frame": 77}, "no slice 77"),
        ("fill_holes", {"radius": 1}, "no parameter 'radius'"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(session, name, how, says):
    before, steps = areas(session), len(session.steps)
    with pytest.raises(NapariSam2Error, match=says):
        session.apply(name, **how)
    assert (areas(session), len(session.steps)) == (before, steps)


def test_without_an_object_there_is_nothing_to_change(volume):
    with pytest.raises(PromptError, match="no object to change"):
        VideoSession(FakePredictor(), volume).apply("largest")


def test_a_file_keeps_it_and_replays(session, tmp_path):
    session.apply("largest", obj_id=1, frames=[5, 6])
    session.apply("split", obj_id=1)
    list(session.propagate(stop_when_gone=0))
    labels = session.labels()
    session.save(tmp_path / "case.sam2")
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", FakePredictor(shift=0), numbered_volume())
    assert np.array_equal(again.labels(), labels)
    assert again.replay() == 0
    assert again.count_stale() == (0, 0)
    again.close()


def test_a_preview_shows_what_would_be_and_changes_nothing(session):
    session.add_mask(2, 6, box_mask(2, 4, 6, 14))
    session.predict_frame(6)
    before, steps = session.labels(), len(session.steps)
    for name, how in (("split", {"dimensions": 2}), ("grow", {"radius": 3.0, "dimensions": 2}), ("largest", {})):
        shown = session.preview(name, obj_id=1, **how)
        assert np.array_equal(session.labels(), before)
        assert len(session.steps) == steps
        session.apply(name, obj_id=1, **how)
        after = session.labels()
        assert set(shown) == {f for f in range(SHAPE[0]) if (after[f] != before[f]).any()}
        assert all(np.array_equal(shown[f], after[f]) for f in shown)
        session.undo()


def test_an_object_without_a_mask_has_nothing_to_split(volume):
    session = VideoSession(FakePredictor(), volume)
    session.add_box(1, 7, (4, 5, 10, 12))
    assert session.apply("split") == []
    assert session.mask(1, 7) is None


def test_a_limit_may_be_infinite_in_a_session_with_a_file(session, volume, tmp_path):
    path = tmp_path / "a.sam2"
    session.save(path)
    before = areas(session)
    session.apply("threshold", obj_id=1, low=5300, high=np.inf)
    expected = areas(session)
    assert expected != before
    session.close()
    again = VideoSession.open(path, FakePredictor(), volume)
    assert areas(again) == expected
    assert again.steps[-1].arguments["values"] == {"low": 5300, "high": "inf"}


def test_parts_of_the_last_object_get_numbers_that_labels_can_have(session):
    session.add_mask(65535, 15, box_mask(2, 2, 6, 6) | box_mask(12, 12, 18, 18))
    session.predict_frame(15)
    assert session.apply("split", obj_id=65535) == [2]
    assert set(np.unique(session.frame_labels(15))) == {0, 2, 65535}
