"""The room of the contrast slider: the window is what is chosen, the range all that can be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.layers.volume_layers import RANGE_KEY

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


def give_range(layer: Layer) -> None:
    """Give a layer of our readers the range of its values, where its slider has no room beyond the limits."""
    found = layer.metadata.get(RANGE_KEY)
    if found is not None and not layer.rgb and list(layer.contrast_limits_range) == list(layer.contrast_limits):
        layer.contrast_limits_range = found


def give_ranges_in(viewer: ViewerModel | None) -> None:
    """Do so with every layer that comes into a viewer; to ask for it again changes nothing."""
    if viewer is not None:
        viewer.layers.events.inserted.connect(_on_inserted)


def _on_inserted(event: Any) -> None:
    if RANGE_KEY in event.value.metadata:
        give_range(event.value)
