"""Several image layers of one grid as the channels of one image, as napari splits a channel axis."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, Any, TypeGuard

from napari.layers import Image

from napari_sam2.core.channel_stack import stack_channels
from napari_sam2.errors import NapariSam2Error
from napari_sam2.layers.axis_names import known_volume
from napari_sam2.layers.geometry import same_place
from napari_sam2.layers.image import shown_contrast_limits, volume_from_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel

    from napari_sam2.core.volume import ImageVolume

Limits = tuple[float, float]


def is_layers(key: Any) -> TypeGuard[tuple[Image, ...]]:
    """Return whether channels are named by their layers, not by their indices."""
    return isinstance(key, tuple) and bool(key) and isinstance(key[0], Image)


def layers_of_grid(viewer: ViewerModel, image: Image) -> list[Image]:
    """List the image layers that lie on the grid of an image and have no channels, that image first.

    Only the image itself where it has channels of its own, or where no other layer fits.
    """
    others = [layer for layer in viewer.layers if isinstance(layer, Image) and layer is not image]
    return [image, *(layer for layer in others if _fit([image, layer]))]


def are_on_grid(image: Image, layers: Sequence[Image]) -> bool:
    """Return whether layers lie on the grid of an image, as those that :func:`layers_of_grid` lists."""
    return all(layer is image or _fit([image, layer]) for layer in layers)


def channels_volume(layers: Sequence[Image]) -> ImageVolume:
    """Return the image whose channels are these layers.

    A layer that came from no reader of ours lies where the window shows it; on the first layer, it lies on its grid.

    Raises
    ------
    VolumeError
        If they do not lie on one grid; the text says which, and how they differ.
    """
    first = volume_from_layer(layers[0])
    return stack_channels([first, *(_beside(first, layers[0], layer) for layer in layers[1:])])


def stacks_named(layers: Sequence[Image], name: str) -> list[tuple[tuple[Image, ...], ImageVolume]]:
    """List the images of a name whose channels are two or three of some layers, each with these layers."""
    found = []
    for count in (2, 3):
        for chosen in permutations(layers, count):
            if name == " + ".join(volume_from_layer(layer).name for layer in chosen) and _fit(chosen):
                found.append((chosen, channels_volume(chosen)))
    return found


def channels_limits(layers: Sequence[Image]) -> tuple[Limits, ...] | None:
    """Return the contrast limits of each layer; None where one has none that could be told."""
    found = [shown_contrast_limits(layer) for layer in layers]
    return None if any(limits is None for limits in found) else tuple(limits for limits in found if limits is not None)


def swatch(layer: Image) -> tuple[float, float, float]:
    """Return the colour ``(r, g, b)`` in 0…1 in which a layer shows its highest value."""
    r, g, b = (float(v) for v in layer.colormap.colors[-1][:3])
    return r, g, b


def _beside(first: ImageVolume, image: Image, layer: Image) -> ImageVolume:
    """Return the volume of a layer, on the grid of another one where the window alone says where they are."""
    volume = volume_from_layer(layer)
    both_known = known_volume(image) is not None and known_volume(layer) is not None
    if both_known or (volume.axes, volume.shape) != (first.axes, first.shape) or not same_place(image, layer):
        return volume
    return replace(volume, spacing=first.spacing, units=first.units, affine=first.affine)


def _fit(layers: Sequence[Image]) -> bool:
    try:
        if any(layer.rgb or "c" in volume_from_layer(layer).axes for layer in layers):
            return False
        channels_volume(layers)
    except NapariSam2Error:
        return False
    return True
