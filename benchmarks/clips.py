"""Seeded clips: textured ground with bright discs that drift, on all slices or on the first ones only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Clip:
    """Slices and what is asked about them.

    Attributes
    ----------
    array : (T, Y, X) float32
        Values in 0 … 1.
    boxes : list of (y0, x0, y1, x1)
        One for each object, on the first slice.
    clicks : list of (y, x)
        A click into each object as it lies on the middle slice.
    shown : int
        On how many slices, from the first on, the objects are.
    """

    array: NDArray[np.float32]
    boxes: list[Box]
    clicks: list[tuple[float, float]]
    shown: int

    @property
    def frames(self) -> int:
        """Number of slices."""
        return len(self.array)

    @property
    def corrected(self) -> int:
        """The slice of the correcting click."""
        return self.frames // 2


def make_clip(size: int, frames: int, objects: int, seed: int, shown: int | None = None) -> Clip:
    """Draw a clip.

    Parameters
    ----------
    size : int
        Side of a slice in pixels.
    frames, objects : int
    seed : int
    shown : int, optional
        Slices with the objects and with the ground's texture; the others are nearly black. Default: all.
    """
    rng = np.random.default_rng(seed)
    shown = frames if shown is None else shown
    rows, columns = np.mgrid[:size, :size].astype(np.float32) / size
    centres = rng.uniform(0.25, 0.7, (objects, 2))
    radii = rng.uniform(0.06, 0.16, objects)
    drift = rng.uniform(-0.006, 0.006, (objects, 2))
    array = np.empty((frames, size, size), np.float32)
    for frame in range(frames):
        if frame >= shown:
            array[frame] = 0.02 * rng.random((size, size), dtype=np.float32)
            continue
        ground = np.kron(rng.random((16, 16), dtype=np.float32), np.ones((size // 16, size // 16), np.float32))
        array[frame] = 0.35 * ground + 0.05 * rng.random((size, size), dtype=np.float32)
        for centre, radius, step in zip(centres, radii, drift, strict=True):
            y, x = centre + frame * step
            array[frame][(rows - y) ** 2 + (columns - x) ** 2 < radius**2] += 0.5
    boxes = [
        tuple(float(v) * size for v in (c[0] - r, c[1] - r, c[0] + r, c[1] + r))
        for c, r in zip(centres, radii, strict=True)
    ]
    clicks = [tuple(float(v) for v in (c + frames // 2 * d) * size) for c, d in zip(centres, drift, strict=True)]
    return Clip(np.clip(array, 0, 1), boxes, clicks, shown)
