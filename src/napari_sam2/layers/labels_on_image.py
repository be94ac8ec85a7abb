"""Labels layers as arrays on the grid of their image, or on a grid of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError
from napari_sam2.layers.axis_names import VOLUME_KEY, finest
from napari_sam2.layers.geometry import geometry_of, same_place
from napari_sam2.layers.image import grid_shape, place_on, volume_from_layer

if TYPE_CHECKING:
    from numpy.typing import NDArray


def labels_on(image: Image, labels: Labels) -> tuple[ImageVolume, NDArray[Any]]:
    """Return the volume of an image layer, and the labels of a layer that lies on it.

    Parameters
    ----------
    image
        An image layer of two to four axes.
    labels
        A layer on its grid, also where the axis of its channels is left out or one voxel long.

    Returns
    -------
    volume : ImageVolume
    labels : ndarray
        Whole numbers on the volume's grid without channels; a copy, so that it may be read while the layer is painted.

    Raises
    ------
    VolumeError
        If the grids differ, or the layers lie at different places.
    """
    volume = volume_from_layer(image)
    shape = tuple(finest(labels).shape)
    if shape not in (grid_shape(image), volume.label_shape):
        raise VolumeError(
            f"The labels {labels.name!r} do not fit the image {image.name!r}: their shape is {shape}, "
            f"that of the image {grid_shape(image)}.\nChoose the image that they were drawn on."
        )
    if labels.ndim == image.ndim:
        probe = Labels(np.zeros((1,) * image.ndim, np.uint8), **place_on(image))
        if not same_place(probe, labels):
            raise VolumeError(
                f"The labels {labels.name!r} do not lie on the image {image.name!r}: the layers differ in scale, "
                "translation or another part of their place.\nGive them the same place, or choose another image."
            )
    return volume, np.array(finest(labels)).reshape(volume.label_shape)


def volume_of(labels: Labels) -> ImageVolume:
    """Return the volume that a Labels layer belongs to, or its own grid as a volume where it knows of none.

    Raises
    ------
    VolumeError
        If the layer has fewer than two or more than four axes.
    """
    known = labels.metadata.get(VOLUME_KEY)
    data = finest(labels)
    if isinstance(known, ImageVolume):
        with_channel = tuple(1 if a == "c" else n for a, n in zip(known.axes, known.shape, strict=True))
        if tuple(data.shape) in (known.label_shape, with_channel):
            return known
    # Labels say by the same means as images what their axes and units are.
    stand_in = Image(data, name=labels.name, contrast_limits=(0, 1), **geometry_of(labels))
    return volume_from_layer(stand_in)


def layer_letters(labels: Labels, volume: ImageVolume) -> str:
    """Return a letter of the volume for each axis of a Labels layer that lies on it."""
    return volume.label_axes if labels.ndim == len(volume.label_axes) else volume.axes


def check_same_grid(first: Labels, second: Labels) -> None:
    """Raise a VolumeError where two Labels layers are not on one grid at one place."""
    shapes = tuple(finest(first).shape), tuple(finest(second).shape)
    if shapes[0] != shapes[1]:
        raise VolumeError(
            f"The labels {first.name!r} and {second.name!r} are on different grids: {shapes[0]} and {shapes[1]}.\n"
            "Choose two layers of the same image."
        )
    if not same_place(first, second):
        raise VolumeError(
            f"The labels {first.name!r} and {second.name!r} do not lie at the same place: the layers differ in scale, "
            "translation or another part of it.\nGive them the same place first."
        )
