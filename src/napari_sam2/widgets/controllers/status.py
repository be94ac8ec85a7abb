"""The status line: what is going on now; where nothing is, what happened last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

if TYPE_CHECKING:
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
    """

    def __init__(self, context: ControllerContext, runs: RunController, label: QLabel) -> None:
        super().__init__(context)
        self._context = context
        self._runs = runs
        self._label = label
        self._busy_with = ""

    def set_busy(self, text: str) -> None:
        """Say what the queue is doing; an empty text: nothing."""
        self._busy_with = text
        self.show()

    def show(self) -> None:
        """Write the line."""
        now = " · ".join(text for text in (self._runs.status, self._busy_with) if text)
        self._label.setText(now or self._summary())

    def _summary(self) -> str:
        selection = self._context.selection
        worker = selection.worker
        if worker is None and selection.unavailable_reason:
            return selection.unavailable_reason
        if worker is None:
            return "Open an image to begin: File ▸ Open, or File ▸ Open Sample ▸ SAM 2."
        model_cache = selection.model_cache
        loaded = model_cache.loaded if model_cache.is_ready else None
        device = model_cache.choice.device if loaded is None else loaded.device
        about = (self._context.last_message or "Ready", Path(model_cache.choice.name).name, device)
        return " · ".join(about)
