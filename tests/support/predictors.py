"""A predictor without a network: it answers a box with the filled box, a click with a disc, and tracks by copying.

Its masks carry their history (tracked masks shift by one column a frame), so tests can tell who computed what.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.protocols import FrameScores, Prediction, Window

SHAPE = (20, 24, 32)


def numbered_volume():
    """A volume of SHAPE in which every voxel has another value."""
    return ImageVolume(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), axes="zyx", spacing=(3, 0.7, 0.7))


@dataclass
class FakeTrack:
    frame: int
    step: int
    logits: np.ndarray
    window: Window


class FakeStream:
    def __init__(self, frames, vanish_after=None, fade_after=None):
        self.frames = frames
        self.shape = frames[0].shape[:2]
        self.predicted = []
        self.nearest = []
        self.advanced = []
        self.vanish_after = vanish_after
        self.fade_after = fade_after

    def _whole(self):
        return Window(0.0, 0.0, float(self.shape[0]), float(self.shape[1]))

    def predict(self, frame, prompts, *, base=None, window=None, context=(), nearest=None):
        self.predicted.append(frame)
        self.nearest.append(nearest)
        mask = np.zeros(self.shape, bool) if base is None else base.copy()
        if prompts.mask is not None:
            mask = prompts.mask.mask.decode()
        if prompts.box is not None:
            b = prompts.box
            mask[int(b.y0) : int(b.y1), int(b.x0) : int(b.x1)] = True
        yy, xx = np.mgrid[: self.shape[0], : self.shape[1]]
        for p in prompts.points:
            mask[(yy - p.y) ** 2 + (xx - p.x) ** 2 < 9] = p.positive
        logits = np.where(mask, np.float32(10), np.float32(-10))
        return Prediction(logits, FrameScores(0.9, 5.0), self._whole(), logits)

    def track(self, owner, context, step):
        return FakeTrack(owner.frame, step, owner.state, self._whole())

    def advance(self, tracks):
        out = []
        for track in tracks:
            track.frame += track.step
            self.advanced.append(track.frame)
            track.logits = np.roll(track.logits, 1, axis=1)
            logits = track.logits
            if self.vanish_after is not None and track.frame > self.vanish_after:
                logits = np.full(self.shape, np.float32(-10))
            faded = self.fade_after is not None and track.frame > self.fade_after
            out.append(Prediction(logits, FrameScores(0.5 if faded else 0.8, 4.0), track.window, logits))
        return out


class FakePredictor:
    name = "fake"
    device = "cpu"
    notes = ()
    fingerprint = None

    def __init__(self, vanish_after=None, fade_after=None):
        self.vanish_after = vanish_after
        self.fade_after = fade_after
        self.streams = []

    def open(self, frames, *, zoom="auto", exact=False):
        self.streams.append(FakeStream(frames, self.vanish_after, self.fade_after))
        return self.streams[-1]

    def unload(self):
        pass
