"""Another model under the same session, work ahead, and what a run would have to do."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from napari_sam2.errors import PromptError, SessionBusyError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, FakeStream, numbered_volume


@pytest.fixture
def volume():
    return numbered_volume()


@pytest.fixture
def session(volume):
    session = VideoSession(FakePredictor(), volume)
    session.add_box(1, 10, (4, 5, 10, 12))
    list(session.propagate())
    return session


def other(name="other"):
    predictor = FakePredictor()
    predictor.name = name
    return predictor


def test_another_model_keeps_prompts_masks_and_undo(session):
    before, prompts = session.labels(), session.prompts(1, 10)
    session.use(other())
    assert session.predictor.name == "other"
    assert np.array_equal(session.labels(), before)
    assert session.prompts(1, 10) == prompts
    assert session.undo()
    assert not session.labels()[11:].any()
    assert session.redo()
    assert np.array_equal(session.labels(), before)


def test_masks_of_another_model_are_computed_anew_but_locked_and_edited_ones_stay(session):
    drawn = np.zeros(SHAPE[1:], bool)
    drawn[1, 1] = True
    session.edit_mask(1, 15, drawn)
    session.lock(frame=5, obj_id=1)
    list(session.propagate())
    assert session.count_stale() == (0, 0)
    session.use(other())
    done = {result.frame for result in session.propagate()}
    assert done == set(range(SHAPE[0])) - {5, 15}
    assert np.array_equal(session.mask(1, 15), drawn)
    assert session.count_stale() == (0, 0)


def test_the_same_model_on_another_device_computes_nothing_anew(session):
    session.use(other(session.predictor.name))
    assert list(session.propagate()) == []


def test_which_model_made_a_mask_survives_the_file(session, volume, tmp_path):
    session.save(tmp_path / "case.sam2")
    session.use(other())
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", other(), volume)
    assert again.count_stale() == (SHAPE[0], SHAPE[0])
    list(again.propagate())
    again.close()
    once_more = VideoSession.open(tmp_path / "case.sam2", other(), volume)
    assert once_more.count_stale() == (0, 0)
    once_more.close()


def test_a_model_is_not_changed_under_a_run(session):
    run = session.propagate(force=True)
    next(run)
    with pytest.raises(SessionBusyError):
        session.use(other())
    run.close()
    session.use(other())


def test_count_stale_is_what_a_run_then_does(session):
    session.add_box(2, 3, (12, 5, 18, 12))
    counted = session.count_stale(frames=range(2, 9))
    frames = len(list(session.propagate(frames=range(2, 9))))
    assert counted == (7, 7)
    assert frames == 7
    # The first object is up to date everywhere, the second on seven frames.
    assert session.count_stale() == (13, 13)
    assert session.count_stale(objects=[1]) == (0, 0)
    assert session.count_stale("forward", range(0, 3)) == (0, 0)
    with pytest.raises(PromptError):
        session.count_stale(objects=[9])


def test_counting_takes_nothing_from_a_stopped_run(session):
    session.use(other())
    run = session.propagate()
    done = {next(run).frame for _ in range(6)}
    run.close()
    (stream,) = session.predictor.streams
    assert set(stream.advanced) - done, "nothing was computed ahead of the last frame that came out"
    session.count_stale(frames=range(0, 1))
    assert not done & {result.frame for result in session.propagate()}
    assert set(Counter(stream.advanced).values()) == {1}, "a frame was computed twice"


class AheadStream(FakeStream):
    sees_whole_frames = True

    def encode_ahead(self, frames, window=None, *, cancelled=None, progress=None):
        made = 0
        for frame in frames:
            if cancelled is not None and cancelled():
                break
            self.owner.encoded.append(frame)
            made += 1
            if progress is not None:
                progress(made, len(frames))
        return made

    def count_encoded(self, frames):
        return len(set(frames) & set(self.owner.encoded))


class AheadPredictor(FakePredictor):
    stream_type = AheadStream

    def __init__(self):
        super().__init__()
        self.encoded = []


class ZoomingStream(AheadStream):
    sees_whole_frames = False


class ZoomingPredictor(AheadPredictor):
    stream_type = ZoomingStream


def test_encode_ahead_keeps_the_order_and_can_be_stopped(volume):
    session = VideoSession(AheadPredictor(), volume)
    told = []
    assert session.encode_ahead([5, 6, 4], progress=lambda done, total: told.append((done, total))) == 3
    assert session.predictor.encoded == [5, 6, 4]
    assert told[-1] == (3, 3)
    assert session.count_encoded() == 3
    assert session.count_encoded(range(5)) == 1
    assert session.encode_ahead(cancelled=lambda: len(session.predictor.encoded) >= 8) == 5
    with pytest.raises(PromptError, match="no slice 99"):
        session.encode_ahead([99])


def test_encode_ahead_does_nothing_where_windows_are_not_known_yet(volume, session):
    assert session.encode_ahead() == 0
    assert session.count_encoded() == 0
    predictor = ZoomingPredictor()
    zooming = VideoSession(predictor, volume)
    assert zooming.encode_ahead() == 0
    assert predictor.encoded == []
