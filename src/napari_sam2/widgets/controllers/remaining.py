"""How many masks of each object the next run would compute, counted in a worker whenever a session has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_sam2.errors import NapariSam2Error
from napari_sam2.widgets.workers import JobQueue

if TYPE_CHECKING:
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.runs import RunController
    from napari_sam2.widgets.controllers.view_protocols import RunView


class Remaining(QObject):
    """Counts what the next run has left to do, in the chosen range.

    Parameters
    ----------
    context
        Knows the session, and is told when there is another count.
    runs
        While a run is under way, nothing is counted.
    panel
        Knows the range.
    """

    def __init__(self, context: ControllerContext, runs: RunController, panel: RunView) -> None:
        super().__init__(context)
        self._context, self._selection, self._panel = context, context.selection, panel
        self._queue = JobQueue(self, "counting")
        self._of: SessionWorker | None = None
        self._counts: dict[int, int] = {}
        context.updated.connect(lambda *_: self.count())
        runs.finished.connect(lambda *_: self.count())
        self._selection.changed.connect(self.count)
        panel.range_changed.connect(self.count)

    @property
    def busy(self) -> bool:
        """Return whether a count is under way."""
        return self._queue.busy

    def by_object(self, worker: SessionWorker) -> dict[int, int] | None:
        """Return the number of masks left of each object; None where they were not counted yet."""
        return self._counts if self._of is worker else None

    def count(self) -> None:
        """Count anew."""
        worker = self._selection.worker
        if worker is None or worker.session is None or self._context.running:
            return
        session, frames = worker.session, self._panel.frames()

        def look() -> dict[int, int]:
            found = {}
            # One by one: a session is locked while it counts.
            for obj_id in list(session.objects):
                try:
                    found[obj_id] = session.count_stale(frames=frames, objects=[obj_id])[1]
                except NapariSam2Error:
                    continue  # Deleted meanwhile, or the session closed; the count after that is the right one.
            return found

        self._queue.submit(look, lambda found: self._take(worker, found), "", key="count")

    def _take(self, worker: SessionWorker, found: dict[int, int]) -> None:
        if worker is self._selection.worker and (worker is not self._of or found != self._counts):
            self._of, self._counts = worker, found
            self._context.changed.emit()
