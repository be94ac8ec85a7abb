"""Neighbours as a limit: where an object must not be, what becomes stale by it, and what is kept of it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.errors import NapariSam2Error, PromptError, SessionBusyError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, numbered_volume
from support.session_view import box_mask

LEFT, RIGHT = (4, 4, 10, 12), (4, 14, 10, 22)


def two_objects(neighbours, locked=True):
    """Object 2 stands where the masks of object 1 flow: a column a frame to the right."""
    session = VideoSession(FakePredictor(), numbered_volume(), neighbours=neighbours)
    session.add_box(1, 7, LEFT)
    session.predict_frame(7)
    if locked:
        lock_right(session)
    return session


def lock_right(session, frames=range(SHAPE[0])):
    for frame in frames:
        session.edit_mask(2, frame, box_mask(*RIGHT))


def accept_right(session, frame):
    """Lock object 2 where it stands; unlike an edit that takes no pixel from another."""
    session.add_mask(2, frame, box_mask(*RIGHT))
    session.predict_frame(frame)
    session.lock(obj_id=2, frame=frame)


def stale(session, obj_id=1):
    return [f for f in range(SHAPE[0]) if session.count_stale(frames=[f], objects=[obj_id])[0]]


def test_an_object_flows_into_a_locked_neighbour_only_where_it_is_free_to():
    free, limited = two_objects("free"), two_objects("limit")
    for session in (free, limited):
        list(session.propagate(objects=[1], stop_when_gone=0))
    right = box_mask(*RIGHT)
    assert (free.mask(1, 12) & right).any()
    assert not any((limited.mask(1, f) & right).any() for f in range(SHAPE[0]))
    # What is remembered keeps out as well: the mask does not come out again on the other side.
    assert free.mask(1, 19)[5, 22:].any()
    assert not limited.mask(1, 19)[5, 22:].any()
    assert limited.mask(1, 8).any()


def test_where_nothing_is_locked_and_one_object_is_tracked_the_setting_changes_nothing():
    masks = []
    for rule in ("free", "limit"):
        session = two_objects(rule, locked=False)
        list(session.propagate())
        masks.append(session.labels())
        assert not session.predictor.streams[-1].options.exclusive_memory
    assert np.array_equal(*masks)


def test_objects_of_one_run_share_their_pixels_in_memory_only_where_neighbours_are_a_limit():
    for rule in ("free", "limit"):
        session = two_objects(rule, locked=False)
        session.add_box(2, 7, RIGHT)
        list(session.propagate())
        assert session.predictor.streams[-1].options.exclusive_memory == (rule == "limit")


def test_the_answer_to_a_prompt_keeps_out_of_a_locked_neighbour():
    session = two_objects("limit")
    session.add_box(3, 9, (4, 10, 10, 18))
    assert np.array_equal(session.predict_frame(9)[3], box_mask(4, 10, 10, 14))


def test_a_mask_that_the_user_gave_is_not_cut_and_is_fresh():
    session = two_objects("limit")
    session.add_mask(3, 9, box_mask(4, 10, 10, 18))
    assert np.array_equal(session.predict_frame(9)[3], box_mask(4, 10, 10, 18))
    list(session.propagate(objects=[3]))
    assert stale(session, 3) == []


def test_locking_a_neighbour_makes_stale_what_reaches_into_it_and_what_was_tracked_from_there():
    session = two_objects("limit", locked=False)
    list(session.propagate(stop_when_gone=0))
    assert stale(session) == []
    accept_right(session, 8)  # the mask of frame 8 ends before it
    assert stale(session) == []
    accept_right(session, 12)
    assert stale(session) == list(range(12, SHAPE[0]))
    list(session.propagate(objects=[1], stop_when_gone=0))
    assert stale(session) == []
    assert not (session.mask(1, 12) & box_mask(*RIGHT)).any()
    session.unlock(obj_id=2, frame=8)
    assert stale(session) == []
    session.unlock(obj_id=2, frame=12)  # what became free lies beside the mask
    assert stale(session) == list(range(12, SHAPE[0]))


def test_a_lock_on_the_prompted_frame_makes_its_answer_stale():
    session = two_objects("limit", locked=False)
    list(session.propagate(stop_when_gone=0))
    session.edit_mask(2, 7, box_mask(4, 10, 10, 14))
    # The edit took its pixels from the answer, as ever; what remains is what the limit leaves.
    assert not (session.mask(1, 7) & session.mask(2, 7)).any()
    list(session.propagate(objects=[1], stop_when_gone=0))
    assert not (session.mask(1, 7) & session.mask(2, 7)).any()


def test_changing_the_setting_makes_stale_what_it_concerns():
    session = two_objects("free")
    list(session.propagate(objects=[1], stop_when_gone=0))
    assert stale(session) == []
    session.neighbours = "limit"
    found = stale(session)
    assert found
    assert 8 not in found
    list(session.propagate(objects=[1], stop_when_gone=0))
    assert stale(session) == []


@pytest.mark.parametrize("rule", ["limit", "free"])
def test_what_is_forbidden_bounds_every_object_until_it_is_taken_back(rule):
    session = two_objects(rule, locked=False)
    where = np.zeros(SHAPE, np.uint8)
    where[:, :, 13:] = 7
    session.forbid(where)
    assert np.array_equal(session.forbidden(3), where[3] > 0)
    list(session.propagate(stop_when_gone=0))
    assert not session.labels()[:, :, 13:].any()
    session.forbid(None)
    assert session.forbidden(3) is None
    # On frame 5 the mask moved up to column 14, and was cut there.
    assert 5 in stale(session)
    session.undo()
    assert stale(session) == []
    assert np.array_equal(session.forbidden(3), where[3] > 0)


def test_what_is_forbidden_bounds_the_answer_to_a_prompt_where_neighbours_are_free():
    session = two_objects("free")
    where = np.zeros(SHAPE, bool)
    where[9, :, :12] = True
    session.forbid(where)
    session.add_box(3, 9, (4, 10, 10, 18))
    # The locked neighbour begins at column 14, and is no limit.
    assert np.array_equal(session.predict_frame(9)[3], box_mask(4, 12, 10, 18))
    session.add_mask(4, 9, box_mask(4, 10, 10, 18))
    assert np.array_equal(session.predict_frame(9)[4], box_mask(4, 10, 10, 18))


def test_a_forbidden_image_that_does_not_fit_changes_nothing():
    session = two_objects("limit", locked=False)
    for wrong in (np.zeros((3, 3)), "a", 5):
        with pytest.raises(PromptError, match="on the grid of the volume"):
            session.forbid(wrong)
    assert [step.name for step in session.steps] == ["add_box"]


@pytest.mark.parametrize("rule", ["limit", "free"])
def test_a_file_keeps_the_setting_and_the_limits_and_replays(tmp_path, rule):
    session = two_objects(rule)
    where = np.zeros(SHAPE, bool)
    where[:, :3] = True
    session.forbid(where)
    list(session.propagate(stop_when_gone=0))
    session.save(tmp_path / "case.sam2")
    labels, todo = session.labels(), stale(session)
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", FakePredictor(), numbered_volume())
    assert again.neighbours == rule
    assert np.array_equal(again.forbidden(4), where[4])
    assert np.array_equal(again.labels(), labels)
    assert stale(again) == todo == []
    assert again.replay() == 0
    again.close()


def test_masks_of_both_settings_in_one_log_are_replayed_as_they_were():
    session = two_objects("free")
    list(session.propagate("forward", range(7, 13), objects=[1], stop_when_gone=0))
    session.neighbours = "limit"
    list(session.propagate(objects=[1], stop_when_gone=0))
    session.neighbours = "free"
    session.add_box(3, 9, (4, 10, 10, 18))
    session.predict_frame(9)
    assert session.replay() == 0


def test_the_default_is_a_limit_in_volumes_and_free_along_time():
    movie = ImageVolume(numbered_volume().array, axes="tyx")
    assert VideoSession(FakePredictor(), numbered_volume()).neighbours == "limit"
    assert VideoSession(FakePredictor(), movie).neighbours == "free"
    assert VideoSession(FakePredictor(), numbered_volume(), exact=True).neighbours == "free"


def test_what_is_no_rule_is_refused_and_changes_nothing():
    session = two_objects("limit", locked=False)
    with pytest.raises(NapariSam2Error, match="limit, free"):
        session.neighbours = "both"
    with pytest.raises(NapariSam2Error, match="meta, selected, distractor"):
        session.memory = "long"
    with pytest.raises(NapariSam2Error, match="Exact mode"):
        VideoSession(FakePredictor(), numbered_volume(), exact=True, neighbours="limit")
    with pytest.raises(PromptError, match="Exact mode"):
        VideoSession(FakePredictor(), numbered_volume(), exact=True).forbid(np.zeros(SHAPE))
    assert (session.neighbours, session.memory) == ("limit", "meta")
    run = session.propagate()
    next(run)
    with pytest.raises(SessionBusyError):
        session.neighbours = "free"
    run.close()


def test_another_memory_makes_tracked_frames_stale_and_is_kept_and_replayed(tmp_path):
    session = two_objects("limit", locked=False)
    list(session.propagate())
    session.memory = "selected"
    assert stale(session) == [f for f in range(SHAPE[0]) if f != 7]
    list(session.propagate())
    assert session.predictor.streams[-1].options.memory == "selected"
    assert stale(session) == []
    assert session.replay() == 0
    session.save(tmp_path / "case.sam2")
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", FakePredictor(), numbered_volume())
    assert again.memory == "selected"
    assert stale(again) == []
    again.close()


def test_a_rival_is_told_stored_and_makes_a_frame_doubtful(tmp_path):
    session = two_objects("limit", locked=False)
    session.predictor.rivals = {9: 0.31, 10: 0.29}
    list(session.propagate("forward", range(7, 12)))
    session.save(tmp_path / "case.sam2")
    session.close()
    table = VideoSession.open(tmp_path / "case.sam2", FakePredictor(), numbered_volume()).scores(1)
    assert table["rival"].loc[[9, 10]].tolist() == [0.31, 0.29]
    assert np.isnan(table["rival"][11])
    assert table["doubtful"].loc[[9, 10]].tolist() == [True, False]


def test_two_touching_bodies_keep_apart_with_the_starter():
    """Beside a locked body of the same grey the model's mask stays on its own side, and without the limit does not."""
    starter = load_predictor("starter", device="cpu")
    array = np.zeros((6, 64, 96), np.float32)
    array[:, 20:44, 20:76] = 1.0
    array += np.random.default_rng(3).normal(0, 0.02, array.shape).astype(np.float32)
    other = np.zeros((64, 96), bool)
    other[20:44, 48:76] = True
    reach = {}
    for rule in ("free", "limit"):
        session = VideoSession(starter, ImageVolume(array), contrast_limits=(0, 1.2), neighbours=rule)
        session.add_box(1, 0, (20, 20, 44, 76))
        for frame in range(6):
            session.edit_mask(2, frame, other)
        list(session.propagate(objects=[1]))
        reach[rule] = sum(int((session.mask(1, f) & other).sum()) for f in range(1, 6))
        assert session.mask(1, 3)[22:42, 22:44].mean() > 0.8
    assert reach["limit"] == 0
    assert reach["free"] > 1000


