"""Masks of the slices between given ones, from signed distances to their outlines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.masks import box_around
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from numpy.typing import NDArray


def interpolate_masks(
    accepted: Mapping[int, NDArray[np.bool_]], spacing: Sequence[float], frames: Iterable[int] | None = None
) -> dict[int, NDArray[np.bool_]]:
    """Interpolate an object's masks between the frames on which it is known (shape-based interpolation).

    Each given mask becomes a map of signed distances to its outline, above zero inside. A frame between two given ones
    takes the mean of the two maps, weighted by how near they are, and is inside where that is above zero.

    An empty mask says that the object is not there: towards it, the object's outline moves inwards evenly and vanishes
    as the empty frame is reached, so that a cone stays a cone. Between two empty masks there is nothing. What lies
    beyond the border of the frame is not known, and does not count as outside. Two masks that share less than half of
    the smaller one, as those of an oblique vessel, would leave little or nothing between them: there the maps move
    along the line between the two centroids before their mean is taken.

    Parameters
    ----------
    accepted
        (Y, X) bool for each known frame, two or more, all of one shape. The frames are evenly spaced in the volume.
    spacing
        Of y and x, in any unit; they need not be equal.
    frames
        The frames that are wanted; default: all between the first and the last known one.

    Returns
    -------
    dict
        (Y, X) bool for each wanted frame between two known ones; frames that are known or lie beyond are left out.

    Raises
    ------
    NapariSam2Error
        If there are fewer than two masks, or they do not fit each other.

    References
    ----------
    Raya & Udupa, "Shape-based interpolation of multidimensional objects", IEEE Transactions on Medical Imaging 9
    (1990), 32-42.

    Examples
    --------
    >>> import numpy as np
    >>> first, last = np.zeros((2, 1, 9), bool)
    >>> first[0, 2:7], last[0, 4] = True, True
    >>> interpolate_masks({10: first, 12: last}, spacing=(1.0, 1.0))[11].astype(int).tolist()
    [[0, 0, 0, 1, 1, 1, 0, 0, 0]]
    """
    masks, steps = _checked(accepted, spacing)
    wanted = None if frames is None else {_checked_frame(frame) for frame in frames}
    filled: dict[int, NDArray[np.bool_]] = {}
    box = _box_around(masks)
    distances: dict[int, NDArray[np.float32] | None] = {}
    for start, stop in pairwise(masks):
        between = [f for f in range(start + 1, stop) if wanted is None or f in wanted]
        if not between:
            continue
        for known in (start, stop):
            if known not in distances:
                distances[known] = _signed_distance(masks[known][box], steps)
        motion = _motion(masks[start][box], masks[stop][box])
        for frame in between:
            part = (frame - start) / (stop - start)
            mask = np.zeros_like(masks[start])
            mask[box] = _blend(distances[start], distances[stop], part, motion)
            filled[frame] = mask
    return filled


def _motion(first: NDArray[np.bool_], last: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Return the way between the centroids, in pixels, of masks that hardly overlap; None where no motion is needed."""
    smaller = min(np.count_nonzero(first), np.count_nonzero(last))
    if smaller == 0 or 2 * np.count_nonzero(first & last) >= smaller:
        return None
    way: NDArray[np.float64] = np.argwhere(last).mean(axis=0) - np.argwhere(first).mean(axis=0)
    return way


def _blend(
    first: NDArray[np.float32] | None,
    last: NDArray[np.float32] | None,
    part: float,
    motion: NDArray[np.float64] | None,
) -> NDArray[np.bool_] | np.bool_:
    """Return what is inside after this part of the way from the first to the last; None is an empty mask."""
    from scipy.ndimage import shift

    if first is not None and last is not None and motion is not None:
        first = shift(first, part * motion, order=1, mode="nearest")
        last = shift(last, (part - 1.0) * motion, order=1, mode="nearest")
    inside: NDArray[np.bool_] | np.bool_ = np.False_
    if first is not None and last is not None:
        inside = (1.0 - part) * first + part * last > 0
    elif first is not None:
        inside = first > part * first.max()
    elif last is not None:
        inside = last > (1.0 - part) * last.max()
    return inside


def _signed_distance(mask: NDArray[np.bool_], steps: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """Return distances to the outline, above zero inside; None for an empty mask."""
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return None
    if mask.all():
        # No outline in sight: it is as far as the frame is large.
        return np.full(mask.shape, np.linalg.norm(steps * mask.shape), dtype=np.float32)
    # The outline runs through the middle between neighbours inside and outside: points of a grid twice as fine.
    outline = np.zeros([2 * n - 1 for n in mask.shape], dtype=bool)
    outline[1::2, ::2] = mask[1:] != mask[:-1]
    outline[::2, 1::2] = mask[:, 1:] != mask[:, :-1]
    distance = distance_transform_edt(~outline, sampling=steps / 2)[::2, ::2].astype(np.float32)
    signed: NDArray[np.float32] = np.where(mask, distance, -distance)
    return signed


def _box_around(masks: Mapping[int, NDArray[np.bool_]]) -> tuple[slice, ...]:
    """Return the box around all masks and their next neighbours; beyond it nothing is ever inside."""
    box = box_around(np.logical_or.reduce(list(masks.values())), (1, 1))
    return (slice(0, 0), slice(0, 0)) if box is None else box


def _checked(accepted: Any, spacing: Any) -> tuple[dict[int, NDArray[np.bool_]], NDArray[np.float64]]:
    if not isinstance(accepted, Mapping) or len(accepted) < 2:
        raise NapariSam2Error("To interpolate takes the masks of at least two frames, such as {20: mask, 30: mask}.")
    masks = {_checked_frame(frame): np.asarray(mask) for frame, mask in accepted.items()}
    for frame, mask in masks.items():
        if mask.dtype != np.bool_ or mask.ndim != 2:
            raise NapariSam2Error(f"The mask of frame {frame} must be (Y, X) bool, not {mask.dtype} {mask.shape}.")
    shapes = sorted({mask.shape for mask in masks.values()})
    if len(shapes) > 1:
        raise NapariSam2Error(f"The masks must have one shape, not {shapes[0]} and {shapes[1]}.")
    try:
        steps = np.array(spacing, dtype=np.float64)
    except (TypeError, ValueError):
        steps = np.zeros(0)
    if steps.shape != (2,) or not np.isfinite(steps).all() or (steps <= 0).any():
        raise NapariSam2Error(f"spacing={spacing!r} must be two numbers above zero, for y and x.")
    return dict(sorted(masks.items())), steps


def _checked_frame(frame: Any) -> int:
    if isinstance(frame, bool) or not isinstance(frame, Integral) or frame < 0:
        raise NapariSam2Error(f"{frame!r} is no frame; frames are whole numbers from 0.")
    return int(frame)
