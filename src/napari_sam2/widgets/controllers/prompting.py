"""Marks that the user places, moves or removes reach the session, and those that the session holds are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer

from napari_sam2.core.formatting import frame_word
from napari_sam2.errors import SessionBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.core.prompts import PromptTable
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.layers.layer_group import LayerGroup
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.editing import Editing
    from napari_sam2.widgets.controllers.view_protocols import PreviewView
    from napari_sam2.widgets.views.labels_dialog import LabelsRequest


class OtherSteps(Protocol):
    """Steps of other sessions than that of the main view, among which undo goes by the order of the user."""

    def can(self, back: bool) -> bool:
        """Return whether the last step to take back, or to do again, is one of these."""

    def step(self, back: bool) -> bool:
        """Take it back, or do it again; False where it is none of these."""


class Prompting(QObject):
    """Reads the marks from their layers, tells the session of them, and takes them back.

    Parameters
    ----------
    context
        Knows the layers and queues the work.
    editing
        Takes the outlines among the drawings.
    panel
        Says whether masks are shown at once.
    unavailable_reason
        Says why nothing can be computed with the chosen model; an empty text where it can.
    """

    def __init__(
        self, context: ControllerContext, editing: Editing, panel: PreviewView, unavailable_reason: Callable[[], str]
    ) -> None:
        super().__init__(context)
        self._context = context
        self._selection = context.selection
        self._editing = editing
        self._panel = panel
        self._unavailable_reason = unavailable_reason
        self.elsewhere: OtherSteps | None = None
        self._markers = QTimer(self)
        self._markers.setSingleShot(True)
        self._markers.timeout.connect(self._on_markers)
        # Marks that went with their layer; not flushed, because the image may be on its way out as well.
        self._lost_layer = QTimer(self)
        self._lost_layer.setSingleShot(True)
        self._lost_layer.timeout.connect(self._on_markers)
        self._selection.markers_changed.connect(self.read_soon)

    @property
    def busy(self) -> bool:
        """Return whether marks wait to be read."""
        return self._markers.isActive() or self._lost_layer.isActive()

    def read_soon(self) -> None:
        """Read the marks when all that is going on now is done."""
        self._markers.start()

    def lose_layer(self) -> None:
        """Tell the session soon which marks were removed together with their layer."""
        self._lost_layer.start()

    def flush(self) -> None:
        """Read at once the marks that wait to be read."""
        if self._markers.isActive():
            self._markers.stop()
            self._on_markers()

    # ------------------------------------------------------------------ from the layers to the session

    def _on_markers(self) -> None:
        layer_group, worker = self._selection.layer_group, self._selection.worker
        if layer_group is None or worker is None:
            return
        bad_box = layer_group.tidy_boxes(worker.grid)
        self._editing.take_drawings(layer_group, worker)
        bad_point = layer_group.tidy_points(worker.grid)
        worker.pending.change_to(layer_group.read(worker.grid))
        # Also those that were noted while a result was being drawn.
        self.answer_waiting()
        if (bad_box or bad_point) and (doubt := self._selection.units_doubt):
            self._context.show_message(doubt)
        elif bad_box:
            word = frame_word(worker.grid.frame_axis)
            self._context.show_message(f"A box has to hold at least one pixel of one {word}; it was taken away.")
        elif bad_point:
            self._context.show_message("A point has to lie inside the image; it was taken away.")
        else:
            self._context.changed.emit()

    def answer_waiting(self, other: SessionWorker | None = None) -> None:
        """Tell the session, or another one, of marks that it does not know yet, and show their masks."""
        worker = other or self._selection.worker
        if worker is None or not worker.pending:
            return
        if unavailable_reason := self._unavailable_reason():
            self._context.show_message(f"Marks are kept, but {unavailable_reason}")
            return
        preview, last = self._panel.preview_box.isChecked(), worker.pending.last_number
        self._context.submit(lambda worker: worker.sync(preview, last), self._computing(), ("sync", id(worker)), worker)

    def answer(self) -> None:
        """Show the masks of the objects that are marked on the shown slice."""
        frame = self._selection.shown_frame()
        self._context.submit(lambda worker: worker.predict(frame), self._computing())

    def _computing(self) -> str:
        model_cache = self._selection.model_cache
        return "Computing the mask…" if model_cache.is_ready else f"Loading the model {model_cache.choice.name}…"

    # ------------------------------------------------------------------ from the session to the layers

    def show(self, layer_group: LayerGroup, worker: SessionWorker, prompts: PromptTable) -> None:
        """Show the marks of a session, and those that it does not know yet."""
        if worker is self._selection.worker:
            worker.pending.change_to(layer_group.read(worker.grid))
        worker.pending.set_shown(layer_group.write(worker.grid, worker.pending.rebase(prompts)))

    # ------------------------------------------------------------------ steps

    def step(self, back: bool) -> None:
        """Undo or redo the last step, mark and mask together."""
        if self._context.running:
            self._context.report(SessionBusyError("A run is under way; stop it before you undo or redo."))
            return
        self._context.flush_wanted.emit()
        worker = self._selection.worker
        if self.elsewhere is not None and self.elsewhere.step(back):
            return
        if worker is None or (worker.session is None and not self._context.working):
            return
        if back:
            self._context.submit(lambda worker: worker.undo(), "Undoing…")
        else:
            self._context.submit(lambda worker: worker.redo(), "Redoing…")

    def undo_and_redo_reasons(self) -> tuple[str, str]:
        """Return why there is nothing to undo, and nothing to redo; empty where there is."""
        worker = self._selection.worker
        session = None if worker is None else worker.session
        coming = self._markers.isActive() or (
            worker is not None and (worker.pending or (session is None and worker.pending.shown))
        )
        other = self.elsewhere
        coming = coming or (other is not None and other.can(back=True))
        undo = coming or (session is not None and session.can_undo)
        redo = (session is not None and session.can_redo) or (other is not None and other.can(back=False))
        return "" if undo else "nothing was done yet.", "" if redo else "nothing was taken back."

    # ------------------------------------------------------------------ labels as marks

    def labels_to_take(self) -> list[tuple[str, Labels]]:
        """List the labels layers of the viewer on the grid of the image, apart from our own."""
        layer_group, worker = self._selection.layer_group, self._selection.worker
        if layer_group is None or worker is None:
            return []
        layers = [
            layer for layer in self._selection.viewer.layers if isinstance(layer, Labels) and not layer.multiscale
        ]
        shape = worker.volume.label_shape
        return [(str(x.name), x) for x in layers if x is not layer_group.labels and tuple(x.data.shape) == shape]

    def take_labels(self, request: LabelsRequest) -> None:
        """Take objects of another labels layer as masks to start from."""
        worker = self._selection.worker
        if worker is None:
            return
        shown, count = self._selection.shown_frame(), worker.grid.frame_count
        frames = [shown] if request.every is None else list(range(shown % request.every, count, request.every))
        objects = [int(request.layer.selected_label)] if request.only_selected else None
        data = request.layer.data
        self._context.submit(lambda worker: worker.take_labels(data, frames, objects), "Taking the labels…")
