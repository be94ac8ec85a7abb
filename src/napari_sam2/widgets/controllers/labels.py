"""The labels layer: masks as they come, in the colours of their objects; and its way into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_sam2.errors import WriteError
from napari_sam2.interaction.update import draw_frames, masked_frames
from napari_sam2.layers.label_table import label_names
from napari_sam2.layers.labels import write_frames
from napari_sam2.layers.mask_target import claim
from napari_sam2.widgets.controllers.session_target import SessionTarget

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Labels

    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.interaction.update import Outline, Update
    from napari_sam2.io.writing import DicomKind
    from napari_sam2.layers.layer_group import LayerGroup
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.editing import Editing
    from napari_sam2.widgets.controllers.prompting import Prompting
    from napari_sam2.widgets.shortcuts import KeyBinder


class LabelsDrawing(QObject):
    """Draws what came of a piece of work, and saves what is drawn.

    Parameters
    ----------
    context
        Knows the layers and queues the work.
    prompting
        Shows the marks.
    editing
        Listens to the brush on a labels layer that was made.
    keys
        Bound on the layers that were made.
    """

    def __init__(self, context: ControllerContext, prompting: Prompting, editing: Editing, keys: KeyBinder) -> None:
        super().__init__(context)
        self._context = context
        self._selection = context.selection
        self._prompting = prompting
        self._editing = editing
        self._keys = keys
        self._outline: tuple[LayerGroup, SessionWorker, Outline] | None = None
        # The layer of the outline takes napari as long as that of the labels: the window answers in between.
        self._first_outline = QTimer(self)
        self._first_outline.setSingleShot(True)
        self._first_outline.timeout.connect(self._draw_first_outline)

    @property
    def busy(self) -> bool:
        """Return whether something is about to be drawn."""
        return self._first_outline.isActive()

    def apply(self, layer_group: LayerGroup, worker: SessionWorker, update: Update) -> None:
        """Draw what came of a piece of work."""
        for warning in update.warnings:
            self._context.warned.emit(warning)
        if layer_group.image not in self._selection.viewer.layers:
            return
        # Masks along another axis than the one that is followed now wait until it is chosen again.
        seen = layer_group.along == (worker.grid.frame_axis or "")
        if update.prompts is not None:
            self._prompting.show(layer_group, worker, update.prompts)
        if update.frames and seen:
            self.ensure(layer_group, worker)
            layer_group.write_frames(update.frames)
        if update.outline is not None or update.prompts is not None:
            self._outline = None  # What waits is old.
        if update.outline is not None and seen and layer_group.outline is None:
            self._outline = layer_group, worker, update.outline
            self._first_outline.start()
        elif update.outline is not None and seen:
            layer_group.show_outline(worker.grid, update.outline.frame, update.outline.window)
        elif update.prompts is not None and seen:
            layer_group.show_outline(worker.grid, 0, None)
        if worker is self._selection.worker:
            self.color()
        self._keys.bind(layer_group.owned())
        if layer_group.labels is not None:
            # The session keeps the names of the objects: a list of them elsewhere is to be read anew.
            layer_group.labels.events.features()
        self._context.changed.emit()

    def _draw_first_outline(self) -> None:
        waiting, self._outline = self._outline, None
        if waiting is None:
            return
        layer_group, worker, outline = waiting
        # Another image or axis may have been chosen in the meantime.
        if worker is self._selection.worker and layer_group.image in self._selection.viewer.layers:
            layer_group.show_outline(worker.grid, outline.frame, outline.window)
            self._keys.bind(layer_group.owned())

    def ensure(self, layer_group: LayerGroup, worker: SessionWorker) -> Labels:
        """Return the labels layer, made and drawn anew where it is missing."""
        missing = layer_group.labels is None or layer_group.labels not in self._selection.viewer.layers
        layer_group.label_place.session_file = None if worker.session is None else worker.session.path
        labels = layer_group.ensure_labels()
        if missing:
            claim(labels, SessionTarget(self._context, layer_group))
            self.draw_all(layer_group, worker)
            labels.selected_label = self._context.current_object
            self._editing.watch()
            self.color()
        return labels

    def ensure_current(self) -> None:
        """Make the labels layer of the current image, where it is missing."""
        layer_group, worker = self._selection.layer_group, self._selection.worker
        if layer_group is not None and worker is not None:
            self.ensure(layer_group, worker)

    def draw_all(self, layer_group: LayerGroup, worker: SessionWorker) -> None:
        """Show the masks of every session along the axis that is followed; of a 4-D image there are several."""
        workers = self._selection.siblings() if layer_group is self._selection.layer_group else [worker]
        sessions = [worker.session for worker in workers if worker.session is not None]

        def fill(data: Any) -> None:
            # Frames without a mask are empty already: of thousands on disk, none is written for nothing.
            for session in sessions:
                write_frames(data, draw_frames(session, masked_frames(session)))

        layer_group.redraw(fill)

    def color(self) -> None:
        """Draw the objects in their colours, hidden ones not at all."""
        layer_group, worker = self._selection.layer_group, self._selection.worker
        if layer_group is not None and worker is not None:
            colors = {obj_id: info.color for obj_id, info in worker.objects.items()}
            layer_group.style(colors)
            # Of a 4-D image, an object that is hidden may be at other time points only.
            layer_group.colors.keep(obj_id for each in self._selection.workers() for obj_id in each.objects)
            if layer_group.labels is not None:
                layer_group.colors.draw(layer_group.labels, colors)

    def save(self, path: Path | str, kind: DicomKind | None = None) -> None:
        """Write the labels to a file whose suffix says the format; of DICOM, ``kind`` says which."""
        layer_group, worker = self._selection.layer_group, self._selection.worker
        if layer_group is None or worker is None:
            return
        volume, objects = worker.volume, dict(worker.objects)
        # A name in the layer's table was given last; a number alone is no name.
        names = {i: o.name for i, o in objects.items() if o.name != f"object {i}"}
        if layer_group.labels is not None:
            names |= label_names(layer_group.labels)
        colors = {i: o.color for i, o in objects.items()}

        def write() -> str:
            import napari_sam2

            # Only now: what was asked for before may have made, or changed, them.
            if layer_group.stroke_recorder is None:
                raise WriteError(f"{path} was not written: there are no labels yet. Mark an object first.")
            labels = layer_group.stroke_recorder.array.copy()
            napari_sam2.write_labels(path, labels, volume, names, kind=kind, colors=colors if kind else None)
            return f"Saved {path}."

        self._context.set_last_message("")
        self._context.queue(write, self._context.show_message, "Saving…")
