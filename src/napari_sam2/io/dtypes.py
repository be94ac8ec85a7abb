"""Stored values → values in the unit of the image, in the smallest type that holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INTEGERS = (np.int16, np.uint16, np.int32)


def native(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array in this computer's byte order; torch and most compiled code refuse the other one."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def rescaled(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """``slope * stored + intercept``; integers stay integers where the two numbers are whole.

    Examples
    --------
    >>> rescaled(np.array([0, 1024], dtype=np.uint16), 1.0, -1024.0)
    array([-1024,     0], dtype=int32)
    """
    stored = native(stored)
    if slope == 1.0 and intercept == 0.0:
        return stored
    whole = float(slope).is_integer() and float(intercept).is_integer()
    # Larger numbers come from damaged headers and would overflow.
    if stored.dtype.kind in "iub" and whole and abs(slope) < 2**16 and abs(intercept) < 2**31:
        wide = stored.astype(np.int64) * int(slope) + int(intercept)
        limits = np.iinfo(np.int32)
        if limits.min <= wide.min() and wide.max() <= limits.max:
            return wide.astype(np.int32)
    # A damaged slope leads to infinities, which no window ever takes in.
    with np.errstate(over="ignore", invalid="ignore"):
        return (stored.astype(np.float64) * slope + intercept).astype(np.float32)


def fits(plane: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    """Tell whether a type holds every value of a plane."""
    if dtype.kind not in "iu" or plane.dtype == dtype:
        return True
    limits = np.iinfo(dtype)
    return plane.dtype.kind in "iub" and bool(limits.min <= plane.min() and plane.max() <= limits.max)


def stacked(planes: list[NDArray[Any]], wanted: np.dtype[Any] | None = None) -> NDArray[Any]:
    """Stack planes of one shape into one array.

    Of the type `wanted` if that holds all values; otherwise of their common type, or the smallest integer one that
    holds them.
    """
    if wanted is not None and all(fits(p, wanted) for p in planes):
        return np.stack(planes).astype(wanted, copy=False)
    dtype = np.result_type(*(p.dtype for p in planes))
    if dtype == np.int32 or (dtype.kind in "iu" and dtype.itemsize == 8):
        dtype = smallest(min(int(p.min()) for p in planes), max(int(p.max()) for p in planes), dtype)
    elif dtype == np.float64 and all(p.dtype != np.float64 for p in planes):
        dtype = np.dtype(np.float32)
    stack = np.empty((len(planes), *planes[0].shape), dtype=dtype)
    for index, plane in enumerate(planes):
        stack[index] = plane
    return stack


def compacted(array: NDArray[Any]) -> NDArray[Any]:
    """Return an int32 array in 16 bits where its values fit."""
    if array.dtype != np.int32:
        return array
    return array.astype(smallest(int(array.min()), int(array.max()), array.dtype), copy=False)


def smallest(low: int, high: int, otherwise: np.dtype[Any]) -> np.dtype[Any]:
    """Return the smallest of int16, uint16 and int32 that holds both ends, or `otherwise`."""
    for candidate in _INTEGERS:
        limits = np.iinfo(candidate)
        if limits.min <= low and high <= limits.max:
            return np.dtype(candidate)
    return otherwise
