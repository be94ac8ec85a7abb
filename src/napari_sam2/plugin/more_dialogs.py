"""What the menu *More* of the dock widget asks, and what follows from the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.layers.channel_layers import layers_of_grid, swatch
from napari_sam2.layers.image import channel_place, volume_from_layer
from napari_sam2.widgets.views.channels_dialog import Channel, ChannelsDialog
from napari_sam2.widgets.views.place_dialog import PlaceDialog
from napari_sam2.widgets.views.whole_run_dialog import ConsensusDialog, TimeDialog, WholeRunDialog

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image
    from qtpy.QtGui import QAction
    from qtpy.QtWidgets import QDialog, QWidget

    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.widgets.controllers.segment import SegmentController
    from napari_sam2.widgets.views.further_menu import FurtherMenu


class MoreDialogs:
    """Connects the menu with the controller.

    Parameters
    ----------
    controller
        Does what is asked for.
    menu
        Its entries.
    owner
        The widget above which dialogs are shown.
    """

    def __init__(self, controller: SegmentController, menu: FurtherMenu, owner: QWidget) -> None:
        self._controller, self._owner = controller, owner
        self.menu = menu
        self.menu.ask(self._reasons)
        self.menu.axes_clicked.connect(self.ask_axes)
        self.menu.time_clicked.connect(self.ask_time)
        self.menu.channels_clicked.connect(self.ask_channels)
        self.menu.place_clicked.connect(self.ask_place)

    def ask_axes(self) -> None:
        """Ask how all axes are followed, and do it."""
        runs = self._controller.further.whole_runs
        dialog = ConsensusDialog(self._owner)
        if self._exec(dialog, runs.price_axes):
            runs.run_axes(dialog.rule())

    def ask_time(self) -> None:
        """Ask how objects go through time, and do it."""
        runs, worker = self._controller.further.whole_runs, self._controller.selection.worker
        if worker is None or "t" not in dict(worker.grid.at):
            return
        dialog = TimeDialog(dict(worker.grid.at)["t"], worker.volume.size_of("t"), self._owner)
        if self._exec(dialog, runs.price_time):
            runs.run_time(**dialog.answer())

    def ask_channels(self) -> None:
        """Ask which channels of the image, or which layers of its grid, the model sees as colours."""
        selection = self._controller.selection
        image, worker = selection.image, selection.worker
        if image is not None and worker is not None:
            layers = layers_of_grid(selection.viewer, image)
            if channel_place(image) is not None:
                self._ask_own_channels(image, worker)
            elif len(layers) > 1:
                shown = [Channel(str(layer.name), layer, swatch(layer)) for layer in layers]
                dialog = ChannelsDialog(shown, selection.channels.layers, parent=self._owner)
                if _accepted(dialog):
                    selection.choose_channels(dialog.channels() if len(dialog.channels()) > 1 else None)
        selection.show_window()

    def _ask_own_channels(self, image: Image, worker: SessionWorker) -> None:
        selection, chosen = self._controller.selection, worker.grid.channels
        known: Any = worker.contrast_limits if worker.session is None else worker.session.contrast_limits
        low, high = (float(v) for v in image.contrast_limits)
        each = [(low, high)] if known is None else [known] if np.ndim(known) == 1 else list(known)
        limits = [each[min(i, len(each) - 1)] for i in range(3)]
        shown = [Channel(f"channel {i}", i) for i in range(volume_from_layer(image).size_of("c"))]
        dialog = ChannelsDialog(shown, chosen, limits, self._owner)
        if _accepted(dialog):
            selection.choose_channels(dialog.channels())
            if (given := dialog.limits()) is not None:
                self._controller.contrast.choose_each(given)

    def ask_place(self) -> None:
        """Ask in which folder large labels are kept."""
        places = self._controller.further.places
        dialog = PlaceDialog(places.folder, places.where, self._owner)
        if _accepted(dialog):
            places.choose(dialog.folder())

    def _exec(self, dialog: WholeRunDialog, price: Callable[[], None]) -> bool:
        priced = self._controller.further.whole_runs.priced
        priced.connect(dialog.set_price)
        price()
        try:
            return _accepted(dialog)
        finally:
            priced.disconnect(dialog.set_price)

    def _reasons(self) -> dict[QAction, str]:
        runs, image = self._controller.further.whole_runs, self._controller.selection.image
        no_image = "" if image is not None else "there is no image to work on; open one first."
        return {
            self.menu.axes_action: runs.why_not_axes(),
            self.menu.time_action: runs.why_not_time(),
            self.menu.channels_action: no_image or self._why_no_channels(),
            self.menu.place_action: "",
        }

    def _why_no_channels(self) -> str:
        image, viewer = self._controller.selection.image, self._controller.viewer
        if image is None or channel_place(image) is not None or len(layers_of_grid(viewer, image)) > 1:
            return ""
        return "the image has no channels, and no other layer lies on its grid."


def _accepted(dialog: QDialog) -> bool:
    """Show a dialog until it is answered, and return whether it was accepted; it can be read until the next event."""
    accepted = bool(dialog.exec())
    dialog.deleteLater()
    return accepted
