"""Distances between the surfaces of two masks: HD95, ASSD, and the surface Dice at a tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Masks = Sequence["NDArray[np.bool_]"]


@dataclass(frozen=True)
class SurfaceAgreement:
    """How near two surfaces are.

    Parameters
    ----------
    hd95
        The larger of the two directed 95th percentiles of the distances between surface voxels; NaN where either
        mask is empty.
    assd
        The mean of these distances over the voxels of both surfaces; NaN where either mask is empty.
    surface_dice
        Part of both surfaces that is no farther from the other than the tolerance; 0 where one mask is empty, 1 where
        both are.
    """

    hd95: float
    assd: float
    surface_dice: float


def compare_surfaces(ours: Masks, truth: Masks, steps: NDArray[np.float64], tolerance: float) -> SurfaceAgreement:
    """Compare the surfaces of masks, pooled over time points.

    Surface voxels (HD95, ASSD) are those with a face outside the mask, the border of the array included. The surface
    Dice weighs surface elements, where the corners of a cell between 2 x 2 x 2 voxel centres lie on both sides, by
    their area.

    Parameters
    ----------
    ours, truth
        Masks (Y, X) or (Z, Y, X) bool of one shape, one for each time point.
    steps
        (3, 2) or (3, 3) float; a column is the step of one voxel along an axis. May be rotated or sheared.
    tolerance
        In the unit of `steps`.

    References
    ----------
    Nikolov et al., "Clinically applicable segmentation of head and neck anatomy for radiotherapy: deep learning
    algorithm development and validation study", Journal of Medical Internet Research 23 (2021), e26151.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = np.zeros((2, 9, 9, 9), bool)
    >>> a[2:5, 2:7, 2:7], b[2:7, 2:7, 2:7] = True, True
    >>> near = compare_surfaces([a], [b], np.eye(3), tolerance=1.0)
    >>> near.hd95, round(near.surface_dice, 2)
    (2.0, 0.86)
    """
    there, back = [], []
    within, total = 0.0, 0.0
    areas = element_areas(steps)
    for one, other in zip(ours, truth, strict=True):
        elements = [_elements(mask, steps, areas) for mask in (one, other)]
        total += sum(float(weights.sum()) for _, weights in elements)
        if not (one.any() and other.any()):
            continue
        one_surface, other_surface = _surface_voxels(one, steps), _surface_voxels(other, steps)
        there.append(_distances(one_surface, other_surface))
        back.append(_distances(other_surface, one_surface))
        for (points, weights), (others, _) in (elements, elements[::-1]):
            # A distance that is the tolerance but for rounding is within it.
            within += float(weights[_distances(points, others) <= tolerance * (1 + 1e-9)].sum())
    surface_dice = within / total if total else 1.0
    if not there:
        return SurfaceAgreement(float("nan"), float("nan"), surface_dice)
    forth, fro = np.concatenate(there), np.concatenate(back)
    hd95 = max(float(np.percentile(forth, 95)), float(np.percentile(fro, 95)))
    return SurfaceAgreement(hd95, float(np.concatenate([forth, fro]).mean()), surface_dice)


def element_areas(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area (in a plane: the length) of the surface in a cell, for each pattern of its corners inside.

    Parameters
    ----------
    steps
        (3, 2) or (3, 3) float.

    Returns
    -------
    ndarray
        (16,) or (256,) float; the first corner in array order is the lowest bit of the index.
    """
    codes, simplices = _simplices(steps.shape[1])
    places = simplices @ steps.T
    sides = places[:, 1:] - places[:, :1]
    if steps.shape[1] == 2:
        sizes = np.linalg.norm(sides[:, 0], axis=1)
    else:
        sizes = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
    areas = np.bincount(codes, weights=sizes, minlength=2 ** (2 ** steps.shape[1]))
    return areas.astype(np.float64)


@lru_cache(maxsize=2)
def _simplices(ndim: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pieces of the surface in a cell, (n, ndim, ndim), and the pattern of corners that each belongs to."""
    from skimage.measure import find_contours, marching_cubes

    codes, pieces = [], []
    for code in range(1, 2 ** (2**ndim) - 1):
        corners = np.array([code >> bit & 1 for bit in range(2**ndim)], dtype=np.float64).reshape((2,) * ndim)
        if ndim == 2:
            found = np.concatenate([np.stack([c[:-1], c[1:]], axis=1) for c in find_contours(corners, 0.5)])
        else:
            vertices, faces, _, _ = marching_cubes(corners.astype(np.float32), 0.5)
            found = vertices[faces].astype(np.float64)
        codes += [code] * len(found)
        pieces.append(found)
    return np.array(codes), np.concatenate(pieces)


def _elements(
    mask: NDArray[np.bool_], steps: NDArray[np.float64], areas: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return places (n, 3) and areas (n,) of the surface elements of a mask."""
    padded = np.pad(mask, 1)
    code = np.zeros([n - 1 for n in padded.shape], dtype=np.uint8)
    for bit, corner in enumerate(product((0, 1), repeat=mask.ndim)):
        part = padded[tuple(slice(c, n - 1 + c) for c, n in zip(corner, padded.shape, strict=True))]
        code |= part.astype(np.uint8) << np.uint8(bit)
    index = np.argwhere((code > 0) & (code < len(areas) - 1))
    return (index - 0.5) @ steps.T, areas[code[tuple(index.T)]]


def _surface_voxels(mask: NDArray[np.bool_], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import binary_erosion

    places: NDArray[np.float64] = np.argwhere(mask & ~binary_erosion(mask)) @ steps.T
    return places


def _distances(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.spatial import KDTree

    # A tree, not a distance transform: the axes of a sheared grid are not perpendicular.
    distances, _ = KDTree(others, leafsize=32).query(points)
    return np.asarray(distances, dtype=np.float64)
