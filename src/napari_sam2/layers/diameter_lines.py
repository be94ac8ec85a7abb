"""The diameters of objects as lines on their slices, with their lengths."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.layers.geometry import geometry_of
from napari_sam2.layers.labels_on_image import layer_letters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Labels, Shapes
    from numpy.typing import NDArray

    from napari_sam2.analysis.diameters import Diameter, Diameters
    from napari_sam2.core.volume import ImageVolume

_OF = "napari_sam2_diameters_of"
# Of a line, in pixels of the image.
_WIDTH = 0.8


def show_diameters(
    viewer: ViewerModel, labels: Labels, volume: ImageVolume, found: Sequence[Diameters], at: int | None = None
) -> Shapes | None:
    """Show long and short axes as lines in the colours of their objects, lighter, in place of those shown before.

    Beside the long one stands ``long × short``, with the unit.

    Parameters
    ----------
    viewer
        The viewer that shows the labels.
    labels
        The layer that was measured; the lines lie on it.
    volume
        The image that the labels belong to.
    found
        The diameters of its objects; without any, lines shown before are taken away.
    at
        The time point of the diameters, in a time series.

    Returns
    -------
    napari.layers.Shapes or None
        Two lines for each object; its features have ``object``, ``axis`` (``"long"`` or ``"short"``) and ``length``.
    """
    from napari.layers import Shapes

    before = diameter_lines(viewer, labels)
    visible = before is None or before.visible
    if before is not None:
        viewer.layers.remove(before)
    if not found:
        return None
    lines: list[NDArray[np.float64]] = []
    colors: list[NDArray[np.float64]] = []
    rows: list[dict[str, Any]] = []
    for diameters in found:
        # Half-way to white, or a line on its own object would not be seen.
        color = (np.array(labels.get_color(diameters.obj_id)) + 1.0) / 2.0
        # One text for both: those of two lines that cross would lie on each other.
        for axis, line, text in (("long", diameters.long, _text(diameters)), ("short", diameters.short, "")):
            lines.append(_in_layer(line, diameters.axes, layer_letters(labels, volume), at))
            colors.append(color)
            rows.append({"object": diameters.obj_id, "axis": axis, "length": line.length, "text": text})
    layer = Shapes(
        lines,
        shape_type="line",
        edge_color=np.array(colors),
        edge_width=_WIDTH,
        features={name: [row[name] for row in rows] for name in rows[0]},
        text={"string": "{text}", "color": np.array(colors), "size": 10, "anchor": "upper_left"},
        name=f"{labels.name} diameters",
        visible=visible,
        **geometry_of(labels),
    )
    # A layer that is duplicated copies its metadata, whole layers included.
    layer.metadata[_OF] = weakref.ref(labels)
    viewer.add_layer(layer)
    return layer


def _text(diameters: Diameters) -> str:
    unit = {"um": "µm"}.get(diameters.unit, diameters.unit)
    return f"{diameters.long.length:.1f} × {diameters.short.length:.1f} {unit}".strip()


def _in_layer(line: Diameter, axes: str, letters: str, at: int | None) -> NDArray[np.float64]:
    """Return the ends of a line in data coordinates of a layer with an axis for each of the letters."""
    elsewhere = {"t": float(at or 0)}
    ends = [elsewhere | dict(zip(axes, end, strict=True)) for end in (line.start, line.end)]
    return np.array([[end.get(a, 0.0) for a in letters] for end in ends])


def diameter_lines(viewer: ViewerModel, labels: Labels) -> Shapes | None:
    """Return the layer of lines that is shown for a Labels layer, if there is one."""
    return next((layer for layer in viewer.layers if layer.metadata.get(_OF, lambda: None)() is labels), None)
