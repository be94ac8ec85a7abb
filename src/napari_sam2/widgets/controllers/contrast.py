"""The contrast limits: what the user sees is what the model gets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_sam2.core.intensity import value_range
from napari_sam2.core.intensity_presets import preset_limits
from napari_sam2.errors import VolumeError
from napari_sam2.interaction.update import Update
from napari_sam2.layers.channel_layers import channels_limits
from napari_sam2.layers.contrast import give_range
from napari_sam2.layers.image import default_limits, shown_gamma

if TYPE_CHECKING:
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.session import VideoSession
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

    def choose_preset(self, name: str) -> None:
        """Show the current image with the contrast limits of a preset; the model gets the same."""
        image, worker = self._selection.image, self._selection.worker
        if image is None or worker is None:
            return

        def show(limits: tuple[float, float]) -> None:
            low, high = image.contrast_limits_range
            image.contrast_limits_range = min(low, limits[0]), max(high, limits[1])
            image.contrast_limits = limits
            self._context.show_message(f"Window: {name}, {limits[0]:g} … {limits[1]:g}.")

        volume, grid = worker.volume, worker.grid

        def look() -> tuple[float, float]:
            try:
                return preset_limits(name, volume, grid)
            except VolumeError as error:
                first = str(error).splitlines()[0]
                raise VolumeError(f"{first}\nTake MR or Microscopy from the menu, or move the sliders.") from error

        self._context.queue(look, show, "Looking at the image…")

    def choose_each(self, limits: tuple[tuple[float, float], ...]) -> None:
        """Let the model see each channel with contrast limits of its own."""
        worker = self._selection.worker
        if worker is not None:
            key = ("contrast limits", id(worker))
            self._context.submit(partial(_set_each, limits), "Setting the window…", key, keep_message=True)

    def flush(self) -> None:
        """Tell the session the contrast limits at once, if it was not told yet."""
        if self._timer.isActive():
            self._timer.stop()
            self._send()

    def close(self) -> None:
        """Stop."""
        self._timer.stop()

    def _send(self) -> None:
        limits, image, worker = self._selection.contrast_limits(), self._selection.image, self._selection.worker
        if limits is None or image is None or worker is None:
            return
        if len(worker.grid.channels) > 1 and not image.rgb:
            # Each channel is shown to the model by its own values, or as its own layer is shown.
            each = channels_limits(self._selection.channels.layers)
            if each and each != worker.contrast_limits:
                self.choose_each(each)
            return
        gamma = shown_gamma(image)
        if (limits, gamma) != (worker.contrast_limits, worker.gamma):
            low, high = limits
            # The widget may have chosen them, not the user.
            key = ("contrast limits", id(worker))
            self._context.submit(
                lambda worker: worker.set_contrast_limits(low, high, gamma),
                "Setting the window…",
                key,
                keep_message=True,
            )


def _set_each(limits: tuple[tuple[float, float], ...], worker: SessionWorker) -> Update:
    """Show each channel with its own contrast limits; called in a worker."""
    worker.contrast_limits = limits

    def change(session: VideoSession) -> None:
        for channel, (low, high) in zip(session.grid.channels, limits, strict=True):
            session.set_contrast_limits(low, high, channel=channel)

    return Update() if worker.session is None else worker.change(change, ())
