"""The labels layer that shows a session's masks, written in place frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.layers.axis_names import VOLUME_KEY
from napari_sam2.layers.image import grid_shape, place_on, volume_from_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.layers import Image, Labels
    from numpy.typing import NDArray

LABELS_NAME = "SAM 2 labels"


def make_labels(image: Image) -> Labels:
    """Make an empty ``uint16`` labels layer that lies exactly on an image.

    Its grid is that of :func:`~napari_sam2.layers.image.grid_shape`, and it knows the image's volume, so that our
    writer puts it on the file's own grid.
    """
    from napari.layers import Labels

    layer = Labels(np.zeros(grid_shape(image), np.uint16), name=LABELS_NAME, opacity=0.5, **place_on(image))
    layer.metadata[VOLUME_KEY] = volume_from_layer(image)
    return layer


def write_frames(array: Any, frames: Iterable[tuple[tuple[int | slice, ...], NDArray[np.uint16]]]) -> None:
    """Put finished frames into a layer's array, without drawing it anew.

    Parameters
    ----------
    array
        That of a labels layer, on the volume's grid.
    frames
        The index tuple of each frame in the array, and its labels ``(Y, X) uint16``.
    """
    for index, frame in frames:
        # In place: a new array would keep the layer's old paint history alive and cost a copy of the volume.
        array[index] = frame


def set_object_colors(layer: Labels, colors: Mapping[int, tuple[float, float, float, float]]) -> None:
    """Give each object its own colour and opacity; other labels are drawn grey, the background not at all."""
    from napari.utils.colormaps import DirectLabelColormap

    table: dict[int | None, Any] = {None: (0.6, 0.6, 0.6, 1.0), 0: (0.0, 0.0, 0.0, 0.0)}
    table.update((obj_id, color) for obj_id, color in colors.items())
    layer.colormap = DirectLabelColormap(color_dict=table)


class ObjectColors:
    """The colours in which a labels layer draws the objects, and those of them that are hidden."""

    def __init__(self) -> None:
        self._hidden: frozenset[int] = frozenset()
        self._drawn: dict[int, tuple[float, float, float, float]] = {}

    @property
    def hidden(self) -> frozenset[int]:
        """Return the objects that are not shown."""
        return self._hidden

    def set_visible(self, obj_id: int, visible: bool) -> None:
        """Show or hide an object from the next drawing on."""
        self._hidden = self._hidden - {obj_id} if visible else self._hidden | {obj_id}

    def draw(self, layer: Labels, colors: Mapping[int, tuple[float, float, float]]) -> None:
        """Draw objects in these ``(r, g, b)`` in 0…1, if anything changed; without any colour nothing does."""
        wanted = {obj_id: (*color, float(obj_id not in self._hidden)) for obj_id, color in colors.items()}
        if wanted and wanted != self._drawn:
            self._drawn = wanted
            set_object_colors(layer, wanted)

    def forget(self) -> None:
        """Draw anew the next time, because the layer is another one."""
        self._drawn = {}
