"""A run as the user asks for it: marks first, then frame by frame; and why none can begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qtpy.QtCore import QObject

from napari_sam2.core.formatting import frame_word
from napari_sam2.widgets.controllers.remaining import Remaining

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.interaction.update import Update
    from napari_sam2.layers.layer_group import LayerGroup
    from napari_sam2.session.tracking.planning import Direction
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.labels import LabelsDrawing
    from napari_sam2.widgets.controllers.run_estimate import RunEstimator
    from napari_sam2.widgets.controllers.runs import RunController, Steps
    from napari_sam2.widgets.controllers.view_protocols import RunView
    from napari_sam2.widgets.shortcuts import KeyBinder


class Propagating(QObject):
    """Begins runs, ends those whose layer shows something else, and says how a run ended.

    Parameters
    ----------
    context
        Knows the layers and queues the work.
    runs
        Does the run.
    labels
        Draws what comes of it.
    run_estimator
        Knows the plan by which a run fits into memory.
    keys
        Bound on the labels layer.
    panel
        The view.
    """

    def __init__(
        self,
        context: ControllerContext,
        runs: RunController,
        labels: LabelsDrawing,
        run_estimator: RunEstimator,
        keys: KeyBinder,
        panel: RunView,
    ) -> None:
        super().__init__(context)
        self._context, self._selection = context, context.selection
        self._runs, self._labels, self._run_estimator, self._keys, self._panel = (
            runs,
            labels,
            run_estimator,
            keys,
            panel,
        )
        self.remaining = Remaining(context, runs, panel)
        self._stopped: set[int] = set()
        self._closed = False
        panel.run_clicked.connect(self.propagate)
        panel.stop_clicked.connect(runs.stop)
        runs.progressed.connect(panel.set_progress)
        runs.finished.connect(self._on_finished)

    def propagate(self, direction: str) -> None:
        """Follow all objects from their marks; ``"both"``, ``"forward"`` or ``"backward"``."""
        self.begin(cast("Direction", direction), self._panel.frames())

    def begin(
        self,
        direction: Direction,
        frames: range,
        steps: Steps | None = None,
        also: Sequence[SessionWorker] = (),
    ) -> None:
        """Begin a run when all marks are told.

        Parameters
        ----------
        direction, frames
            Of a run of the current session.
        steps
            What is done instead.
        also
            Further sessions that it needs, with their marks.
        """
        layer_group, worker = self._selection.layer_group, self._selection.worker
        if layer_group is None or worker is None or self._runs.running:
            return
        self._context.flush_wanted.emit()
        last = worker.pending.last_number

        def begin(update: Update) -> None:
            self._labels.apply(layer_group, worker, update)
            here = layer_group.image in self._selection.viewer.layers
            if here and layer_group.along == (worker.grid.frame_axis or "") and not self._runs.running:
                self._labels.ensure(layer_group, worker)
                self._keys.bind(layer_group.owned())
                assert layer_group.stroke_recorder is not None
                self._runs.start(worker, layer_group.stroke_recorder, direction, frames, steps)
                self._context.changed.emit()

        def prepare() -> Update:
            update = worker.sync(preview=False, up_to=last)
            for other in also:
                update.warnings += other.sync(preview=False).warnings
            self._run_estimator.apply(worker)
            return update

        self._run_estimator.pause()
        self._context.set_last_message("")
        self._context.queue(prepare, begin, "Preparing the run…")

    def follow_choice(self, layer_group: LayerGroup | None, turned: bool) -> None:
        """End a run of something else than what is chosen now; ``turned`` where the labels show another axis."""
        running = self._runs.worker
        if running is None or running in self._selection.siblings():
            return
        # The labels layer of this image shows another axis from now on; that of another image still shows the run.
        if turned and layer_group is not None and self._runs.labels is layer_group.labels:
            self._runs.abandon()
        else:
            self._runs.stop()

    def was_stopped(self, worker: SessionWorker) -> bool:
        """Return whether the last run of a session was stopped, and something of it stands and something is left."""
        if id(worker) not in self._stopped or not any(o.frames > max(o.prompts, 1) for o in worker.objects.values()):
            return False
        left = self.remaining.by_object(worker)
        return left is None or any(left.values())

    def forget(self, worker: SessionWorker) -> None:
        """End the run of a session that is about to be closed."""
        self._stopped.discard(id(worker))
        if worker is self._runs.worker:
            self._runs.abandon()

    def refresh(self, no_image: str, busy: str, run_reason: str, undo_reason: str, redo_reason: str) -> None:
        """Enable the buttons of the panel; each text says why not, an empty one enables."""
        layer_group, worker = self._selection.layer_group, self._selection.worker
        if worker is not None and not (run_reason := no_image or busy or run_reason):
            if worker.grid.frame_count < 2:
                run_reason = f"there is no other {frame_word(worker.grid.frame_axis)}; the mask is there already."
            elif not worker.pending.shown and not any(o.prompts or o.frames for o in worker.objects.values()):
                run_reason = "nothing is marked yet; place a point or a box first."
        unsaved = "" if layer_group is not None and layer_group.labels is not None else "there are no labels yet."
        self._panel.set_enabled(
            no_image or run_reason,
            "" if self._runs.running else "nothing runs.",
            no_image or busy or undo_reason,
            no_image or busy or redo_reason,
            no_image or unsaved,
        )
        self._panel.set_continuing(worker is not None and self.was_stopped(worker))

    def close(self) -> None:
        """Say nothing more of a run that ends."""
        self._closed = True

    def _on_finished(self, worker: SessionWorker, text: str, error: Exception | None, stopped: bool) -> None:
        self._panel.clear_progress()
        self._context.set_last_message(text)
        (self._stopped.add if stopped else self._stopped.discard)(id(worker))
        if self._closed:
            return
        for note in self._selection.model_cache.new_notes():
            self._context.warned.emit(note)
        self._labels.color()
        self._context.changed.emit()
        if error is not None:
            self._context.report(error)
