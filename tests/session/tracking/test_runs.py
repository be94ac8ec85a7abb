"""What a run would do, and embeddings made ahead of it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import PromptError, VolumeError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, FakeStream


@pytest.fixture
def session(session):
    """Object 1 is tracked everywhere."""
    session.add_box(1, 10, (4, 5, 10, 12))
    list(session.propagate())
    return session


def another_model():
    predictor = FakePredictor()
    predictor.name = "other"
    return predictor


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
    session.use(another_model())
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


def spaced(millimetres, units="mm"):
    session = VideoSession(
        FakePredictor(vanish_after=7),
        ImageVolume(
            np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), spacing=(millimetres, 1, 1), units=units
        ),
        "z",
    )
    session.add_box(1, 2, (4, 5, 10, 12))
    return session


def tracked(session, **how):
    """How many frames a track went on without the object before it stopped."""
    list(session.propagate("forward", **how))
    return max(session.predictor.streams[-1].advanced) - 7


@pytest.mark.parametrize(("spacing", "units"), [(1, "mm"), (5, "mm"), (40, "mm"), (5, "um"), (5, "pixel")])
def test_by_default_a_gap_has_five_frames(spacing, units):
    assert tracked(spaced(spacing, units)) == 5


def test_a_number_of_frames_stays_what_it_is_and_a_length_is_taken_in_frames():
    assert tracked(spaced(5), stop_when_gone=4) == 4
    assert tracked(spaced(5), gone_after_mm=20) == 4
    assert tracked(spaced(2), gone_after_mm=17) == 9
    assert tracked(spaced(5), gone_after_mm=1) == 1


def test_a_gap_that_is_none_is_a_sentence(volume):
    with pytest.raises(PromptError, match="give one of them"):
        spaced(5).propagate(stop_when_gone=3, gone_after_mm=5)
    with pytest.raises(VolumeError, match="no known distance apart"):
        spaced(5, "pixel").propagate(gone_after_mm=5)
    with pytest.raises(VolumeError, match="must be above zero"):
        spaced(5).propagate(gone_after_mm=0)


def test_the_gap_that_was_used_replays_in_frames():
    session = spaced(5)
    list(session.propagate("forward", gone_after_mm=15))
    assert session.steps[-1].arguments["stop_when_gone"] == 3
    assert session.replay() == 0
