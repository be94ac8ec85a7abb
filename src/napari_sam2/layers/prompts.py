"""Prompts in ordinary Points and Shapes layers ⇄ prompts by object and frame.

A marker carries its object, for a point its polarity, and the axis along which frames were followed when it was
made, in the layer's feature table, so that moving, copying or deleting it with napari's own tools keeps its meaning.
A marker of another axis, or of another index of a fixed axis, does not belong to the grid and is left alone. Changes
are found by comparing two readings of the layers, never by following single events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_sam2.core.drawings import Drawing
from napari_sam2.core.frames import rectangle_to_box
from napari_sam2.core.prompts import BoxPrompt, PointPrompt, PromptSet
from napari_sam2.layers.image import grid_shape, place_on
from napari_sam2.layers.marker_style import (
    BORDER_WIDTH,
    NEGATIVE,
    POLARITY_COLORS,
    POLARITY_SYMBOLS,
    POSITIVE,
    number_text,
)

if TYPE_CHECKING:
    from napari.layers import Image, Points, Shapes
    from numpy.typing import NDArray

    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.prompts import PromptKey, PromptTable

POINTS_NAME = "SAM 2 points"
BOXES_NAME = "SAM 2 boxes"

# Shapes that are drawn freely: an outline is filled, a scribble is a row of clicks, a line that of an axis, from edge
# to edge. Anything else counts as a box.
_OUTLINES = ("polygon",)
_SCRIBBLES = ("path", "line")


def make_points(image: Image, obj_id: int, polarity: str = POSITIVE, along: str = "") -> Points:
    """Make an empty points layer on an image.

    Parameters
    ----------
    image
        The image layer.
    obj_id
        The object of the next click.
    polarity
        ``"positive"`` or ``"negative"``: whether the next click lies inside the object.
    along
        Letter of the axis for which clicks are made; one without a letter counts for every axis.
    """
    from napari.layers import Points

    return Points(
        ndim=image.ndim,
        name=POINTS_NAME,
        features={"obj": np.zeros(0, int), "polarity": np.zeros(0, object), "along": np.zeros(0, object)},
        feature_defaults={"obj": obj_id, "polarity": polarity, "along": along},
        face_color="polarity",
        face_color_cycle=POLARITY_COLORS,
        symbol=POLARITY_SYMBOLS[polarity],
        border_width=BORDER_WIDTH,
        text=number_text("upper_left"),
        size=marker_size(image),
        **place_on(image),
    )


def make_boxes(image: Image, obj_id: int, along: str = "") -> Shapes:
    """Make an empty shapes layer on an image whose next rectangle is for this object; see :func:`make_points`."""
    from napari.layers import Shapes

    return Shapes(
        ndim=image.ndim,
        name=BOXES_NAME,
        features={"obj": np.zeros(0, int), "along": np.zeros(0, object)},
        feature_defaults={"obj": obj_id, "along": along},
        text=number_text("upper_left"),
        face_color="transparent",
        edge_width=marker_size(image) / 8,
        opacity=0.9,
        **place_on(image),
    )


def marker_size(image: Image) -> float:
    """Return the diameter of a point in data pixels: about a fiftieth of the picture, so that it can be grabbed."""
    return max(1.5, max(grid_shape(image)[-2:]) / 50)


def set_next(points: Points | None, boxes: Shapes | None, obj_id: int, polarity: str, along: str = "") -> None:
    """Say for which object and axis, and inside or outside of it, the next marker is."""
    if points is not None:
        points.feature_defaults = {"obj": obj_id, "polarity": polarity, "along": along}
    if boxes is not None:
        boxes.feature_defaults = {"obj": obj_id, "along": along}


def show_along(points: Points | None, along: str) -> None:
    """Show the points of one axis only; a rectangle of another axis is not flat on its slices and shows nowhere."""
    if points is not None and len(points.data):
        points.shown = [_is_along(letter, along) for letter in points.features["along"]]


def read_prompts(points: Points | None, boxes: Shapes | None, grid: FrameGrid) -> dict[PromptKey, PromptSet]:
    """Read all markers on a grid, by object and frame.

    Parameters
    ----------
    points, boxes
        The layers of markers; None where there is none.
    grid
        The frames. Markers outside the volume, of another axis, or on another index of a fixed axis are left out.

    Returns
    -------
    dict
        Rectangles that hold no voxel centre are left out. Of several boxes of an object on a frame the last one drawn
        counts.
    """
    clicks: dict[PromptKey, list[PointPrompt]] = {}
    found: dict[PromptKey, BoxPrompt] = {}
    if points is not None:
        table = points.features
        rows = zip(points.data, table["obj"], table["polarity"], table["along"], strict=True)
        for point, obj_id, polarity, along in rows:
            place = _frame_of(point, grid)
            if place is not None and _is_along(along, grid.frame_axis):
                frame, y, x = place
                clicks.setdefault((int(obj_id), frame), []).append(PointPrompt(y, x, polarity != NEGATIVE))
    if boxes is not None:
        for _, frame, obj_id, box, _ in box_rows(boxes, grid):
            if box is not None:
                found[obj_id, frame] = box
    return {key: PromptSet(tuple(clicks.get(key, ())), found.get(key)) for key in {**clicks, **found}}


def box_rows(boxes: Shapes, grid: FrameGrid) -> list[tuple[int, int, int, BoxPrompt | None, NDArray[Any]]]:
    """List the shapes of a grid that were not drawn freely.

    Returns
    -------
    list of tuple
        Index in the layer, frame, object, box, and vertices. The box is None where the shape cannot serve as one.
    """
    rows = []
    for i, vertices, obj_id, kind in _shapes(boxes, grid):
        if kind not in (*_OUTLINES, *_SCRIBBLES):
            places = [grid.to_frame(v) for v in vertices]
            frame = grid.to_frame(np.mean(vertices, axis=0))[0]
            if not 0 <= frame < grid.frame_count:
                continue  # Of an image that had more slices before.
            rows.append((i, frame, obj_id, _box_of(places, grid), vertices))
    return rows


def drawings(boxes: Shapes, grid: FrameGrid) -> list[Drawing]:
    """Outlines and scribbles that were drawn on one frame of the grid."""
    found = []
    for i, vertices, obj_id, kind in _shapes(boxes, grid):
        if kind in (*_OUTLINES, *_SCRIBBLES):
            places = [grid.to_frame(v) for v in vertices]
            corners = np.array([p[1:] for p in places], float)
            found.append(Drawing(i, obj_id, places[0][0], kind in _OUTLINES, corners, kind == "line"))
    return found


def _shapes(layer: Shapes, grid: FrameGrid) -> list[tuple[int, NDArray[np.float64], int, str]]:
    """Place, vertices, object and kind of each shape that belongs to this grid."""
    table = layer.features
    rows = zip(layer.data, table["obj"], table["along"], layer.shape_type, strict=False)
    return [
        (i, np.asarray(v, float), int(obj_id), str(kind))
        for i, (v, obj_id, along, kind) in enumerate(rows)
        if _is_along(along, grid.frame_axis) and _is_here(np.mean(v, axis=0), grid)
    ]


def write_prompts(points: Points, boxes: Shapes, grid: FrameGrid, table: PromptTable) -> dict[PromptKey, PromptSet]:
    """Make the layers show exactly these prompts on the grid; markers of other grids stay.

    A rectangle that already stands for a box keeps its drawn corners, so that nothing jumps.

    Returns
    -------
    dict
        The prompts as :func:`read_prompts` would read them now, where boxes have the edges of whole pixels.
    """
    _write_points(points, grid, table)
    rows = box_rows(boxes, grid)
    drawn = {(o, f, b): v for _, f, o, b, v in rows if b is not None}
    wanted = [
        (o, drawn.get((o, f, p.box), rectangle_of(p.box, f, grid))) for (o, f), p in table.items() if p.box is not None
    ]
    if rows:
        # Emptying through `data` would leave the rows of the feature table behind.
        boxes.remove([row[0] for row in rows])
    if wanted:
        kept = boxes.features.copy()
        boxes.add([v for _, v in wanted], shape_type="rectangle")
        boxes.features = {
            "obj": np.array([*kept["obj"], *(o for o, _ in wanted)], int),
            "along": np.array([*kept["along"], *[grid.frame_axis or ""] * len(wanted)], object),
        }
    return {(o, f): shown for (o, f), p in table.items() if (shown := _as_shown(p, f, grid))}


def _as_shown(prompts: PromptSet, frame: int, grid: FrameGrid) -> PromptSet:
    """Return the prompts for which the markers of these prompts stand."""
    box = prompts.box
    if box is not None:
        box = _box_of([grid.to_frame(corner) for corner in rectangle_of(box, frame, grid)], grid)
    places = ((_frame_of(grid.from_frame(frame, p.y, p.x), grid), p.positive) for p in prompts.points)
    return PromptSet(tuple(PointPrompt(*place[1:], positive) for place, positive in places if place is not None), box)


def rectangle_of(box: BoxPrompt, frame: int, grid: FrameGrid) -> NDArray[np.float64]:
    """Return the corners ``(4, D) float64`` around the pixels of a box, in data coordinates of the layer."""
    y0, x0, y1, x1 = box.y0 - 0.5, box.x0 - 0.5, box.y1 - 0.5, box.x1 - 0.5
    return np.array([grid.from_frame(frame, y, x) for y, x in ((y0, x0), (y0, x1), (y1, x1), (y1, x0))])


def add_points(points: Points, places: list[tuple[float, ...]], obj_id: int, polarity: str, along: str = "") -> None:
    """Append clicks of one object, polarity and axis; ``places`` are data coordinates of the layer."""
    features = pd.DataFrame(
        {
            "obj": np.array([*points.features["obj"], *[obj_id] * len(places)], int),
            "polarity": np.array([*points.features["polarity"], *[polarity] * len(places)], object),
            "along": np.array([*points.features["along"], *[along] * len(places)], object),
        }
    )
    points.selected_data = set()
    points.data = np.array([*points.data, *places], float).reshape(-1, points.ndim)
    points.features = features


def flip_polarity(points: Points, indices: list[int]) -> None:
    """Turn inside into outside and back for some points."""
    table = points.features.copy()
    column = table["polarity"].to_numpy(dtype=object).copy()
    for i in indices:
        column[i] = POSITIVE if column[i] == NEGATIVE else NEGATIVE
    table["polarity"] = column
    points.features = table


def _write_points(points: Points, grid: FrameGrid, table: PromptTable) -> None:
    letters = points.features["along"]
    keep = [
        i
        for i, (p, along) in enumerate(zip(points.data, letters, strict=True))
        if not (_is_here(p, grid) and _is_along(along, grid.frame_axis))
    ]
    old = points.features.iloc[keep]
    new = [
        (grid.from_frame(f, point.y, point.x), o, POSITIVE if point.positive else NEGATIVE)
        for (o, f), p in table.items()
        for point in p.points
    ]
    data = np.array([*points.data[keep], *(place for place, _, _ in new)], float).reshape(-1, points.ndim)
    features = pd.DataFrame(
        {
            "obj": np.array([*old["obj"], *(o for _, o, _ in new)], int),
            "polarity": np.array([*old["polarity"], *(s for _, _, s in new)], object),
            "along": np.array([*old["along"], *[grid.frame_axis or ""] * len(new)], object),
        }
    )
    points.selected_data = set()
    points.data = data
    if len(data):
        points.features = features


def stray_points(points: Points, grid: FrameGrid) -> list[int]:
    """List the points of a grid that lie beside the picture of their frame."""
    rows = zip(points.data, points.features["along"], strict=True)
    return [
        i
        for i, (point, along) in enumerate(rows)
        if _is_along(along, grid.frame_axis)
        and _is_here(point, grid)
        and 0 <= grid.to_frame(point)[0] < grid.frame_count
        and _frame_of(point, grid) is None
    ]


def is_outside(place: Any, grid: FrameGrid) -> bool:
    """Return whether a place, in data coordinates of the layers, lies outside the image."""
    inside = (
        (-0.5 <= v <= n - 0.5) or a == "c" for v, n, a in zip(place, grid.label_shape, grid.label_axes, strict=True)
    )
    return not all(inside)


def _frame_of(point: Any, grid: FrameGrid) -> tuple[int, float, float] | None:
    if not _is_here(point, grid):
        return None
    frame, y, x = grid.to_frame(point)
    height, width = grid.frame_shape
    inside = 0 <= frame < grid.frame_count and -0.5 <= y <= height - 0.5 and -0.5 <= x <= width - 0.5
    return (frame, y, x) if inside else None


def _is_along(letter: Any, axis: str | None) -> bool:
    return letter in ("", axis or "") or not isinstance(letter, str)


def _is_here(point: Any, grid: FrameGrid) -> bool:
    fixed = dict(grid.at)
    return all(
        int(np.floor(value + 0.5)) == fixed[axis]
        for axis, value in zip(grid.label_axes, point, strict=True)
        if axis in fixed
    )


def _box_of(places: list[tuple[int, float, float]], grid: FrameGrid) -> BoxPrompt | None:
    frame = places[0][0]
    if any(p[0] != frame for p in places) or not 0 <= frame < grid.frame_count:
        return None
    y0, x0, y1, x1 = rectangle_to_box([p[1:] for p in places])
    height, width = grid.frame_shape
    y0, x0, y1, x1 = max(y0, 0), max(x0, 0), min(y1, height), min(x1, width)
    return BoxPrompt(float(y0), float(x0), float(y1), float(x1)) if y0 < y1 and x0 < x1 else None
