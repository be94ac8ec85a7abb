"""Where objects are in a viewer, and the colours in which it shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_sam2.analysis.frame_measurements import checked_frame_axis
from napari_sam2.layers.axis_names import finest
from napari_sam2.layers.labels_on_image import layer_letters
from napari_sam2.layers.world_units import data_point, world_point

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_sam2.core.volume import ImageVolume


def object_colors(labels: Labels, objects: Iterable[int]) -> dict[int, tuple[float, ...]]:
    """Return red, green and blue (0 to 1) of objects, as their layer shows them."""
    return {i: tuple(float(v) for v in labels.get_color(i)[:3]) for i in objects}


def shown_index(viewer: ViewerModel, labels: Labels, volume: ImageVolume, axis: str | None) -> int | None:
    """Return the index of a layer along an axis that the viewer shows; None where the layer has no such axis."""
    letters = layer_letters(labels, volume)
    if axis is None or axis not in letters:
        return None
    place = letters.index(axis)
    index = round(float(data_point(viewer.dims, labels)[place]))
    return int(np.clip(index, 0, finest(labels).shape[place] - 1))


def show_place(viewer: ViewerModel, labels: Labels, volume: ImageVolume, row: Mapping[str, Any]) -> None:
    """Let the viewer show the place of an object, and select its label.

    Parameters
    ----------
    row
        Of a table of objects or of frames; the slice of diameters and ``frame`` go before the centroid.
    """
    letters = layer_letters(labels, volume)
    frame_axis = checked_frame_axis(None, volume)
    shown = dict(zip(letters, data_point(viewer.dims, labels), strict=True))
    place = shown | {a: row[f"centroid_{a}"] for a in letters if not pd.isna(row.get(f"centroid_{a}"))}
    if any(str(name).startswith("long_axis") and not pd.isna(value) for name, value in row.items()):
        # Its diameters are drawn at the time that was shown when it was measured.
        place |= {a: v for a, v in shown.items() if a == "t"}
    if row.get("slice_axis"):
        place[row["slice_axis"]] = row["slice"]
    if frame_axis is not None and not pd.isna(row.get("frame")):
        place[frame_axis] = row["frame"]
    world = world_point(viewer.dims, labels, [float(place[a]) for a in letters])
    first = viewer.dims.ndim - labels.ndim
    viewer.dims.set_point(range(first, viewer.dims.ndim), world)
    labels.selected_label = int(row["object"])
