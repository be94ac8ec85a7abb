"""Which channels of the current image the model sees: some of its own, or other layers of its grid beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_sam2.layers.channel_layers import is_layers
from napari_sam2.layers.geometry import on_geometry_change

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_sam2.widgets.controllers.image_work import ChannelKey


class ChannelChoice(QObject):
    """Keeps the choice, and watches the layers that are channels beside the current image.

    ``key`` is None for the channel that is shown, indices of the image's own channels, or layers of its grid, the
    first of which is red.
    """

    # The contrast limits of a layer are others now.
    limits_changed = Signal()
    # A layer left the viewer, or has other values: it is no channel any more.
    lost = Signal(object)
    # A layer lies elsewhere, or is of another size.
    moved = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.key: ChannelKey = None

    @property
    def own(self) -> tuple[int, ...] | None:
        """Return the image's own channels that were chosen; None: the one that is shown."""
        return None if is_layers(self.key) else self.key

    @property
    def layers(self) -> tuple[Image, ...]:
        """Return the layers that are channels, in the order of red, green and blue; empty where none are."""
        return self.key if is_layers(self.key) else ()

    def choose(self, key: ChannelKey) -> None:
        """Choose other channels."""
        for layer in self.layers:
            self._watch(layer, connect=False)
        self.key = key
        for layer in self.layers:
            self._watch(layer, connect=True)

    def _watch(self, layer: Image, connect: bool) -> None:
        pairs = (("contrast_limits", self._on_limits), ("data", self._on_data))
        for name, callback in pairs:
            emitter = getattr(layer.events, name)
            (emitter.connect if connect else emitter.disconnect)(callback)
        on_geometry_change(layer, self._on_moved, connect=connect)

    def _on_limits(self, event: Any = None) -> None:
        self.limits_changed.emit()

    def _on_data(self, event: Any) -> None:
        self.lost.emit(event.source)

    def _on_moved(self, event: Any) -> None:
        self.moved.emit(event.source)
