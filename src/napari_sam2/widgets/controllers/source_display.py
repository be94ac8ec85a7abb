"""The axes of an image and the values that the model gets, as the source panel shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.layers.axis_names import assumed_axes, layer_axes
from napari_sam2.layers.geometry import on_geometry_change
from napari_sam2.layers.image import (
    LayerGrid,
    axis_choices,
    axis_meanings,
    channel_place,
    default_axis_reason,
    shown_gamma,
    volume_from_layer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image

    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.widgets.controllers.channel_choice import ChannelChoice
    from napari_sam2.widgets.controllers.view_protocols import SourceView


def show_axes(panel: SourceView, image: Image | None, axis: str | None) -> None:
    """Offer what an image can be followed along, and say what its axes are."""
    if image is None:
        panel.set_axes([], axis)
        panel.set_meaning("", "")
    else:
        panel.set_axes([(c.text, c.axis) for c in axis_choices(image)], axis)
        # Lines are broken between axes only.
        texts = [each.text.replace(" ", "\u00a0") for each in axis_meanings(image)]
        panel.set_meaning(", ".join(texts), default_axis_reason(image))


def show_contrast_limits(
    panel: SourceView,
    image: Image | None,
    window: tuple[float, float] | None,
    channels: ChannelChoice,
    grid: FrameGrid | None,
) -> None:
    """Show the channels that the model sees, and the values that are black and white."""
    count = 0
    if image is not None and channel_place(image) is not None:
        count = volume_from_layer(image).size_of("c")
    panel.set_channels(count, channels.own)
    if channels.layers:
        names = zip(channels.layers, ("red", "green", "blue"), strict=False)
        panel.set_window(", ".join(f"{layer.name} {name}" for layer, name in names) + "; as displayed each")
        return
    if isinstance(grid, LayerGrid) and len(grid.channels) > 1:
        colours = ", ".join(f"{c} {name}" for c, name in zip(grid.channels, ("red", "green", "blue"), strict=False))
        panel.set_window(f"{colours}; own limits each")
        return
    if window is None:
        panel.set_window("–" if image is None else "by the image's values")
        return
    seen = grid.channels if isinstance(grid, LayerGrid) else ()
    channel = f"channel {seen[0]}, " if len(seen) == 1 else ""
    gamma = 1.0 if image is None else shown_gamma(image)
    bent = "" if gamma == 1 else f", gamma {gamma:.2g}"
    panel.set_window(f"{channel}as displayed, {window[0]:g} … {window[1]:g}{bent}")


def show_as_in(worker: SessionWorker, image: Image, channels: Sequence[Image] = ()) -> None:
    """Show an image, or the layers that are its channels, with the contrast limits and the gamma of a session."""
    if image.rgb:
        return
    limits: Any = worker.contrast_limits
    # A layer has one pair; of a session with one for each of the image's own channels there is no layer to set.
    if limits is not None and (channels or np.ndim(limits) == 1):
        each = limits if np.ndim(limits) > 1 else [limits] * max(1, len(channels))
        for layer, pair in zip(channels or (image,), each, strict=True):
            layer.contrast_limits = pair
    image.gamma = worker.gamma


def doubt_about(image: Image | None) -> str:
    """Return a sentence for an image of which nothing says whether an axis is time; empty for others."""
    if image is None or "t" not in assumed_axes(image):
        return ""
    axes = ", ".join(layer_axes(image))
    return f"Nothing says what the axes of {str(image.name)!r} are: {axes} is assumed. Say otherwise by Axes…"


def new_axes_text(image: Image, labels: str) -> str:
    """Return what to say of an image whose axes are others now, and of the layer that keeps its labels."""
    return f"The axes of {str(image.name)!r} are others now; the labels made before are kept in the layer {labels!r}."


class ImageWatch:
    """Calls back when the image that is worked on changes.

    Parameters
    ----------
    contrast, data, name, moved
        Methods that napari calls with its event; napari holds them weakly.
    """

    def __init__(
        self,
        contrast: Callable[..., Any],
        data: Callable[..., Any],
        name: Callable[..., Any],
        moved: Callable[..., Any],
    ) -> None:
        self._contrast, self._data, self._name, self._moved = contrast, data, name, moved
        self._image: Image | None = None

    def follow(self, image: Image | None) -> None:
        """Watch an image, and no longer the one before; None: none."""
        if self._image is not None:
            events = self._image.events
            events.contrast_limits.disconnect(self._contrast)
            events.gamma.disconnect(self._contrast)
            events.data.disconnect(self._data)
            events.name.disconnect(self._name)
            on_geometry_change(self._image, self._moved, connect=False)
        self._image = image
        if image is not None:
            image.events.contrast_limits.connect(self._contrast)
            image.events.gamma.connect(self._contrast)
            image.events.data.connect(self._data)
            image.events.name.connect(self._name)
            on_geometry_change(image, self._moved, connect=True)
