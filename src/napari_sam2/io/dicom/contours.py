"""Contours of one structure in one plane → the pixels that they enclose.

Closed contours are united; one that lies wholly inside another cuts a hole, one inside that hole is an island, and
so on. A pixel belongs to the structure if its centre lies inside or on an edge of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Outline = NDArray[np.float64]

# Contours come as decimal text. Centres this near to an edge (in pixels) lie on it.
_ON_EDGE = 1e-3
_AROUND = tuple((dy, dx) for dy in (-_ON_EDGE, _ON_EDGE) for dx in (-_ON_EDGE, _ON_EDGE))
# Whether a contour lies inside another is asked at points this far apart, moved inwards by the second number, so that
# neighbours that share an edge do not contain each other; the third is how far a point may still lie outside.
_STEP, _INWARDS, _SLACK = 0.25, 0.1, 0.05


def enclosed(shape: tuple[int, int], closed: Sequence[Outline], xor: Sequence[Outline] = ()) -> NDArray[np.bool_]:
    """Return the pixels that the contours of one structure enclose in one plane.

    Parameters
    ----------
    shape
        ``(Y, X)`` of the plane in pixels.
    closed
        Outlines (n, 2), ``(y, x)``, pixel centres at integers; united, holes by containment.
    xor
        Outlines that are combined by exclusive or, after the others and in this order.

    Returns
    -------
    ndarray
        ``(Y, X)`` bool.

    Examples
    --------
    >>> square = np.array([[1.0, 1], [1, 3], [3, 3], [3, 1]])
    >>> int(enclosed((6, 6), [square, square]).sum())
    9
    """
    holes = _holes(closed)
    found = np.zeros(shape, dtype=bool)
    # The structure and its edge are what has a point of the structure beside it, however the edges meet there.
    for shift in _AROUND:
        region = np.zeros(shape, dtype=bool)
        masks = [_inside(outline + shift, shape) for outline in closed]
        for index, within in holes.items():
            own = masks[index].copy()
            for hole in within:
                own &= ~masks[hole]
            region |= own
        for outline in xor:
            region ^= _inside(outline + shift, shape)
        found |= region
    return found


def _holes(outlines: Sequence[Outline]) -> dict[int, list[int]]:
    """Map the index of each contour that is filled to the contours inside it that are holes."""
    count = len(outlines)
    low = np.array([o.min(axis=0) for o in outlines]).reshape(count, 2)
    high = np.array([o.max(axis=0) for o in outlines]).reshape(count, 2)
    room = _SLACK + _INWARDS
    # [outer, inner], first by the boxes around them.
    inside: NDArray[np.bool_] = np.all((low[:, None] - room <= low) & (high[:, None] + room >= high), axis=-1)
    np.fill_diagonal(inside, val=False)
    for outer, inner in np.argwhere(inside):
        inside[outer, inner] = _contains(outlines[outer], outlines[inner])
    # Two that contain each other are one contour, drawn twice.
    inside &= ~inside.T
    depth = np.zeros(count, dtype=int)
    for index in sorted(range(count), key=lambda i: -_area(outlines[i])):
        around = depth[inside[:, index]]
        depth[index] = around.max() + 1 if around.size else 0
    return {
        int(i): [int(h) for h in np.flatnonzero(inside[i] & (depth % 2 == 1))] for i in range(count) if not depth[i] % 2
    }


def _inside(outline: Outline, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels with their centres inside one outline, by the even-odd rule (so a keyhole keeps its hole)."""
    start, end = outline, np.roll(outline, -1, axis=0)
    first = np.clip(np.ceil(np.minimum(start[:, 0], end[:, 0])), 0, shape[0]).astype(int)
    last = np.clip(np.ceil(np.maximum(start[:, 0], end[:, 0])), 0, shape[0]).astype(int)
    counts = last - first
    edge = np.repeat(np.arange(len(outline)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    share = (row - start[edge, 0]) / (end[edge, 0] - start[edge, 0])
    crossing = np.ceil(start[edge, 1] + share * (end[edge, 1] - start[edge, 1]))
    toggles = np.zeros((shape[0], shape[1] + 1), dtype=np.int32)
    np.add.at(toggles, (row, np.clip(crossing, 0, shape[1]).astype(int)), 1)
    return np.asarray(np.cumsum(toggles[:, :-1], axis=1) % 2 == 1)


def _contains(outer: Outline, inner: Outline) -> bool:
    """Tell whether `inner` lies wholly inside `outer`; they may touch."""
    from skimage.measure import points_in_poly

    points = _just_inside(inner)
    beside = points[~points_in_poly(points, outer)]
    return len(beside) == 0 or float(_distances(beside, outer).max()) <= _SLACK


def _just_inside(outline: Outline) -> Outline:
    """Return the points along an outline, moved into it; those on the outline itself where it is too thin for that."""
    from skimage.measure import points_in_poly

    along = np.roll(outline, -1, axis=0) - outline
    lengths = np.hypot(along[:, 0], along[:, 1])
    edge = np.repeat(np.arange(len(outline)), np.maximum(1, np.ceil(lengths / _STEP)).astype(int) * (lengths > 0))
    if not len(edge):
        return outline
    number = np.arange(len(edge)) - np.searchsorted(edge, edge)
    share = (number + 0.5) / np.bincount(edge, minlength=len(outline))[edge]
    points = outline[edge] + share[:, None] * along[edge]
    normal = np.c_[-along[edge, 1], along[edge, 0]] / lengths[edge, None] * _INWARDS
    both = np.r_[points + normal, points - normal]
    within = both[points_in_poly(both, outline)]
    return within if len(within) else points


def _distances(points: Outline, outline: Outline) -> NDArray[np.float64]:
    """Return the distance of each point to the nearest edge of an outline."""
    nearest = np.full(len(points), np.inf)
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        along = end - start
        share = np.clip((points - start) @ along / max(float(along @ along), 1e-12), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - start - share[:, None] * along, axis=1))
    return nearest


def _area(outline: Outline) -> float:
    y, x = outline.T
    shoelace: Any = np.dot(y, np.roll(x, -1)) - np.dot(x, np.roll(y, -1))
    return abs(float(shoelace)) / 2
