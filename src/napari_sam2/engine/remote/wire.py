"""What goes over the network: frames at 8 or 16 bits, compressed without loss, and masks as run lengths."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np

from napari_sam2.engine.protocols import ReadsLevels
from napari_sam2.errors import ClusterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.engine.protocols import CropWindow, FrameScores, ReadsParts

Place = int | tuple[int, int, tuple[int, int, int, int]]
"""What is sent: a frame; or of a frame, reduced by a factor, the box ``(y0, x0, y1, x1)``."""
_LEVEL = 1  # of zstd: higher ones gain a few per cent and take much longer


class WorkerLostError(ClusterError):
    """The worker died, and with it its streams, states and tracks."""


@dataclass(frozen=True)
class PackedFrame:
    """A frame ``(Y, X, C)`` of whole numbers from 0 to the largest of their type, compressed.

    ``digest`` tells it from frames of other content.
    """

    shape: tuple[int, int, int]
    bits: int
    data: bytes
    digest: bytes

    @classmethod
    def of(cls, frame: NDArray[np.float32]) -> PackedFrame:
        """Pack a frame in 0…1: at 8 bits where these hold all of it, else at 16 (steps of 1/65535).

        Parameters
        ----------
        frame
            ``(Y, X, C) float32``.
        """
        coarse = np.round(frame * 255.0).astype(np.uint8)
        if np.array_equal(coarse.astype(np.float32) / np.float32(255.0), frame):
            values: NDArray[np.uint8 | np.uint16] = coarse
        else:
            values = np.round(frame.astype(np.float64) * 65535.0).astype(np.uint16)
        # Neighbours are alike: their differences compress far better than they do.
        delta = np.ascontiguousarray(imagecodecs.delta_encode(values, axis=1))
        data = imagecodecs.zstd_encode(delta, level=_LEVEL)
        height, width, channels = frame.shape
        digest = hashlib.blake2b(values.tobytes(), digest_size=16, person=str((height, width)).encode()[:16]).digest()
        return cls((height, width, channels), values.dtype.itemsize * 8, data, digest)

    def unpack(self) -> NDArray[np.float32]:
        """Return the frame ``(Y, X, C) float32`` in 0…1."""
        dtype, top = (np.dtype(np.uint8), 255) if self.bits == 8 else (np.dtype(np.uint16), 65535)
        delta = np.frombuffer(imagecodecs.zstd_decode(self.data), dtype).reshape(self.shape)
        values = imagecodecs.delta_decode(delta, axis=1)
        frame: NDArray[np.float32] = values.astype(np.float32) / np.float32(top)
        return frame


@dataclass(frozen=True)
class LargePlanes:
    """What a worker must know of frames of which it gets parts: ``(Y, X)``, and by how much each level is reduced."""

    shape: tuple[int, int]
    factors: tuple[int, ...] = ()

    @classmethod
    def of(cls, frames: ReadsParts) -> LargePlanes:
        """Describe the frames of a source."""
        factors: list[int] = []
        if isinstance(frames, ReadsLevels):
            # Each time the next smaller one.
            factor = frames.level_factor(max(frames.frame_shape))
            while factor > 1:
                factors.append(factor)
                factor = frames.level_factor(factor - 1)
        height, width = frames.frame_shape
        return cls((int(height), int(width)), tuple(factors))


@dataclass(frozen=True)
class Answer:
    """A prediction without its logits: the mask as run lengths, and what the state and the logits are called there."""

    mask: RunLengthMask
    scores: FrameScores
    window: CropWindow
    token: int
