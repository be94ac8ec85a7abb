"""The part of the dock widget that each controller may read, and signals for what others have to do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_sam2.errors import SessionBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.interaction.update import Update
    from napari_sam2.widgets.controllers.image_selection import ImageSelection
    from napari_sam2.widgets.controllers.runs import RunController
    from napari_sam2.widgets.controllers.tools import Tools
    from napari_sam2.widgets.workers import JobQueue


class ControllerContext(QObject):
    """Gives each controller what it reads and the queue; what others have to do for it is a signal.

    Parameters
    ----------
    selection
        The image that is worked on, its layers and sessions.
    tools
        The current object and the polarity of the next mark.
    runs
        Whether a run is under way.
    queue
        Where work on sessions waits its turn.
    parent
        Owner in Qt.
    """

    # The views have to be drawn anew.
    changed = Signal()
    # What was drawn a moment ago has to be handed over first.
    flush_wanted = Signal()
    # An error, or a warning, for the user.
    failed = Signal(object)
    warned = Signal(str)
    # (layer_group, worker, update): a piece of work is done and has to be drawn.
    updated = Signal(object, object, object)

    def __init__(
        self,
        selection: ImageSelection,
        tools: Tools,
        runs: RunController,
        queue: JobQueue,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._selection, self._tools, self._runs, self._queue = selection, tools, runs, queue
        self._last_message = ""
        # Held by what works with the model outside of the queue, so that it can be waited for before the model goes.
        self.model_in_use = threading.Lock()

    @property
    def selection(self) -> ImageSelection:
        """Return the image that is worked on, its layers and sessions."""
        return self._selection

    @property
    def current_object(self) -> int:
        """Return the object to which the next mark belongs."""
        return self._tools.obj_id

    @property
    def positive(self) -> bool:
        """Return whether the next mark lies inside the object."""
        return self._tools.positive

    @property
    def running(self) -> bool:
        """Return whether a run is under way."""
        return self._runs.running

    @property
    def working(self) -> bool:
        """Return whether work is queued or being done."""
        return self._queue.busy

    @property
    def work_waits(self) -> bool:
        """Return whether work waits for that which is being done."""
        return self._queue.has_waiting

    @property
    def last_message(self) -> str:
        """Return the message of the last act in the status line."""
        return self._last_message

    def set_last_message(self, text: str) -> None:
        """Keep what happened for the status line, which is drawn later; an empty text forgets the last act."""
        self._last_message = text

    def show_message(self, text: str) -> None:
        """Say in the status line what happened."""
        self._last_message = text
        self.changed.emit()

    def report(self, error: Exception) -> None:
        """Show an error to the user."""
        self.failed.emit(error)

    def queue(self, job: Callable[[], Any], done: Callable[[Any], None], text: str, key: Any = None) -> None:
        """Let a worker do something; ``done`` gets the result on the main thread."""
        self._queue.submit(job, done, text, key)

    def submit(
        self,
        job: Callable[[SessionWorker], Update],
        text: str,
        key: Any = None,
        worker: SessionWorker | None = None,
        keep_message: bool = False,
    ) -> None:
        """Let a worker do something with a session, the current one by default; `updated` tells what comes of it.

        What the status line says of the act before is old news then, unless it is to be kept.
        """
        layer_group, worker = self._selection.layer_group, worker or self._selection.worker
        if layer_group is None or worker is None:
            return
        if not keep_message:
            self._last_message = ""

        def work() -> Update | None:
            try:
                return None if worker.closed else job(worker)
            except SessionBusyError:
                if worker.closed:
                    return None  # The image was removed meanwhile.
                raise

        def done(update: Update | None) -> None:
            if update is not None:
                self.updated.emit(layer_group, worker, update)

        self._queue.submit(work, done, text, key)
