"""The values that cross the border between a session and a model; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.masks import RunLengthMask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

OUTSIDE_LOGIT = -10.0
"""Logit of the pixels of a frame that the model did not see."""


@dataclass(frozen=True)
class CropWindow:
    """The part of a frame that the model sees, in data pixels; pixel i spans i … i+1. May reach past the border."""

    y0: float
    x0: float
    y1: float
    x1: float

    @property
    def height(self) -> float:
        """Rows covered."""
        return self.y1 - self.y0

    @property
    def width(self) -> float:
        """Columns covered."""
        return self.x1 - self.x0


@dataclass(frozen=True)
class FrameScores:
    """The model's own scores of its mask: predicted IoU (0…1) and object score (logit; above 0: present).

    ``rival`` (0…1) says how far the model's other answers reach beyond the mask, from 0.3 on: something there looks
    like the object. None where it was not looked for; see `TrackingOptions.reports_rivals`.
    """

    iou: float
    object_score: float
    rival: float | None = None


@dataclass(frozen=True)
class FrameResult:
    """One finished frame: the masks ``(Y, X) bool`` and the scores of its objects, by object id.

    A session decodes each mask when it is first asked for.
    """

    frame: int
    masks: Mapping[int, NDArray[np.bool_]]
    scores: dict[int, FrameScores]


@dataclass(frozen=True)
class Prediction:
    """One object's mask on one frame.

    Attributes
    ----------
    part : NDArray[np.float32], (h, w)
        Logits, above 0 inside, of the part of the frame that the model saw.
    scores : FrameScores
    window : CropWindow
        What the model saw.
    state
        What the model needs to condition on this frame later; opaque to the session.
    corner : (int, int)
        Row and column of the frame at which ``part`` begins.
    shape : (int, int) or None
        ``(Y, X)`` of the frame; None where ``part`` is all of it.
    """

    part: NDArray[np.float32]
    scores: FrameScores
    window: CropWindow
    state: Any = None
    corner: tuple[int, int] = (0, 0)
    shape: tuple[int, int] | None = None

    @property
    def logits(self) -> NDArray[np.float32]:
        """``(Y, X) float32``, `OUTSIDE_LOGIT` outside of the part."""
        return self.part if self.shape is None else self._whole(self.part, self.shape, OUTSIDE_LOGIT)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """``(Y, X) bool``."""
        return self.part > 0 if self.shape is None else self._whole(self.part > 0, self.shape, False)

    def encoded(self) -> RunLengthMask:
        """Return the mask as runs, without an array of the whole frame."""
        if self.shape is None:
            return RunLengthMask.encode(self.part > 0)
        edges = np.diff((self.part > 0).astype(np.int8), axis=1, prepend=0, append=0)
        rows, columns = np.nonzero(edges)
        flat = (rows + self.corner[0]) * self.shape[1] + columns + self.corner[1]
        # A run that ends where the next row's begins is one run.
        starts, stops = flat[::2], flat[1::2]
        apart = np.flatnonzero(starts[1:] != stops[:-1])
        runs = np.stack([starts[np.r_[0, apart + 1]], stops[np.r_[apart, -1]]], axis=1) if flat.size else flat
        runs = runs.reshape(-1, 2).astype(np.int32)
        runs.setflags(write=False)
        return RunLengthMask(self.shape, runs)

    def _whole(self, part: NDArray[Any], shape: tuple[int, int], outside: float) -> NDArray[Any]:
        (y, x), (height, width) = self.corner, part.shape
        whole = np.full(shape, outside, dtype=part.dtype)
        whole[y : y + height, x : x + width] = part
        return whole


@dataclass(frozen=True)
class ConditioningFrame:
    """An accepted frame of an object, with the ``state`` that its prediction returned."""

    frame: int
    state: Any


@dataclass(frozen=True)
class Proposal:
    """An object that was found without a prompt.

    Attributes
    ----------
    encoded : RunLengthMask
        Its mask.
    iou : float
        Predicted IoU, 0…1.
    point : (float, float)
        The click ``(y, x)``, a pixel centre, that it answers.
    """

    encoded: RunLengthMask
    iou: float
    point: tuple[float, float]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """``(Y, X) bool``, a new array."""
        return self.encoded.decode()
