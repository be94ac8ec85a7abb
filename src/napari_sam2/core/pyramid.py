"""The smaller levels of a multiscale image, and how they lie on its finest one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def plane_factors(shapes: Sequence[Sequence[int]], plane: tuple[int, int]) -> dict[int, int]:
    """Return the whole factor by which the planes of each level are smaller than those of the finest one.

    A pixel of a level stands for the block of ``factor`` x ``factor`` pixels of the finest level that begins at
    ``factor`` times its index, so its centre lies half a block further: that is exact for levels of block means. Where
    a level holds every n-th pixel instead, its picture lies up to half of its own pixel lower and to the right.

    Parameters
    ----------
    shapes
        Of all levels, the finest first; all of the same axes.
    plane
        Places of the two axes of a plane among them.

    Returns
    -------
    dict
        The factor, two or more, by the index of the level. Levels that are smaller along another axis than the
        plane's, or whose factor is no whole number or not the same for both, are left out.

    Examples
    --------
    >>> plane_factors([(9, 1000, 801), (9, 500, 401), (4, 250, 200)], (1, 2))
    {1: 2}
    """
    finest, found = shapes[0], {}
    for number, shape in enumerate(shapes[1:], 1):
        if any(n != full for i, (n, full) in enumerate(zip(shape, finest, strict=True)) if i not in plane):
            continue
        factor = round(finest[plane[0]] / shape[plane[0]])
        # An edge that fills no whole block may be kept or dropped.
        fits = all(finest[i] // factor <= shape[i] <= -(-finest[i] // factor) for i in plane)
        if factor >= 2 and fits:
            found[number] = factor
    return found
