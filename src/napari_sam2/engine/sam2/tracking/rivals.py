"""Whether the decoder sees something beside an object that looks like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_sam2.core.masks import bounding_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EIGHT = np.ones((3, 3), dtype=bool)


def rival_score(chosen: NDArray[np.bool_], others: Sequence[NDArray[np.bool_]]) -> float:
    """Return how far the other alternatives of the decoder reach beyond the chosen mask.

    The introspection of DAM4SAM (Videnovic, Lukezic and Kristan 2025): of each other mask the largest connected part
    outside of the chosen one is joined with it, and the box of both compared with its box.

    Parameters
    ----------
    chosen
        ``(n, n) bool``.
    others
        Masks of the same shape.

    Returns
    -------
    float
        1 minus the smallest IoU of the boxes: 0 where no other mask reaches beyond the box; 0 for an empty mask.

    Examples
    --------
    >>> mask, other = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
    >>> mask[:, :2], other[:, 6:] = True, True
    >>> rival_score(mask, [other])
    0.75
    """
    own = bounding_box(chosen)
    if own is None:
        return 0.0
    smallest = 1.0
    for other in others:
        parts, count = ndimage.label(other & ~chosen, structure=_EIGHT)
        if count == 0:
            continue
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        box = bounding_box(parts == sizes.argmax())
        assert box is not None
        # The box of both holds the chosen one, so the IoU of the two is the ratio of their areas.
        joined = (min(own[0], box[0]), min(own[1], box[1]), max(own[2], box[2]), max(own[3], box[3]))
        smallest = min(smallest, _area(own) / _area(joined))
    return 1.0 - smallest


def _area(box: tuple[int, int, int, int]) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
