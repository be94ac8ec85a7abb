"""The diameters of objects as lines on their slices, with their lengths."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.layers.geometry import geometry_of
from napari_sam2.layers.labels_on_image import layer_letters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Labels, Shapes

    from napari_sam2.analysis.diameters import Diameters
    from napari_sam2.core.volume import ImageVolume

_OF = "napari_sam2_diameters_of"


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
    letters = layer_letters(labels, volume)
    lines, colors, texts, rows = [], [], [], []
    for diameters in found:
        unit = {"um": "µm"}.get(diameters.unit, diameters.unit)
        text = f"{diameters.long.length:.1f} × {diameters.short.length:.1f} {unit}".strip()
        # Half-way to white, or a line on its own object would not be seen.
        color = (np.array(labels.get_color(diameters.obj_id)) + 1.0) / 2.0
        for axis, line in (("long", diameters.long), ("short", diameters.short)):
            ends = [
                dict(zip(diameters.axes, end, strict=True)) | {"t": float(at or 0)} for end in (line.start, line.end)
            ]
            lines.append(np.array([[end.get(a, 0.0) for a in letters] for end in ends]))
            colors.append(color)
            # One text for both: those of two lines that cross would lie on each other.
            texts.append(text if axis == "long" else "")
            rows.append((diameters.obj_id, axis, line.length))
    layer = Shapes(
        lines,
        shape_type="line",
        edge_color=np.array(colors),
        edge_width=0.8,
        features={
            "object": [row[0] for row in rows],
            "axis": [row[1] for row in rows],
            "length": [row[2] for row in rows],
            "text": texts,
        },
        text={"string": "{text}", "color": np.array(colors), "size": 10, "anchor": "upper_left"},
        name=f"{labels.name} diameters",
        visible=visible,
        **geometry_of(labels),
    )
    # A layer that is duplicated copies its metadata, whole layers included.
    layer.metadata[_OF] = weakref.ref(labels)
    viewer.add_layer(layer)
    return layer


def diameter_lines(viewer: ViewerModel, labels: Labels) -> Shapes | None:
    """Return the layer of lines that is shown for a Labels layer, if there is one."""
    return next((layer for layer in viewer.layers if layer.metadata.get(_OF, lambda: None)() is labels), None)
