"""Corrects mask logits where they contradict what is known of masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

_EIGHT = np.ones((3, 3), dtype=bool)
_COVERED = 0.3  # share of a part that the previous mask covers where it leads there; chosen outside the validation set
_FAIR_SHARE = 0.25  # of the largest part's area; no other value was tried


def fill_holes(logits: Tensor, max_area: int) -> Tensor:
    """Fill background specks of at most ``max_area`` pixels in logits ``(N, 1, n, n)``: they are set just above 0.

    Meta fills them with a CUDA extension and skips it elsewhere; here every device gives the same.
    """
    small = np.stack([_small_holes(~mask, max_area) for mask in _masks(logits)])
    if not small.any():
        return logits
    return torch.where(torch.from_numpy(small)[:, None].to(logits.device, non_blocking=True), 0.1, logits)


def _small_holes(outside: NDArray[np.bool_], max_area: int) -> NDArray[np.bool_]:
    """Return the parts of ``(n, n)`` that are small; none where all of it is one."""
    labels, _ = ndimage.label(outside, structure=_EIGHT)
    areas = np.bincount(labels.ravel())
    small: NDArray[np.bool_] = (areas <= max_area)[labels] & outside
    return np.zeros_like(small) if small.all() else small


def drop_disconnected(logits: Tensor, previous: Tensor) -> Tensor:
    """Drop the parts of tracked masks that nothing of the previous frame's mask leads to, for small models.

    A small model takes up what looks like the object elsewhere in its window, as a kidney beside the spleen, and
    follows it from then on. A part counts as led to where the previous mask covers enough of it. Where it covers no
    part so far, as for a cell that moves by more than its length, and where it is empty, all are kept.

    Parameters
    ----------
    logits, previous
        ``(N, 1, n, n)`` in the same window, N objects.

    Returns
    -------
    Tensor
        The same shape; dropped parts have the opposite sign.
    """
    pairs = zip(_masks(logits), _masks(previous), strict=True)
    return _opposite(logits, np.stack([_disconnected_parts(now, before) for now, before in pairs]))


def drop_small(logits: Tensor, points: Tensor, labels: Tensor, size: int) -> Tensor:
    """Drop the small parts beside the largest one from answers to boxes, for small models.

    A box around the liver also holds parts of the stomach and of a vertebra; what looks alike there is taken up in
    patches. A part stays where it has a fair share of the largest one's area, or a positive click.

    Parameters
    ----------
    logits
        ``(N, 1, n, n)``, N objects.
    points, labels
        ``(N, P, 2)`` and ``(N, P)``: the prompts in pixels of the input, as `draw_hint` takes them.
    size
        Side of the input.

    Returns
    -------
    Tensor
        The same shape; dropped parts have the opposite sign.
    """
    places = (points * (logits.shape[-1] / size)).long().clamp(0, logits.shape[-1] - 1).cpu().numpy()
    positive = (labels == 1).cpu().numpy()
    small = [_small_parts(m, xy[p]) for m, xy, p in zip(_masks(logits), places, positive, strict=True)]
    return _opposite(logits, np.stack(small))


def _opposite(logits: Tensor, where: NDArray[np.bool_]) -> Tensor:
    """Return the logits ``(N, 1, n, n)`` with the opposite sign at ``(N, n, n)``."""
    return torch.where(torch.from_numpy(where)[:, None].to(logits.device), -logits, logits) if where.any() else logits


def _small_parts(mask: NDArray[np.bool_], clicked: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return what is to be dropped of a mask; ``clicked (k, 2)`` are columns and rows."""
    parts, count = ndimage.label(mask, structure=_EIGHT)
    if count < 2:
        return np.zeros_like(mask)
    area = np.bincount(parts.ravel())
    area[0] = 0
    kept = area >= _FAIR_SHARE * area.max()
    kept[parts[clicked[:, 1], clicked[:, 0]]] = True
    small: NDArray[np.bool_] = mask & ~kept[parts]
    return small


def _masks(logits: Tensor) -> NDArray[np.bool_]:
    masks: NDArray[np.bool_] = (logits[:, 0] > 0).cpu().numpy()
    return masks


def _disconnected_parts(now: NDArray[np.bool_], before: NDArray[np.bool_]) -> NDArray[np.bool_]:
    parts, count = ndimage.label(now, structure=_EIGHT)
    if count < 2 or not before.any():
        return np.zeros_like(now)
    area = np.bincount(parts.ravel())
    covered = np.bincount(parts[before], minlength=area.size)
    led_to = covered >= np.maximum(_COVERED * area, 1)
    led_to[0] = False
    return now & ~led_to[parts] if led_to.any() else np.zeros_like(now)
