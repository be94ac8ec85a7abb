"""The order of layers in a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import ViewerModel
    from napari.layers import Layer


def add_layer(viewer: ViewerModel, layer: Layer, above: Layer | None = None, below: Layer | None = None) -> None:
    """Add a layer directly above or below another one, and leave the active layer active.

    Parameters
    ----------
    viewer
        The viewer.
    layer
        The new layer.
    above, below
        The layer that it comes above of, or else below of; where it is not in the viewer, the new one is on top.
    """
    layers = viewer.layers
    active = layers.selection.active
    viewer.add_layer(layer)
    if above is not None and above in layers:
        layers.move(layers.index(layer), layers.index(above) + 1)
    elif below is not None and below in layers:
        layers.move(layers.index(layer), layers.index(below))
    # A layer of ours that appears must not deactivate the user's tool.
    if active is not None and active in layers:
        layers.selection.active = active


def topmost(viewer: ViewerModel, layers: Iterable[Layer]) -> Layer | None:
    """Return that of some layers which is drawn last; None where none of them is in the viewer."""
    here = [layer for layer in layers if layer in viewer.layers]
    return max(here, key=viewer.layers.index, default=None)


def raise_above(viewer: ViewerModel, layer: Layer, others: Iterable[Layer]) -> None:
    """Move a layer above others, where it lies below one of them."""
    top = topmost(viewer, others)
    if top is not None and viewer.layers.index(layer) < viewer.layers.index(top):
        viewer.layers.move(viewer.layers.index(layer), viewer.layers.index(top) + 1)
