"""Drawing by hand: strokes on the labels layer become edits, outlines become mask prompts."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_sam2.core.formatting import frame_word

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.core.drawings import Drawing, Stroke
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.interaction.update import Update
    from napari_sam2.layers.layer_group import LayerGroup
    from napari_sam2.widgets.controllers.context import ControllerContext


class Editing(QObject):
    """Takes strokes and outlines from the layers and hands them to the session.

    Parameters
    ----------
    context
        Knows the layers and queues the work.
    """

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._context = context
        self._selection = context.selection
        self._waiting: list[Stroke] = []
        self._strokes = QTimer(self)
        self._strokes.setSingleShot(True)
        self._strokes.timeout.connect(self.take_strokes)
        self._selection.stroke_drawn.connect(lambda: self._strokes.start(0))
        self._selection.frame_changed.connect(self.watch)
        self._selection.turned.connect(self.watch)

    @property
    def busy(self) -> bool:
        """Return whether a stroke waits to be taken."""
        return self._strokes.isActive()

    def watch(self) -> None:
        """Let the labels layer know which frame is shown, and of which session; draw on nothing but a frame."""
        layer_group, worker = self._selection.layer_group, self._selection.worker
        if layer_group is None or layer_group.stroke_recorder is None or worker is None:
            return
        frame = self._selection.shown_frame()
        layer_group.stroke_recorder.watch(frame, worker.grid.label_index(frame), worker)
        # What is painted across frames would be in the layer, but in no session.
        if layer_group.stroke_recorder.allow(self._selection.shows_frame()):
            frames = frame_word(worker.grid.frame_axis, 2)
            self._context.show_message(f"The brush needs the 2-D view of the {frames}: press D.")

    def take_strokes(self) -> None:
        """Make each stroke that is complete a step of its session."""
        self._strokes.stop()
        layer_group = self._selection.layer_group
        for stroke in (
            layer_group.stroke_recorder.take()
            if layer_group is not None and layer_group.stroke_recorder is not None
            else ()
        ):
            self._waiting.append(stroke)
            self._context.submit(partial(self._keep, stroke), "Keeping the edit…", worker=stroke.owner)

    def _keep(self, stroke: Stroke, worker: SessionWorker) -> Update:
        # Once more would change nothing, should the session be closed in this moment.
        with suppress(ValueError):
            self._waiting.remove(stroke)
        return worker.paint(stroke)

    def take_drawings(self, layer_group: LayerGroup, worker: SessionWorker) -> None:
        """Fill outlines for their objects; scribbles and lines become points, which are read as such."""
        for drawing in layer_group.take_drawings(worker.grid):
            if drawing.is_too_short:
                self._context.show_message("A line of less than a pixel says nothing: draw it from edge to edge.")
            if not drawing.is_outline:
                continue
            mask, inside = drawing.fill(worker.grid.frame_shape), self._context.positive
            self._context.submit(partial(_fill, drawing, mask, inside), "Taking the outline…")

    def keep_waiting_strokes(self, worker: SessionWorker) -> None:
        """Keep at once what was drawn and has not reached its session yet, which is about to be closed."""
        for stroke in list(self._waiting):
            if stroke.owner is worker:
                self._keep(stroke, worker)


def _fill(drawing: Drawing, mask: NDArray[np.bool_], inside: bool, worker: SessionWorker) -> Update:
    return worker.fill(drawing.obj_id, drawing.frame, mask, inside)
