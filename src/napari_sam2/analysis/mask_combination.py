"""Operations that cut a mask by the image's values, combine it with another object's, or copy a slice of it.

All take a mask ``(Z, Y, X)`` bool and its spacing ``(z, y, x)``, and return a new mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.mask_checks import checked_mask, of_same_shape
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from numpy.typing import NDArray


def threshold(
    mask: NDArray[np.bool_],
    spacing: Sequence[float],
    image: NDArray[Any],
    low: float | None = None,
    high: float | None = None,
) -> NDArray[np.bool_]:
    """Keep the voxels whose value lies in a range, its ends included.

    Parameters
    ----------
    mask, spacing
        As of all operations.
    image
        (Z, Y, X), the image's values; NaN lies in no range.
    low, high
        In the image's values; None: no limit.

    Examples
    --------
    >>> import numpy as np
    >>> threshold(np.ones((1, 1, 3), bool), (1, 1, 1), np.array([[[-900, 40, 300]]]), low=-50, high=200).tolist()
    [[[False, True, False]]]
    """
    mask, _ = checked_mask(mask, spacing)
    values = of_same_shape(image, mask, "image")
    inside: NDArray[np.bool_] = mask & ~np.isnan(values)
    for name, limit in (("low", low), ("high", high)):
        if limit is not None:
            if isinstance(limit, bool) or not isinstance(limit, Real) or np.isnan(limit):
                raise NapariSam2Error(f"{name}={limit!r} must be a number, or None for no limit.")
            inside &= values >= limit if name == "low" else values <= limit
    if low is not None and high is not None and low > high:
        raise NapariSam2Error(f"low={low!r} must not be above high={high!r}.")
    return inside


def union(mask: NDArray[np.bool_], spacing: Sequence[float], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add another object's mask ``(Z, Y, X)``.

    Examples
    --------
    >>> import numpy as np
    >>> union(np.array([[[1, 0, 0]]], bool), (1, 1, 1), np.array([[[0, 0, 1]]], bool)).astype(int).tolist()
    [[[1, 0, 1]]]
    """
    mask, _ = checked_mask(mask, spacing)
    both: NDArray[np.bool_] = mask | of_same_shape(other, mask, "other mask").astype(bool)
    return both


def intersect(mask: NDArray[np.bool_], spacing: Sequence[float], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep what lies in another object's mask ``(Z, Y, X)`` too.

    Examples
    --------
    >>> import numpy as np
    >>> intersect(np.array([[[1, 1, 0]]], bool), (1, 1, 1), np.array([[[0, 1, 1]]], bool)).astype(int).tolist()
    [[[0, 1, 0]]]
    """
    mask, _ = checked_mask(mask, spacing)
    common: NDArray[np.bool_] = mask & of_same_shape(other, mask, "other mask").astype(bool)
    return common


def subtract(mask: NDArray[np.bool_], spacing: Sequence[float], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take another object's mask ``(Z, Y, X)`` away.

    Examples
    --------
    >>> import numpy as np
    >>> subtract(np.array([[[1, 1, 0]]], bool), (1, 1, 1), np.array([[[0, 1, 1]]], bool)).astype(int).tolist()
    [[[1, 0, 0]]]
    """
    mask, _ = checked_mask(mask, spacing)
    rest: NDArray[np.bool_] = mask & ~of_same_shape(other, mask, "other mask").astype(bool)
    return rest


def copy_to(mask: NDArray[np.bool_], spacing: Sequence[float], frame: int, to: int | None = None) -> NDArray[np.bool_]:
    """Copy the mask of one slice to another, in place of what is there.

    Parameters
    ----------
    mask, spacing
        As of all operations.
    frame
        Index of the slice that is copied.
    to
        Index of the slice that it is copied to; default: the next one.

    Examples
    --------
    >>> import numpy as np
    >>> copy_to(np.array([[[1, 1]], [[0, 0]]], bool), (1, 1, 1), frame=0).astype(int).tolist()
    [[[1, 1]], [[1, 1]]]
    """
    mask, _ = checked_mask(mask, spacing)
    target = frame + 1 if to is None else to
    for name, index in (("frame", frame), ("to", target)):
        if isinstance(index, bool) or not isinstance(index, Integral) or not 0 <= index < len(mask):
            raise NapariSam2Error(
                f"{name}={index!r} is no slice of the mask, which has {len(mask)} (0…{len(mask) - 1})."
            )
    copied = mask.copy()
    copied[target] = mask[frame]
    return copied
