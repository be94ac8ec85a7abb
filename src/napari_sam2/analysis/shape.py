"""The surface and the longest diameter of a mask in physical space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Pairs of points are compared in blocks of this many rows, so that large outlines need little memory.
_BLOCK = 1024


def surface_area(mask: NDArray[np.bool_], steps: NDArray[np.float64]) -> float:
    """Compute the area of the surface of a mask by marching cubes.

    A mesh straight through a binary mask, as radiomics packages use, has steps where the body is smooth, and is 8 % and
    more too large however fine the grid. So the mask is smoothed by a Gaussian of one voxel first, and the mesh runs
    where it encloses as many voxels as the mask has. Surfaces are closed at the border of the array. Balls and
    ellipsoids of 10 mm and more on grids of 1 mm come out within 2 %, of 5 mm within 6 %, on anisotropic (2.5 : 1),
    rotated and sheared grids too.

    Parameters
    ----------
    mask
        (Z, Y, X) bool; the axes in any order.
    steps
        (3, 3) float; a column is the step of one voxel along an axis, in physical units. May be rotated or sheared.

    Returns
    -------
    float
        Area in the squared unit of `steps`; 0.0 for an empty mask.

    References
    ----------
    Lorensen & Cline, "Marching cubes: a high resolution 3D surface construction algorithm", SIGGRAPH 1987.
    Lewiner et al., "Efficient implementation of marching cubes' cases with topological guarantees", Journal of
    Graphics Tools 8 (2003).

    Examples
    --------
    >>> import numpy as np
    >>> z, y, x = np.ogrid[-10:11, -10:11, -10:11]
    >>> area = surface_area(z**2 + y**2 + x**2 <= 8.0**2, np.eye(3))
    >>> bool(abs(area / (4 * np.pi * 8**2) - 1) < 0.02)
    True
    """
    from scipy.ndimage import gaussian_filter
    from skimage.measure import marching_cubes, mesh_surface_area

    count = int(np.count_nonzero(mask))
    if count == 0:
        return 0.0
    smooth = gaussian_filter(np.pad(mask, 5).astype(np.float32), 1.0)
    # The level half-way between the value of the last voxel that is enclosed and that of the next one.
    place = smooth.size - count
    outside, inside = np.partition(smooth.ravel(), (place - 1, place))[[place - 1, place]]
    vertices, faces, _, _ = marching_cubes(smooth, (float(outside) + float(inside)) / 2)
    return float(mesh_surface_area(vertices.astype(np.float64) @ steps.T, faces))


def longest_diameter(
    mask: NDArray[np.bool_], steps: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Find the two points of the outline of a mask that are farthest apart (maximum Feret diameter).

    The outline runs half-way between pixel centres inside and outside: its corners are the centres plus and minus
    half a step along each axis. A row of n pixels is therefore n pixels long.

    Parameters
    ----------
    mask
        (Y, X) or (Z, Y, X) bool, not empty.
    steps
        (3, 2) or (3, 3) float; a column is the step of one voxel along an axis, in physical units.

    Returns
    -------
    length : float
        In the unit of `steps`.
    start, end : ndarray
        (2,) or (3,) float, the end points in voxel indices, centres at integers.

    Examples
    --------
    >>> import numpy as np
    >>> length, start, end = longest_diameter(np.ones((1, 4), bool), np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]))
    >>> length, start.tolist(), end.tolist()
    (8.0, [0.0, -0.5], [0.0, 3.5])
    """
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import cdist

    points = outline_points(mask)
    # An affine keeps hulls, so this one is taken on the grid, where its coordinates are exact.
    points = points[ConvexHull(points).vertices]
    places = points @ steps.T
    longest, pair = -1.0, (0, 0)
    for first in range(0, len(places), _BLOCK):
        distances = cdist(places[first : first + _BLOCK], places)
        row, column = np.unravel_index(int(distances.argmax()), distances.shape)
        if distances[row, column] > longest:
            longest, pair = float(distances[row, column]), (first + int(row), int(column))
    start, end = sorted(pair, key=lambda index: tuple(points[index]))
    return longest, points[start], points[end]


def outline_points(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return points on the outline of a mask, (n, ndim), that have the same convex hull as all of it."""
    # Of each line along the last axis only the ends can be corners of the hull.
    first = mask.argmax(axis=-1)
    last = mask.shape[-1] - 1 - mask[..., ::-1].argmax(axis=-1)
    lines = np.argwhere(mask.any(axis=-1))
    index = tuple(lines.T)
    ends = np.concatenate([np.column_stack([lines, edge[index]]) for edge in (first, last)])
    halves = np.concatenate([0.5 * np.eye(mask.ndim), -0.5 * np.eye(mask.ndim)])
    points: NDArray[np.float64] = (ends[:, None, :] + halves[None]).reshape(-1, mask.ndim)
    return np.unique(points, axis=0)
