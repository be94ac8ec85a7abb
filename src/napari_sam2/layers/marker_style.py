"""How marks look: inside and outside by symbol and colour, whose they are by border and number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.colors import object_color

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.layers import Points, Shapes
    from numpy.typing import NDArray

    Colors = Mapping[int, tuple[float, float, float]]

POSITIVE, NEGATIVE = "positive", "negative"
# Told apart by those who see red and green alike, on grey values; and by their form as well.
POLARITY_COLORS = {POSITIVE: "#3d9bff", NEGATIVE: "#ff9f1c"}
POLARITY_SYMBOLS = {POSITIVE: "cross", NEGATIVE: "hbar"}
BORDER_WIDTH = 0.12
_TEXT_SIZE = 9


def style_next(points: Points | None, boxes: Shapes | None, obj_id: int, polarity: str, colors: Colors) -> None:
    """Let the next mark look like one of this object and polarity; marks that are there stay as they are."""
    color = _rgba(obj_id, colors)
    if points is not None and not points.selected_data:
        points.current_symbol = POLARITY_SYMBOLS[polarity]
        points.current_border_color = color
    if boxes is not None and not boxes.selected_data:
        boxes.current_edge_color = color


def style_marks(points: Points | None, boxes: Shapes | None, colors: Colors) -> None:
    """Let all marks look like what their features say; numbers are shown where marks are of several objects."""
    tables = [layer.features["obj"] for layer in (points, boxes) if layer is not None]
    several = len({int(obj_id) for column in tables for obj_id in column}) > 1
    if points is not None and len(points.data):
        wanted = [POLARITY_SYMBOLS.get(str(p), "cross") for p in points.features["polarity"]]
        if [str(symbol) for symbol in points.symbol] != wanted:
            points.symbol = wanted
        border = _all_rgba(points.features["obj"], colors)
        if not _same(points.border_color, border):
            points.border_color = border
    if boxes is not None and boxes.nshapes and boxes.nshapes == len(boxes.features):
        edges = _all_rgba(boxes.features["obj"], colors)
        if not _same(boxes.edge_color, edges):
            boxes.edge_color = edges
    for layer in (points, boxes):
        if layer is not None and bool(layer.text.visible) != several:
            layer.text.visible = several


def number_text(anchor: str) -> dict[str, Any]:
    """Return what napari takes to write the object's number beside each mark; not shown at first."""
    return {
        "string": "{obj}",
        "size": _TEXT_SIZE,
        "color": "white",
        "anchor": anchor,
        "visible": False,
    }


def _rgba(obj_id: int, colors: Colors) -> NDArray[np.float64]:
    return np.array([*colors.get(obj_id, object_color(obj_id)), 1.0])


def _all_rgba(column: Iterable[Any], colors: Colors) -> NDArray[np.float64]:
    return np.array([_rgba(int(obj_id), colors) for obj_id in column])


def _same(shown: Any, wanted: NDArray[np.float64]) -> bool:
    return np.shape(shown) == wanted.shape and bool(np.allclose(shown, wanted, atol=1e-3))
