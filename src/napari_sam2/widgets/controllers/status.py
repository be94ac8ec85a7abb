"""The status line: what is going on now; where nothing is, what happened last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QLabel

    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.runs import RunController


class StatusLine(QObject):
    """Keeps the status line true.

    Parameters
    ----------
    context
        Knows the image, the model and the words on the last act.
    runs
        Says how far a run is.
    label
        The view.
    model_name
        Gives the short name of the chosen model.
    """

    def __init__(
        self, context: ControllerContext, runs: RunController, label: QLabel, model_name: Callable[[], str]
    ) -> None:
        super().__init__(context)
        self._model_name = model_name
        self._context = context
        self._runs = runs
        self._label = label
        self._busy_with = self._loading = ""

    def set_busy(self, text: str) -> None:
        """Say what the queue is doing; an empty text: nothing."""
        self._busy_with = text
        self.show()

    def set_loading(self, text: str) -> None:
        """Say that a model is being loaded in the background; an empty text: none is."""
        self._loading = text
        self.show()

    def show(self) -> None:
        """Write the line."""
        now = " · ".join(text for text in (self._runs.status, self._busy_with) if text)
        # Two lines, where both have room.
        self._label.setText("\n".join(text for text in (now or self._summary(), self._about()) if text))

    def _summary(self) -> str:
        selection = self._context.selection
        worker = selection.worker
        if worker is None and selection.unavailable_reason:
            return selection.unavailable_reason
        if worker is None:
            return "Open an image to begin."
        return self._context.last_message or self._loading or "Ready"

    def _about(self) -> str:
        """Return model and device; nothing without an image."""
        if self._context.selection.worker is None:
            return ""
        model_cache = self._context.selection.model_cache
        loaded = model_cache.loaded if model_cache.is_ready else None
        device = model_cache.choice.device if loaded is None else loaded.device
        return f"{self._model_name()} · {device.upper() if device == 'cpu' else device}"
