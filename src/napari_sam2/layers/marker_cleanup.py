"""Markers that cannot stay as the user drew them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.layers.prompts import box_rows, is_outside, stray_points

if TYPE_CHECKING:
    from napari.layers import Points, Shapes

    from napari_sam2.core.frames import FrameGrid


def boxes_to_remove(boxes: Shapes, grid: FrameGrid, just_drawn: bool) -> tuple[list[int], bool]:
    """Find rectangles that cannot serve as a box, and older ones of an object on a frame.

    Parameters
    ----------
    boxes
        The layer of boxes.
    grid
        The frames.
    just_drawn
        Whether the last shape was just drawn, so that it must not lie outside the image.

    Returns
    -------
    indices
        The shapes to remove, ascending.
    is_bad
        Whether one of them cannot serve as a box.
    """
    newest: dict[tuple[int, int], int] = {}
    bad = []
    if just_drawn and boxes.nshapes and is_outside(np.mean(boxes.data[-1], axis=0), grid):
        bad.append(boxes.nshapes - 1)
    rows = box_rows(boxes, grid)
    for i, frame, obj_id, box, _ in rows:
        if box is None:
            bad.append(i)
        else:
            newest[obj_id, frame] = i
    return sorted({*bad, *(row[0] for row in rows)} - set(newest.values())), bool(bad)


def points_to_remove(points: Points, grid: FrameGrid, new: int) -> set[int]:
    """Find points beside the picture of their frame, and those of the newest that lie anywhere outside the image.

    Older points on frames that the image has no more stay: it may have them again.

    Parameters
    ----------
    points
        The layer of points.
    grid
        The frames.
    new
        The number of points, the last ones, that were just placed.
    """
    count = len(points.data)
    placed = range(max(count - new, 0), count)
    return {i for i in placed if is_outside(points.data[i], grid)} | set(stray_points(points, grid))


def set_newest_features(points: Points, wanted: dict[str, Any]) -> None:
    """Give the last point these features, where napari gave it those of a selected one."""
    table = points.features
    last = len(table) - 1
    if any(table[name].iloc[last] != value for name, value in wanted.items()):
        changed = table.copy()
        changed.loc[changed.index[last], list(wanted)] = list(wanted.values())
        points.features = changed
