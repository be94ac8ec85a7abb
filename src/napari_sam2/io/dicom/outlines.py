"""A mask of one plane → closed outlines of its parts, with each hole as a keyhole.

The outlines are those of marching squares, the two-dimensional case of marching cubes (Lorensen and Cline 1987), at the
level one half. They pass half-way between the centres of pixels inside and outside: every centre of the mask lies
inside of an outline, at least 0.35 pixels from it, and every other one as far outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Outline = NDArray[np.float64]

# The channel of a keyhole runs so far beside the centres of a row of pixels: through no centre, and no vertex.
_BESIDE = 0.25


def outlines(mask: NDArray[Any]) -> list[Outline]:
    """Return one outline for each part of a mask; pixels that touch at a corner only are two parts.

    Parameters
    ----------
    mask
        ``(Y, X)`` bool.

    Returns
    -------
    list of ndarray
        (n, 2) float, ``(y, x)``, pixel centres at integers; the last point is joined to the first. A part with holes is
        a keyhole: a channel of no width leads from its edge to each hole, and around it.

    Examples
    --------
    >>> outlines(np.array([[True]]))[0].tolist()
    [[0.5, 0.0], [0.0, -0.5], [-0.5, 0.0], [0.0, 0.5]]
    """
    from scipy.ndimage import find_objects, label
    from skimage.measure import find_contours

    parts, _ = label(mask)
    found = []
    for number, box in enumerate(find_objects(parts), start=1):
        part = np.pad(parts[box] == number, 1)
        edges = sorted((_straightened(c[:-1]) for c in find_contours(part.astype(np.float32), 0.5)), key=_width)
        outline = _keyhole(edges[-1], edges[:-1])
        found.append(outline + np.array([box[0].start - 1, box[1].start - 1]))
    return found


def _straightened(outline: Outline) -> Outline:
    """Leave out the points on straight lines between their neighbours; the curve is the same."""
    before, after = outline - np.roll(outline, 1, axis=0), np.roll(outline, -1, axis=0) - outline
    bends: NDArray[np.bool_] = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return np.asarray(outline[bends], dtype=np.float64)


def _width(outline: Outline) -> float:
    return float(np.ptp(outline[:, 1]))


def _keyhole(outer: Outline, holes: Sequence[Outline]) -> Outline:
    """Join the edges of a part in one outline, by channels from the left end of each hole to what lies left of it."""
    # From left to right: what a channel comes to is a part of the outline already.
    for hole in sorted(holes, key=lambda h: float(h[:, 1].min())):
        level = float(hole[np.argmin(hole[:, 1]), 0]) + _BESIDE
        edges, crossings = _crossings(hole, level)
        first = int(np.argmin(crossings))
        to, inner = np.array([level, crossings[first]]), int(edges[first])
        edges, crossings = _crossings(outer, level)
        last = int(np.argmax(np.where(crossings < to[1], crossings, -np.inf)))
        start, left = np.array([level, crossings[last]]), int(edges[last])
        around = np.roll(hole, -(inner + 1), axis=0)
        outer = np.concatenate([outer[: left + 1], [start, to], around, [to, start], outer[left + 1 :]])
    return outer


def _crossings(outline: Outline, level: float) -> tuple[NDArray[np.intp], Outline]:
    """Return the edges of an outline that cross a horizontal line, by their first point, and where they do."""
    (y0, x0), (y1, x1) = outline.T, np.roll(outline, -1, axis=0).T
    edges = np.flatnonzero((np.minimum(y0, y1) <= level) & (level < np.maximum(y0, y1)))
    share = (level - y0[edges]) / (y1[edges] - y0[edges])
    return edges, x0[edges] + share * (x1[edges] - x0[edges])
