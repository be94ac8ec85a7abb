"""The chosen model is loaded as soon as there is an image for it, so that the first mark is answered at once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_sam2.layers.first_layers import import_what_layers_need
from napari_sam2.widgets.workers import JobQueue

if TYPE_CHECKING:
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.models import Models

logger = logging.getLogger(__name__)


class EarlyLoading(QObject):
    """Loads in the background what the first mark will need.

    Parameters
    ----------
    context
        Knows the image and the model.
    models
        Says whether the chosen one is on this computer.
    enabled
        False: the first mark loads it.
    """

    # What is going on, in words; empty: nothing.
    changed = Signal(str)

    def __init__(self, context: ControllerContext, models: Models, enabled: bool) -> None:
        super().__init__(context)
        self._context, self._models, self._enabled = context, models, enabled
        self._queue = JobQueue(self, "loading the model")
        self._queue.busy_changed.connect(self.changed)
        self._queue.failed.connect(self._on_failed)
        context.selection.changed.connect(self.begin)
        models.model_changed.connect(self.begin)
        self.begin()

    @property
    def busy(self) -> bool:
        """Return whether a model is being loaded."""
        return self._queue.busy

    def begin(self) -> None:
        """Load the chosen model, where there is an image for it and it is on this computer."""
        selection = self._context.selection
        cache = selection.model_cache
        if not self._enabled or selection.worker is None or self._models.unavailable_reason or cache.is_ready:
            return

        def load() -> None:
            # The tool comes first, so that what it needs does, too.
            import_what_layers_need()
            # A mark that comes meanwhile waits for the same model.
            cache.get()

        self._queue.submit(load, lambda _: self._context.changed.emit(), "Loading the model…", key="load")

    def close(self) -> None:
        """Load nothing more."""
        self._queue.close()

    def _on_failed(self, error: Exception) -> None:
        # Nobody asked for it yet; whoever marks something is told.
        logger.info("%s", error)
