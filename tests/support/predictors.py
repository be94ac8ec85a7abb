"""A predictor without a network: it answers a box with the filled box, a click with a disc, and tracks by copying.

Tracked masks move by `shift` columns a frame, so that tests can tell which frame a mask came from.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.protocols import CropWindow, FrameScores, Prediction

SHAPE = (20, 24, 32)


def numbered_volume():
    """A volume of SHAPE in which every voxel has another value."""
    return ImageVolume(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), axes="zyx", spacing=(3, 0.7, 0.7))


@dataclass
class FakeTrack:
    frame: int
    step: int
    logits: np.ndarray
    window: CropWindow


class FakeStream:
    """Records the frames of its calls: ``predicted``, ``advanced``, and the ``nearest`` mask of each prediction.

    What is forbidden is cut from its answers and from what it goes on with; a mask prompt is not cut.
    """

    def __init__(self, frames, owner, options=None):
        self.frames, self.owner, self.options = frames, owner, options
        self.shape = frames[0].shape[:2]
        self.predicted = []
        self.nearest = []
        self.advanced = []

    def predict(self, frame, prompts, *, base=None, window=None, context=(), nearest=None, forbidden=None):
        self.owner.called()
        self.owner.asked.append((frame, prompts))
        self.predicted.append(frame)
        self.nearest.append(nearest)
        # Looked at as a model does: a frame that cannot be read is an error.
        height, width = self.frames[frame].shape[:2]
        mask = np.zeros((height, width), bool) if base is None else base.copy()
        if prompts.mask is not None:
            mask = prompts.mask.mask.decode()
        if prompts.box is not None:
            b = prompts.box
            mask[int(b.y0) : int(b.y1), int(b.x0) : int(b.x1)] = True
        for p in prompts.points:
            rows, columns = np.ogrid[: self.shape[0], : self.shape[1]]
            mask[np.hypot(rows - p.y, columns - p.x) <= self.owner.radius] = p.positive
        if forbidden is not None and prompts.mask is None:
            mask &= ~forbidden
        logits = np.where(mask, np.float32(10), np.float32(-10))
        return Prediction(logits, FrameScores(0.9, 5.0), self._window(), logits)

    def track(self, owner, context, step):
        return FakeTrack(owner.frame, step, owner.state, self._window())

    def advance(self, tracks, *, forbidden=None):
        self.owner.called()
        if self.owner.gate is not None:
            self.owner.gate.wait(10)
        banned = [None] * len(tracks) if forbidden is None else forbidden
        return [self._advance_one(track, where) for track, where in zip(tracks, banned, strict=True)]

    def _advance_one(self, track, where):
        vanish_after, fade_after = self.owner.vanish_after, self.owner.fade_after
        track.frame += track.step
        self.advanced.append(track.frame)
        track.logits = logits = np.roll(track.logits, self.owner.shift, axis=1)
        if where is not None:
            track.logits = logits = np.where(where, np.float32(-10), logits)
        if vanish_after is not None and track.frame > vanish_after:
            logits = np.full(self.shape, np.float32(-10))
        faded = fade_after is not None and track.frame > fade_after
        return Prediction(
            logits, FrameScores(0.5 if faded else 0.8, 4.0, self.owner.rivals.get(track.frame)), track.window, logits
        )

    def _window(self):
        # Reaches past the frame at one corner and stops short of it at the other, as a zoom window does.
        height, width = self.shape
        return CropWindow(-2.0, 1.0, height - 1.0, width - 2.0)


class FakePredictor:
    """Answers at once and keeps what it was asked.

    Parameters
    ----------
    shift
        Columns by which a tracked mask moves from frame to frame.
    radius
        Of the disc that a click makes, in pixels.
    vanish_after, fade_after
        Frames after which tracked masks are empty, or have a low score.

    Attributes
    ----------
    delay
        Seconds that each call takes.
    gate
        An event that holds tracking back until it is set (at most 10 s); None: nothing does.
    asked
        ``(frame, prompts)`` of each prediction, of all streams.
    rivals
        The `FrameScores.rival` of tracked frames; None where a frame is not named.
    threads
        Those in which it was called.
    streams
        All that were opened.
    """

    name = "fake"
    device = "cpu"
    notes = ()
    fingerprint = None
    stream_type = FakeStream

    def __init__(self, shift=1, radius=3, vanish_after=None, fade_after=None):
        self.shift, self.radius = shift, radius
        self.vanish_after, self.fade_after = vanish_after, fade_after
        self.delay = 0.0
        self.gate = None
        self.asked = []
        self.rivals = {}
        self.threads = set()
        self.streams = []

    def open(self, frames, *, zoom="auto", exact=False, options=None):
        self.streams.append(self.stream_type(frames, self, options))
        return self.streams[-1]

    def called(self):
        """Note the thread of a call, and take the time of one."""
        self.threads.add(threading.current_thread())
        if self.delay:
            time.sleep(self.delay)

    def unload(self):
        pass
