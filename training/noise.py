"""Smooth noise, for shapes, textures and shading."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray


def smooth_noise(
    rng: np.random.Generator, frames: int, cells: int, size: int, frozen: float = 0.0
) -> NDArray[np.float32]:
    """Make smooth noise of unit variance, ``(T, S, S)``.

    Parameters
    ----------
    rng
        Everything follows from it.
    frames, size
        T and S.
    cells
        About so many blobs across a frame.
    frozen
        Share of the variance that is the same on all frames.
    """
    knots = max(2, min(frames, 4))
    grid = rng.standard_normal((knots, cells + 2, cells + 2), dtype=np.float32)
    grid = math.sqrt(1 - frozen) * grid + math.sqrt(frozen) * grid[:1]
    maps = torch.from_numpy(grid)[None]
    maps = F.interpolate(maps, size=(size, size), mode="bicubic", align_corners=False)[0]
    if frames != knots:
        # Between two knots: weights that keep the variance, so that no frame is smoother than its neighbours.
        place = np.linspace(0, knots - 1, frames)
        low = np.minimum(place.astype(int), knots - 2)
        part = torch.from_numpy((place - low).astype(np.float32))[:, None, None]
        norm = (part**2 + (1 - part) ** 2).sqrt()
        maps = (maps[low] * (1 - part) + maps[low + 1] * part) / norm
    out: NDArray[np.float32] = (maps / 0.75).numpy()  # interpolation takes about a quarter of the deviation away
    return out
