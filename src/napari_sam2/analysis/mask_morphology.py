"""Operations on the shape of a mask: largest part, small parts, holes, smoothing, growing, shrinking, splitting.

All take a mask ``(Z, Y, X)`` bool and its spacing ``(z, y, x)``, and return a new mask. Lengths are in the unit of the
spacing, volumes in its cube; the axes are taken to be perpendicular. ``dimensions=2`` treats every slice (of the first
axis) by itself. Parts are connected where voxels touch at a face, an edge or a corner; holes only where they do at a
face.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.analysis.mask_checks import (
    Dimensions,
    change_each,
    check_dimensions,
    checked_amount,
    checked_mask,
    connected_parts,
)
from napari_sam2.core.masks import box_around

if TYPE_CHECKING:
    from numpy.typing import NDArray


def keep_largest(mask: NDArray[np.bool_], spacing: Sequence[float], dimensions: Dimensions = 3) -> NDArray[np.bool_]:
    """Keep the largest connected part; of two of one size the first.

    Examples
    --------
    >>> import numpy as np
    >>> keep_largest(np.array([[[1, 1, 0, 1]]], bool), (1, 1, 1)).astype(int).tolist()
    [[[1, 1, 0, 0]]]
    """
    mask, _ = checked_mask(mask, spacing)

    def largest(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
        labels, sizes = connected_parts(part)
        return labels == 1 + int(sizes.argmax()) if sizes.size else part

    return change_each(mask, largest, dimensions)


def remove_small(
    mask: NDArray[np.bool_], spacing: Sequence[float], volume: float, dimensions: Dimensions = 3
) -> NDArray[np.bool_]:
    """Remove connected parts that are smaller than a volume.

    Parameters
    ----------
    mask, spacing, dimensions
        As of all operations.
    volume
        In the cube of the spacing's unit (1 mL is 1000 mm³); with ``dimensions=2`` an area, in its square.

    Examples
    --------
    >>> import numpy as np
    >>> remove_small(np.array([[[1, 1, 0, 1]]], bool), (5.0, 1.0, 1.0), volume=10.0).astype(int).tolist()
    [[[1, 1, 0, 0]]]
    """
    mask, steps = checked_mask(mask, spacing)
    check_dimensions(dimensions)
    limit = checked_amount(volume, "volume")
    size = float(np.prod(steps[-dimensions:]))

    def large(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
        labels, sizes = connected_parts(part)
        # As large as the limit, but for rounding, is not smaller.
        return np.concatenate([[False], sizes * size >= limit * (1 - 1e-9)])[labels]

    return change_each(mask, large, dimensions)


def fill_holes(mask: NDArray[np.bool_], spacing: Sequence[float], dimensions: Dimensions = 3) -> NDArray[np.bool_]:
    """Fill what the mask encloses: cavities in 3-D, holes of each slice in 2-D.

    Examples
    --------
    >>> import numpy as np
    >>> ring = np.ones((1, 3, 3), bool)
    >>> ring[0, 1, 1] = False
    >>> int(fill_holes(ring, (1, 1, 1), 2).sum()), int(fill_holes(ring, (1, 1, 1), 3).sum())
    (9, 8)
    """
    from scipy.ndimage import binary_fill_holes

    mask, _ = checked_mask(mask, spacing)
    return change_each(mask, binary_fill_holes, dimensions)


def smooth(
    mask: NDArray[np.bool_], spacing: Sequence[float], radius: float, dimensions: Dimensions = 3
) -> NDArray[np.bool_]:
    """Smooth the outline: a Gaussian over the mask, cut at one half.

    Corners are rounded, and details thinner than about the radius vanish. Flat faces stay where they are.

    Parameters
    ----------
    mask, spacing, dimensions
        As of all operations.
    radius
        Standard deviation of the Gaussian, in the unit of the spacing.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((1, 9, 9), bool)
    >>> mask[0, 2:7, 2:7] = mask[0, 4, 8] = True
    >>> int(mask.sum()), int(smooth(mask, (1, 1, 1), radius=1.0, dimensions=2).sum())
    (26, 21)
    """
    from scipy.ndimage import gaussian_filter

    mask, steps = checked_mask(mask, spacing)
    sigma = checked_amount(radius, "radius") / steps
    check_dimensions(dimensions)
    if dimensions == 2:
        sigma[0] = 0.0
    # 4 sigma is where scipy cuts the Gaussian off.
    box = box_around(mask, (np.ceil(4 * sigma).astype(int) + 1).tolist())
    smoothed = np.zeros_like(mask)
    if box is not None:
        smoothed[box] = gaussian_filter(mask[box].astype(np.float32), sigma, mode="nearest") >= 0.5
    return smoothed


def grow(
    mask: NDArray[np.bool_], spacing: Sequence[float], radius: float, dimensions: Dimensions = 3
) -> NDArray[np.bool_]:
    """Add every voxel whose centre is no farther than a distance from the centre of one inside.

    Parameters
    ----------
    mask, spacing, dimensions
        As of all operations.
    radius
        The distance, in the unit of the spacing.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((1, 1, 5), bool)
    >>> mask[0, 0, 0] = True
    >>> grow(mask, (1.0, 1.0, 0.8), radius=2.0).astype(int).tolist()
    [[[1, 1, 1, 0, 0]]]
    """
    mask, steps = checked_mask(mask, spacing)
    reach = checked_amount(radius, "radius")
    margin = np.ceil(reach / steps).astype(int).tolist()
    return change_each(mask, lambda part: part | _is_near(part, steps, reach), dimensions, margin)


def shrink(
    mask: NDArray[np.bool_], spacing: Sequence[float], radius: float, dimensions: Dimensions = 3
) -> NDArray[np.bool_]:
    """Keep every voxel whose centre is farther than a distance from the centres of all outside.

    What lies beyond the border of the array is not known, and takes nothing away. So to shrink a mask is to grow its
    complement, and to grow and then to shrink takes nothing from it.

    Parameters
    ----------
    mask, spacing, dimensions
        As of all operations.
    radius
        The distance, in the unit of the spacing.

    Examples
    --------
    >>> import numpy as np
    >>> shrink(np.array([[[0, 1, 1, 1, 1]]], bool), (1.0, 1.0, 0.8), radius=1.0).astype(int).tolist()
    [[[0, 0, 1, 1, 1]]]
    """
    mask, steps = checked_mask(mask, spacing)
    reach = checked_amount(radius, "radius")
    # The nearest voxel outside is in the box or next to it.
    return change_each(mask, lambda part: part & ~_is_near(~part, steps, reach), dimensions, (1, 1, 1))


def split(
    mask: NDArray[np.bool_], spacing: Sequence[float], dimensions: Dimensions = 3
) -> tuple[NDArray[np.bool_], ...]:
    """Split a mask into its connected parts, the largest first.

    Returns
    -------
    tuple of ndarray
        Masks on the same grid, none of them empty, that together are the mask. With ``dimensions=2`` parts of
        different slices are different parts.

    Examples
    --------
    >>> import numpy as np
    >>> [part.astype(int).tolist() for part in split(np.array([[[1, 0, 1, 1]]], bool), (1, 1, 1))]
    [[[[0, 0, 1, 1]]], [[[1, 0, 0, 0]]]]
    """
    mask, _ = checked_mask(mask, spacing)
    check_dimensions(dimensions)
    box = box_around(mask)
    if box is None:
        return ()
    labels, sizes = connected_parts(mask[box], dimensions)
    parts = []
    for number in np.argsort(-sizes, kind="stable").tolist():
        part = np.zeros_like(mask)
        part[box] = labels == 1 + number
        parts.append(part)
    return tuple(parts)


def _is_near(mask: NDArray[np.bool_], steps: NDArray[np.float64], reach: float) -> NDArray[np.bool_]:
    """Return which voxels are no farther than `reach` from one of the mask."""
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return np.zeros_like(mask)
    # A distance that is the radius but for rounding is within it.
    return np.asarray(distance_transform_edt(~mask, sampling=steps[-mask.ndim :]) <= reach * (1 + 1e-9))
