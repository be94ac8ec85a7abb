"""Prompts: set, cleared, answered, and what they corrected."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from napari_sam2.session.log.kinds import MASK
from support.predictors import SHAPE, FakePredictor, FakeStream, numbered_volume
from support.session_view import box_mask, filled, history_of, on_frame

BOX = (4, 5, 10, 12)


def drawn():
    mask = np.zeros(SHAPE[1:], bool)
    mask[1:4, 1:9] = True
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


def test_clearing_a_correction_brings_the_tracked_mask_back(session):
    session.add_box(1, 2, (2, 2, 6, 6))
    list(session.propagate())
    tracked = session.mask(1, 9)
    session.add_points(1, 9, [(20, 20)])
    session.predict_frame(9)
    session.clear_prompts(1, 9)
    assert np.array_equal(session.mask(1, 9), tracked)


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


def tracked(**how):
    session = VideoSession(FakePredictor(**how), numbered_volume())
    session.add_box(1, 5, BOX)
    list(session.propagate())
    return session


CLEARS = {
    "clear_prompts": lambda s: s.clear_prompts(1, 9),
    "set_prompts": lambda s: s.set_prompts(1, 9),
    "clear_several": lambda s: s.clear_several([(1, 9), (1, 2)]),
}


@pytest.mark.parametrize("clear", CLEARS.values(), ids=CLEARS.keys())
@pytest.mark.parametrize("answered", [True, False])
def test_the_tracked_mask_that_prompts_corrected_comes_back_exactly(clear, answered, tmp_path):
    session = tracked()
    before = history_of(session).get(MASK, 1, 9)
    session.add_points(1, 9, [(20, 20)])
    if answered:
        session.predict_frame(9)
    session.add_points(1, 9, [(20, 28)], [0])
    if answered:
        session.predict_frame(9)
        assert session.mask(1, 9)[20, 20]
    session.save(tmp_path / "case.sam2")
    session.close()
    session = VideoSession.open(tmp_path / "case.sam2", FakePredictor(), numbered_volume())
    corrected = session.labels()
    clear(session)
    assert history_of(session).get(MASK, 1, 9) == before
    assert session.count_stale() == (0, 0)
    session.undo()
    assert np.array_equal(session.labels(), corrected)
    session.redo()
    assert history_of(session).get(MASK, 1, 9) == before
    assert session.replay() == 0
    session.close()


@pytest.mark.parametrize("clear", CLEARS.values(), ids=CLEARS.keys())
def test_a_released_hand_edit_stays_when_the_prompts_under_it_go(clear):
    session = tracked()
    session.add_points(1, 9, [(20, 20)])
    session.predict_frame(9)
    session.edit_mask(1, 9, drawn())
    session.unlock(frame=9, obj_id=1)
    clear(session)
    assert session.prompts(1, 9) is None
    assert np.array_equal(session.mask(1, 9), drawn())
    assert session.replay() == 0


@pytest.mark.parametrize("clear", CLEARS.values(), ids=CLEARS.keys())
def test_a_released_hand_edit_that_prompts_corrected_comes_back(clear):
    session = tracked()
    session.add_points(1, 9, [(20, 20)])
    session.predict_frame(9)
    session.edit_mask(1, 9, drawn())
    session.unlock(frame=9, obj_id=1)
    session.add_points(1, 9, [(12, 12)])
    assert session.predict_frame(9)[1][1, 1]
    clear(session)
    assert np.array_equal(session.mask(1, 9), drawn())
    assert session.replay() == 0


def test_a_mask_that_is_there_taken_as_prompt_stays_when_the_prompt_goes():
    session = tracked()
    before = history_of(session).get(MASK, 1, 9)
    session.add_labels(session.labels(), [9])
    session.clear_prompts(1, 9)
    assert history_of(session).get(MASK, 1, 9) == before


def test_prompts_on_a_mask_that_came_back_are_answered():
    session = VideoSession(FakePredictor(), numbered_volume())
    session.add_mask(1, 5, drawn())
    session.predict_frame(5)
    session.set_prompts(1, 5, points=[(20, 20)])
    session.predict_frame(5)
    session.clear_prompts(1, 5)
    session.add_points(1, 5, [(15, 15)])
    assert session.predict_frame(5)[1][15, 15]
    session.clear_prompts(1, 5)
    assert np.array_equal(session.mask(1, 5), drawn())


def test_the_answer_to_first_prompts_goes_with_them():
    session = VideoSession(FakePredictor(), numbered_volume())
    session.add_box(1, 5, BOX)
    session.predict_frame(5)
    session.set_prompts(1, 5)
    assert session.mask(1, 5) is None
    assert list(session.objects) == [1]
    assert session.replay() == 0
