"""The folder in which labels live that are too large for the memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_sam2.errors import WriteError
from napari_sam2.io.label_store import LabelStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_sam2.widgets.controllers.context import ControllerContext


class LabelPlaces(QObject):
    """Keeps the folder that the user chose, for all images of the dock widget.

    Parameters
    ----------
    context
        Knows the image and its layers.
    ensure_labels
        Makes the labels layer, where it is missing.
    """

    def __init__(self, context: ControllerContext, ensure_labels: Callable[[], Any]) -> None:
        super().__init__(context)
        self._context, self._selection, self._ensure_labels = context, context.selection, ensure_labels
        self.folder: Path | None = None
        self._selection.changed.connect(self._on_choice)

    @property
    def where(self) -> str:
        """Return where the labels of the current image are."""
        layer_group = self._selection.layer_group
        labels = None if layer_group is None else layer_group.labels
        if labels is None:
            return "there are no labels yet."
        data = labels.data
        return f"{data.path}" if isinstance(data, LabelStore) else "those of this image are small, and in memory."

    def choose(self, folder: Path | None) -> None:
        """Keep large labels in a folder from now on, those of the current image as well; None: the default."""
        if folder is not None and not (folder.is_dir() and os.access(folder, os.W_OK)):
            self._context.report(WriteError(f"{folder} cannot take the labels: it is no folder that can be written."))
            return
        self.folder = folder
        self._on_choice()
        layer_group = self._selection.layer_group
        labels = None if layer_group is None else layer_group.labels
        if labels is None or not isinstance(labels.data, LabelStore):
            return
        if self._context.running:
            self._context.show_message("A run is under way; these labels stay where they are.")
            return
        before = labels.data.path
        if before.parent == folder:
            return
        self._context.flush_wanted.emit()
        # The session has all of it: a new layer is drawn from there.
        self._selection.viewer.layers.remove(labels)
        self._ensure_labels()
        self._context.show_message(f"The labels are in {self.where} now; what is in {before} is needed no more.")

    def _on_choice(self) -> None:
        layer_group = self._selection.layer_group
        if layer_group is not None:
            layer_group.label_place.folder = self.folder
