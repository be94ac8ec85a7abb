"""Corrupt tracked masks, as they go wrong after many slices, so that a network learns to recover.

A clip has a few frames, so its masks are never as wrong as those of a long track. Now and then a mask is therefore
replaced by one that is still that of an earlier frame, has grown or leaked, lost a part, or lies beside the object; the
loss of the frames after it is that of any others.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
_CONFIDENT_LOGITS = (4.0, 14.0)  # logits well inside and outside a mask, as the network gives them


def corrupt(found: torch.Tensor, earlier: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Make masks wrong.

    Parameters
    ----------
    found
        ``(N, n, n)`` bool, the masks of a frame.
    earlier
        ``(N, n, n)`` bool, those of a frame before it.
    rng
        Everything follows from it.

    Returns
    -------
    Tensor
        ``(N, 1, n, n)`` float32: logits of masks that overlap the found ones, smooth at the edge. A mask that is
        empty stays so.
    """
    pairs = zip(found.cpu().numpy(), earlier.cpu().numpy(), strict=True)
    logits = np.stack([_as_logits(_corrupted(mask, before, rng), rng) for mask, before in pairs])
    return torch.from_numpy(logits)[:, None].to(found.device)


def _corrupted(mask: Mask, before: Mask, rng: np.random.Generator) -> Mask:
    if not mask.any():
        return mask
    kind = rng.random()
    if kind < 0.35 and before.any():
        wrong = before | mask if rng.random() < 0.5 else before
    elif kind < 0.6:
        wrong = _grown(mask, rng)
    elif kind < 0.8:
        wrong = mask | _leak(mask, rng)
    elif kind < 0.9:
        wrong = mask & ~_leak(mask, rng)
    else:
        wrong = ndimage.shift(mask.astype(np.uint8), rng.normal(0, 0.15, 2) * _radius(mask), order=0) > 0
    return wrong if (wrong & mask).any() else mask


def _radius(mask: Mask) -> float:
    """Return the radius of a disc of the mask's area, in pixels."""
    return math.sqrt(float(mask.sum()) / math.pi)


def _grown(mask: Mask, rng: np.random.Generator) -> Mask:
    reach = max(1.0, rng.uniform(0.1, 0.5) * _radius(mask))
    grown: Mask = ndimage.distance_transform_edt(~mask) <= reach
    return grown


def _leak(mask: Mask, rng: np.random.Generator) -> Mask:
    """Draw an ellipse around a pixel of the mask's edge."""
    edge = mask & ~ndimage.binary_erosion(mask)
    rows, columns = np.nonzero(edge)
    pick = int(rng.integers(rows.size))
    y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
    turn, radius = rng.uniform(0, np.pi), _radius(mask)
    along = math.cos(turn) * (x - columns[pick]) + math.sin(turn) * (y - rows[pick])
    across = math.cos(turn) * (y - rows[pick]) - math.sin(turn) * (x - columns[pick])
    long, short = (max(1.0, radius * rng.uniform(0.25, most)) for most in (1.3, 0.8))
    inside: Mask = (along / long) ** 2 + (across / short) ** 2 <= 1
    return inside


def _as_logits(mask: Mask, rng: np.random.Generator) -> NDArray[np.float32]:
    """Turn a mask into logits; an edge of two pixels or so, as confident as the network might be."""
    depth = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    logits: NDArray[np.float32] = np.tanh(depth / rng.uniform(0.8, 2.5)).astype(np.float32)
    return logits * np.float32(rng.uniform(*_CONFIDENT_LOGITS))