@pytest.mark.parametrize("how", ["lock", "forbid", "lock of the prompted frame", "setting"])
def test_what_a_limit_made_stale_stays_so_until_it_is_computed(how):
    def made(later=lambda session: None):
        session = VideoSession(
            FakePredictor(shift=0), numbered_volume(), neighbours="free" if how == "setting" else "limit"
        )
        session.add_box(1, 5, (4, 4, 10, 18))
        list(session.propagate(objects=[1]))
        if how == "forbid":
            where = np.zeros(SHAPE, bool)
            where[8] = box_mask(*RIGHT)
            session.forbid(where)
        else:
            accept_right(session, 5 if how == "lock of the prompted frame" else 8)
        session.neighbours = "limit"
        later(session)
        return session

    whole = made()
    due = stale(whole)
    assert len(due) >= 12
    list(whole.propagate(objects=[1]))
    masks = whole.labels(overlap="layers")
    # A stop after the first frame, and going on.
    stopped = made()
    run = stopped.propagate(objects=[1])
    first = next(run).frame
    run.close()
    assert stale(stopped) == [f for f in due if f != first]
    list(stopped.propagate(objects=[1]))
    assert np.array_equal(stopped.labels(overlap="layers"), masks)
    assert stale(stopped) == []
    assert stopped.replay() == 0
    # Something else that is done meanwhile.
    renamed = made()
    for result in renamed.propagate(objects=[1]):
        if result.frame == first:
            renamed.rename_object(1, "liver")
    assert np.array_equal(renamed.labels(overlap="layers"), masks)
    # A preview before the run.
    previewed = made(lambda session: session.predict_frame(5))
    assert stale(previewed) == [f for f in due if f != 5]
    # Taken back, all is as it was.
    while len(stopped.steps) > len(made().steps):
        stopped.undo()
    assert stale(stopped) == due


def test_a_forced_run_of_some_frames_is_replayed_where_it_left_others_stale():
    session = VideoSession(FakePredictor(shift=0), numbered_volume())
    session.add_box(1, 5, (4, 4, 10, 18))
    list(session.propagate(objects=[1]))
    accept_right(session, 8)
    list(session.propagate(objects=[1], frames=range(7, 10), force=True))
    assert stale(session) == list(range(10, SHAPE[0]))
    assert session.replay() == 0
