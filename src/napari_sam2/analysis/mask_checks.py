"""Checks and helpers that the operations on masks share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sam2.core.masks import box_around
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from numpy.typing import NDArray

Dimensions = Literal[2, 3]


def checked_mask(mask: Any, spacing: Any) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return mask and spacing as arrays, or raise an error where they are no ``(Z, Y, X)`` bool or no three lengths."""
    array = np.asarray(mask)
    if array.dtype != np.bool_ or array.ndim != 3:
        raise NapariSam2Error(f"A mask must be (Z, Y, X) bool, not {array.dtype} of shape {array.shape}.")
    try:
        steps = np.array(spacing, dtype=np.float64)
    except (TypeError, ValueError):
        steps = np.zeros(0)
    if steps.shape != (3,) or not np.isfinite(steps).all() or (steps <= 0).any():
        raise NapariSam2Error(f"spacing={spacing!r} must be three numbers above zero, for z, y and x.")
    return array, steps


def of_same_shape(values: Any, mask: NDArray[np.bool_], called: str) -> NDArray[Any]:
    """Return an array, or raise an error where its shape is not that of the mask."""
    array: NDArray[Any] = np.asarray(values)
    if array.shape != mask.shape:
        raise NapariSam2Error(f"The {called} has the shape {array.shape}, but the mask has {mask.shape}.")
    return array


def checked_amount(value: Any, name: str) -> float:
    """Return a number that is zero or more as a float, or raise an error that names the parameter."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < float("inf"):
        raise NapariSam2Error(f"{name}={value!r} must be a number, zero or more.")
    return float(value)


def check_dimensions(dimensions: Any) -> None:
    """Raise an error where dimensions are neither 2 nor 3."""
    if dimensions not in (2, 3):
        raise NapariSam2Error(f"dimensions={dimensions!r} must be 2 (every slice by itself) or 3.")


def change_each(
    mask: NDArray[np.bool_],
    change: Callable[[NDArray[np.bool_]], NDArray[np.bool_]],
    dimensions: Dimensions,
    margin: Sequence[int] = (0, 0, 0),
) -> NDArray[np.bool_]:
    """Change the box around a mask with a margin, or every slice there that has a voxel; outside is nothing."""
    check_dimensions(dimensions)
    changed = np.zeros_like(mask)
    box = box_around(mask, margin)
    if box is None:
        return changed
    if dimensions == 3:
        changed[box] = change(mask[box])
        return changed
    for frame in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        changed[frame][box[1:]] = change(mask[frame][box[1:]])
    return changed


def connected_parts(mask: NDArray[np.bool_], dimensions: int = 3) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the connected parts as labels, and the number of voxels of each."""
    from scipy.ndimage import label

    structure = np.ones((3,) * mask.ndim)
    if dimensions < mask.ndim:
        structure[[0, 2]] = 0
    labels, count = label(mask, structure=structure)
    return labels, np.bincount(labels.ravel(), minlength=count + 1)[1:]
