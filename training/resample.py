"""Resample labelled volumes: the same anatomy as a coarser or a finer scan would show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Matrix = NDArray[np.float32]


def resample(
    image: NDArray[np.generic], labels: NDArray[np.integer], shape: Sequence[int], only: Iterable[int] = ()
) -> tuple[NDArray[np.generic], NDArray[np.integer]]:
    """Resample a volume and its labels.

    Parameters
    ----------
    image, labels
        ``(T, Y, X)``.
    shape
        The new one. Axes that get shorter are averaged, so slices are as thick as they are apart; others are
        interpolated.
    only
        The labels that are needed; none: all.

    Returns
    -------
    tuple of array
        Of the same dtypes. A voxel has the label that fills most of it, if that is at least a half.
    """
    matrices = [_matrix(old, new) for old, new in zip(labels.shape, shape, strict=True)]
    values = _apply(matrices, np.asarray(image, np.float32))
    if np.issubdtype(image.dtype, np.integer):
        values = np.rint(values)
    wanted = set(only)
    out, most = np.zeros(tuple(shape), labels.dtype), np.full(tuple(shape), 0.499, np.float32)
    for label, place in enumerate(ndimage.find_objects(labels.astype(np.int32, copy=False)), start=1):
        if place is None or (wanted and label not in wanted):
            continue
        parts = [m[:, s] for m, s in zip(matrices, place, strict=True)]
        rows = [np.flatnonzero(p.any(axis=1)) for p in parts]
        part = tuple(slice(int(r[0]), int(r[-1]) + 1) for r in rows)
        filled = _apply([p[s] for p, s in zip(parts, part, strict=True)], (labels[place] == label).astype(np.float32))
        fuller = filled > most[part]
        out[part][fuller] = label
        most[part][fuller] = filled[fuller]
    return values.astype(image.dtype), out


def _matrix(old: int, new: int) -> Matrix:
    """Compute the weights ``(new, old)`` of the old samples of an axis in the new ones."""
    factor = old / new
    centres = np.arange(old) + 0.5
    if factor >= 1:  # the share of each old place in the new one
        begin = np.arange(new)[:, None] * factor
        shares = np.minimum(begin + factor, np.arange(old) + 1) - np.maximum(begin, np.arange(old))
        weights = np.clip(shares, 0, None)
    else:
        place = np.clip((np.arange(new)[:, None] + 0.5) * factor, 0.5, old - 0.5)
        weights = np.clip(1 - np.abs(centres - place), 0, None)
    out: Matrix = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return out


def _apply(matrices: Sequence[Matrix], volume: NDArray[np.float32]) -> NDArray[np.float32]:
    for axis, matrix in enumerate(matrices):
        if matrix.shape[0] != matrix.shape[1] or not np.array_equal(matrix, np.eye(len(matrix), dtype=np.float32)):
            volume = np.moveaxis(np.tensordot(matrix, volume, (1, axis)), 0, axis)
    return volume
