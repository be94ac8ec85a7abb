"""The labels layer that shows a session's masks, written in place frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import VolumeError
from napari_sam2.io.label_store import LabelStore, create_first, store_path
from napari_sam2.layers.axis_names import VOLUME_KEY, letters_of
from napari_sam2.layers.image import grid_shape, place_on, volume_from_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

LABELS_NAME = "SAM 2 labels"


# Labels of more bytes are kept on disk: with a model and its embeddings, a laptop of 8 GB has no more than that to
# spare; labels of fewer are drawn and painted faster in memory.
ON_DISK_BYTES = 2**30


@dataclass
class LabelPlace:
    """Where the labels of a session may live on disk, and whether they do.

    Parameters
    ----------
    session_file
        The session's file, which gives them their name; None: they stay in memory, unless there is a `folder`.
    folder
        Where the user wants them; None: in an OME-Zarr image, else beside the session's file.
    on_disk
        None: where they take more than `ON_DISK_BYTES`.
    """

    session_file: Path | None = None
    folder: Path | None = None
    on_disk: bool | None = None


def make_labels(image: Image, place: LabelPlace | None = None, frame_axis: str | None = None) -> Labels:
    """Make an empty ``uint16`` labels layer that lies exactly on an image.

    Its grid is that of :func:`~napari_sam2.layers.image.grid_shape`, and it knows the image's volume, so that our
    writer puts it on the file's own grid.

    Parameters
    ----------
    image
        The image layer.
    place
        Where on disk they may live; None: they stay in memory. Where no place takes them, they do so as well.
    frame_axis
        The axis along which frames are written to the disk.
    """
    from napari.layers import Labels

    volume, shape = volume_from_layer(image), grid_shape(image)
    data: Any = None if place is None else _on_disk(image, volume, place, frame_axis)
    if data is None:
        data = np.zeros(shape, np.uint16)
    layer = Labels(data, name=LABELS_NAME, opacity=0.5, **place_on(image))
    layer.metadata[VOLUME_KEY] = volume
    return layer


def _on_disk(image: Image, volume: ImageVolume, place: LabelPlace, frame_axis: str | None) -> LabelStore | None:
    shape = grid_shape(image)
    large = 2 * math.prod(shape) > ON_DISK_BYTES
    if not (large if place.on_disk is None else place.on_disk):
        return None
    session = "" if place.session_file is None else place.session_file.name
    store = create_first(
        store_path(volume, place.session_file, place.folder), volume, frame_axis, session, letters_of(image, volume)
    )
    if store is not None and store.shape != shape:
        raise VolumeError(f"The labels of {image.name!r} on disk have the shape {store.shape}, not {shape}.")
    return store


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

    def keep(self, objects: Iterable[int]) -> None:
        """Forget what is hidden but for these objects: the next one of a number that is gone is another object."""
        self._hidden &= frozenset(objects)

    def draw(self, layer: Labels, colors: Mapping[int, tuple[float, float, float]]) -> None:
        """Draw objects in these ``(r, g, b)`` in 0…1, if anything changed; without any colour nothing does."""
        wanted = {obj_id: (*color, float(obj_id not in self._hidden)) for obj_id, color in colors.items()}
        if wanted and wanted != self._drawn:
            self._drawn = wanted
            set_object_colors(layer, wanted)

    def forget(self) -> None:
        """Draw anew the next time, because the layer is another one."""
        self._drawn = {}
