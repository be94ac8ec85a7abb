"""The contrast limits: what the user sees is what the model gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_sam2.core.intensity import value_range
from napari_sam2.layers.contrast import give_range
from napari_sam2.layers.image import default_limits

if TYPE_CHECKING:
    from napari_sam2.widgets.controllers.context import ControllerContext

# A slider that is being dragged sends many values; only the one where it rests concerns the model.
DELAY_MS = 250


class ContrastSync(QObject):
    """Tells the session the contrast limits, and gives an image some where nobody has chosen any.

    Parameters
    ----------
    context
        Knows the image and queues the work.
    """

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._context = context
        self._selection = context.selection
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self._send)
        self._selection.contrast_changed.connect(lambda *_: self._timer.start())

    @property
    def busy(self) -> bool:
        """Return whether the session was not told the present contrast limits yet."""
        return self._timer.isActive()

    def show_default(self) -> None:
        """Show the current image, the first time, as a reader of such images would."""
        layer_group, worker = self._selection.layer_group, self._selection.worker
        if layer_group is None or worker is None or not layer_group.claim_contrast():
            return
        image, grid, volume = layer_group.image, worker.grid, worker.volume
        give_range(image)
        found = tuple(image.contrast_limits)

        def look() -> tuple[tuple[float, float], tuple[float, float]] | None:
            limits = default_limits(image, grid)
            return None if limits is None else (limits, value_range(volume, limits))

        def show(both: tuple[tuple[float, float], tuple[float, float]] | None) -> None:
            # The user may have chosen some meanwhile.
            if both is not None and tuple(image.contrast_limits) == found:
                image.contrast_limits, image.contrast_limits_range = both

        self._context.queue(look, show, "Looking at the image…")

    def flush(self) -> None:
        """Tell the session the contrast limits at once, if it was not told yet."""
        if self._timer.isActive():
            self._timer.stop()
            self._send()

    def close(self) -> None:
        """Stop."""
        self._timer.stop()

    def _send(self) -> None:
        limits, worker = self._selection.contrast_limits(), self._selection.worker
        if limits is not None and worker is not None and limits != worker.contrast_limits:
            low, high = limits
            # The widget may have chosen them, not the user.
            key = ("contrast limits", id(worker))
            self._context.submit(
                lambda worker: worker.set_contrast_limits(low, high), "Setting the window…", key, keep_message=True
            )
