"""Correct and continue: cuts, merges, order, locks of many frames, replay; with a predictor that copies."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

from napari_sam2.errors import PromptError, SessionFileError, VolumeError
from napari_sam2.session import VideoSession
from napari_sam2.session.history import History
from support.predictors import SHAPE, FakePredictor, FakeStream, numbered_volume
from support.session_view import on_frame


@pytest.fixture
def volume():
    return numbered_volume()


@pytest.fixture
def session(volume):
    return VideoSession(FakePredictor(), volume)


def filled(session, obj_id):
    return [f for f in range(SHAPE[0]) if (m := session.mask(obj_id, f)) is not None and m.any()]


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


def test_merge_unites_masks_and_no_run_takes_them_apart(session):
    session.add_box(1, 10, (2, 2, 6, 6))
    session.add_box(2, 10, (12, 2, 16, 6))
    list(session.propagate())
    first, second = session.mask(1, 8), session.mask(2, 8)
    session.merge_objects(into=1, other=2)
    assert list(session.objects) == [1]
    assert np.array_equal(session.mask(1, 8), first | second)
    list(session.propagate(force=True))
    assert np.array_equal(session.mask(1, 8), first | second)
    session.undo()
    assert list(session.objects) == [1, 2]
    assert np.array_equal(session.mask(2, 8), second)
    with pytest.raises(PromptError, match="itself"):
        session.merge_objects(1, 1)


def test_order_decides_overlap_and_survives_undo_of_a_deletion(session):
    session.add_box(1, 3, (2, 2, 10, 10))
    session.add_box(2, 3, (6, 6, 14, 14))
    session.predict_frame(3)
    assert session.labels()[3, 7, 7] == 1
    session.move_object(2, 0)
    assert list(session.objects) == [2, 1]
    assert session.labels()[3, 7, 7] == 2
    session.delete_object(2)
    session.undo()
    assert list(session.objects) == [2, 1]


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


def test_a_step_that_changes_nothing_keeps_redo(session):
    session.add_box(1, 3, (2, 2, 10, 10))
    session.rename_object(1, "liver")
    session.undo()
    session.rename_object(1, "object 1")
    session.clear_prompts(1, 7)
    assert session.redo()
    assert session.objects[1].name == "liver"


def test_undo_stays_within_its_budget(volume, monkeypatch):
    monkeypatch.setattr("napari_sam2.session.state.History", partial(History, 3000))
    session = VideoSession(FakePredictor(), volume)
    session.add_box(1, 10, (4, 5, 10, 12))
    for i in range(40):
        session.rename_object(1, f"name {i}")
    assert 1 <= len(session.steps) < 30
    session.undo()
    assert session.objects[1].name == "name 38"
    with pytest.raises(SessionFileError, match="shortened"):
        session.replay()


def test_answer_to_a_prompt_that_changed_meanwhile_is_not_kept(volume):
    class Stream(FakeStream):
        def predict(self, *args, **kwargs):
            if not self.predicted:
                session.set_prompts(1, 3, box=(12, 12, 18, 18))
            return super().predict(*args, **kwargs)

    predictor = FakePredictor()
    predictor.stream_type = Stream
    session = VideoSession(predictor, volume)
    session.add_box(1, 3, (2, 2, 6, 6))
    answer = session.predict_frame(3)[1]
    assert answer[13, 13]
    assert not answer[3, 3]


def test_replay_of_everything_gives_the_same_masks(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    session.predict_frame(10)
    run = session.propagate()
    for step in run:
        if step.frame == 13:
            session.add_box(2, 2, (12, 2, 18, 6))
            break
    run.close()
    session.set_window(0, 5)
    session.edit_mask(1, 15, np.eye(24, 32, dtype=bool))
    for step in session.propagate(stop_when_gone=2):
        if step.frame == 4:
            session.add_points(1, 1, [(20, 20)])
    session.cut(1, 18, "above")
    session.overlap = "score"
    list(session.propagate(force=True, direction="forward"))
    session.rename_object(2, "b")
    session.undo()
    before = session.labels()
    assert session.replay() == 0
    assert np.array_equal(session.labels(), before)


def test_replay_finds_and_mends_a_mask_that_does_not_follow(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    list(session.propagate())
    before = session.labels()
    # From frame 14 on the model answers otherwise than it did.
    session.predictor.vanish_after = 13
    assert session.replay() == 6
    assert session.steps[-1].name == "replay"
    assert not session.labels()[14:].any()
    assert np.array_equal(session.labels()[:14], before[:14])
    assert session.undo()
    assert np.array_equal(session.labels(), before)


def test_exports_hold_prompts_and_masks_but_not_where_they_come_from(session, tmp_path):
    session.add_box(1, 3, (2, 2, 10, 10))
    session.add_points(1, 3, [(4, 5)], [0])
    session.rename_object(1, "liver")
    list(session.propagate())
    session.lock(frame=4, obj_id=1)
    session.export_prompts(tmp_path / "case.json")
    document = json.loads((tmp_path / "case.json").read_text())
    assert document["objects"][0]["name"] == "liver"
    first, second = document["objects"][0]["frames"]
    assert (first["box"], first["points"], first["labels"]) == ([2, 2, 10, 10], [[4, 5]], [0])
    assert second["frame"] == 4
    assert second["locked"]["shape"] == [24, 32]
    session.export_coco(tmp_path / "coco.json")
    coco = json.loads((tmp_path / "coco.json").read_text())
    assert len(coco["images"]) == 20
    labels = session.labels()
    for note in coco["annotations"]:
        counts = note["segmentation"]["counts"]
        flat = np.concatenate([np.full(n, i % 2, bool) for i, n in enumerate(counts)])
        mask = flat.reshape(SHAPE[:0:-1]).T
        assert np.array_equal(mask, labels[note["image_id"] - 1] == note["track_id"])
        assert note["area"] == mask.sum()


def test_labels_as_prompts_on_key_frames(session):
    labels = np.zeros(SHAPE, np.uint16)
    labels[5, 2:6, 2:6] = 7
    labels[5, 10:14, 2:6] = 3
    labels[9, 2:8, 2:8] = 7
    session.add_labels(labels, [5, 9])
    assert session.prompted_frames(7) == [5, 9]
    assert np.array_equal(session.predict_frame(5)[3], labels[5] == 3)
    list(session.propagate())
    assert session.mask(7, 6).any()
    session.undo()
    session.undo()
    session.undo()
    session.add_labels(labels, [5, 9], objects=[3])
    assert list(session.objects) == [3]
    with pytest.raises(PromptError, match="nothing to take"):
        session.add_labels(labels, [4])
    with pytest.raises(PromptError, match="shape"):
        session.add_labels(labels[1:], [4])


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


def test_undo_takes_back_each_prompt_with_its_own_answer(session):
    session.add_box(1, 6, (2, 2, 6, 6))
    session.add_box(1, 9, (2, 2, 6, 6))
    session.predict_frame(6)
    session.predict_frame(9)
    session.undo()
    assert session.prompted_frames(1) == [6]
    assert session.mask(1, 9) is None
    assert session.mask(1, 6).any()
    session.undo()
    assert 1 not in session.objects
    session.redo()
    session.redo()
    assert session.mask(1, 9).any()
    assert session.replay() == 0


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda s: s.add_points(1, 3, [("a", "b")]), PromptError),
        (lambda s: s.add_points(1, 3, [(1, 2), (3,)]), PromptError),
        (lambda s: s.add_box(1, 3, None), PromptError),
        (lambda s: s.add_mask(1, 3, np.full(SHAPE[1:], np.nan)), PromptError),
        (lambda s: s.add_box(1, True, (2, 2, 6, 6)), PromptError),
        (lambda s: s.propagate(frames=5), PromptError),
        (lambda s: s.propagate(objects=1), PromptError),
        (lambda s: s.propagate(stop_when_gone="a"), PromptError),
        (lambda s: s.set_window("a", "b"), VolumeError),
        (lambda s: VideoSession(FakePredictor(), np.zeros(SHAPE)), VolumeError),
        (lambda s: VideoSession(FakePredictor(), s.volume, window=(1, 2, 3)), VolumeError),
        (lambda s: VideoSession(FakePredictor(), s.volume, at={"t": 1.0}), VolumeError),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(session, call, error):
    with pytest.raises(error):
        call(session)
    assert not session.objects


def test_labels_that_are_too_small_for_an_id_are_refused(session):
    session.add_box(300, 3, (2, 2, 6, 6))
    with pytest.raises(PromptError, match="uint16"):
        session.labels(out=np.zeros(SHAPE, np.uint8))


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


def test_labels_and_the_answers_to_them_are_one_step_that_can_be_replayed(session):
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 3:9, 3:9] = 2
    session.add_labels(labels, [4, 8])
    for frame in (4, 8):
        session.predict_frame(frame)
    assert filled(session, 2) == [4, 8]
    assert session.replay() == 0
    session.undo()
    assert not session.labels().any()


def test_a_click_on_a_lost_object_knows_the_mask_nearby(volume, tmp_path):
    predictor = FakePredictor(vanish_after=8)
    session = VideoSession(predictor, volume)
    session.add_box(1, 5, (4, 5, 10, 12))
    list(session.propagate(stop_when_gone=0))
    assert filled(session, 1) == list(range(9))
    lost, near = on_frame(session, 1, 12), session.mask(1, 8)
    session.add_points(1, 12, [(20, 20)])
    session.predict_frame(12)
    assert np.array_equal(predictor.streams[-1].nearest[-1], near)
    list(session.propagate(stop_when_gone=0))
    assert session.replay() == 0
    path = tmp_path / "lost.sam2"
    session.save(path)
    session.close()
    # Answered anew, it is answered in the same way, whatever is on its neighbours by now.
    predictor = FakePredictor(vanish_after=8)
    session = VideoSession.open(path, predictor, volume=volume)
    session.edit_mask(1, 11, np.ones(SHAPE[1:], bool))
    list(session.propagate(force=True, stop_when_gone=0))
    assert np.array_equal(next(n for n in predictor.streams[-1].nearest if n is not None), near)
    session.clear_prompts(1, 12)
    assert on_frame(session, 1, 12) == lost
    session.close()


def test_points_on_a_mask_prompt_correct_it(session):
    mask = np.zeros(SHAPE[1:], bool)
    mask[4:16, 4:16] = True
    session.add_mask(1, 5, mask)
    session.predict_frame(5)
    session.set_prompts(1, 5, points=[(10, 10)], labels=[0])
    session.predict_frame(5)
    corrected = session.mask(1, 5)
    assert corrected[5, 5]
    assert not corrected[10, 10]
    assert session.replay() == 0
    session.clear_prompts(1, 5)
    assert np.array_equal(session.mask(1, 5), mask)
    session.undo()
    session.undo()
    assert np.array_equal(session.mask(1, 5), mask)
    assert session.prompts(1, 5).mask is not None
