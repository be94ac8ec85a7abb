"""The dock widget's controllers, wired: marks → session → labels layer, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, QTimer

from napari_sam2.core.formatting import frame_word
from napari_sam2.errors import NapariSam2Error
from napari_sam2.interaction.autosave import Autosave
from napari_sam2.interaction.loaded_model import ModelCache
from napari_sam2.interaction.preferences import Preferences
from napari_sam2.session.storage.locations import Recent
from napari_sam2.widgets.controllers.commands import commands
from napari_sam2.widgets.controllers.context import ControllerContext
from napari_sam2.widgets.controllers.contrast import ContrastSync
from napari_sam2.widgets.controllers.early_loading import EarlyLoading
from napari_sam2.widgets.controllers.editing import Editing
from napari_sam2.widgets.controllers.finishing import Finishing
from napari_sam2.widgets.controllers.further import Further
from napari_sam2.widgets.controllers.guide import Guide, GuideSources
from napari_sam2.widgets.controllers.image_selection import ImageSelection
from napari_sam2.widgets.controllers.keys import Keys
from napari_sam2.widgets.controllers.labels import LabelsDrawing
from napari_sam2.widgets.controllers.many import Many
from napari_sam2.widgets.controllers.models import Models
from napari_sam2.widgets.controllers.objects import Objects
from napari_sam2.widgets.controllers.prompting import Prompting
from napari_sam2.widgets.controllers.propagating import Propagating
from napari_sam2.widgets.controllers.proposing import Proposing
from napari_sam2.widgets.controllers.review import Review
from napari_sam2.widgets.controllers.run_estimate import RunEstimator
from napari_sam2.widgets.controllers.runs import RunController
from napari_sam2.widgets.controllers.session_files import SessionFiles
from napari_sam2.widgets.controllers.source_display import doubt_about
from napari_sam2.widgets.controllers.status import StatusLine
from napari_sam2.widgets.controllers.tools import Tools
from napari_sam2.widgets.controllers.tour import Tour
from napari_sam2.widgets.shortcuts import KeyBinder
from napari_sam2.widgets.signals import call_first
from napari_sam2.widgets.views.common import call_frames
from napari_sam2.widgets.workers import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.components import ViewerModel

    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.io.writing import DicomKind
    from napari_sam2.layers.layer_group import LayerGroup
    from napari_sam2.widgets.views.panels import Panels


class SegmentController(QObject):
    """Connects panels, layers and session.

    Parameters
    ----------
    viewer
        The napari viewer.
    panels
        The views.
    load
        ``load(name, device)`` gives a predictor; called in a worker thread.
    parent
        Owner in Qt.
    loads_early
        Whether the chosen model is loaded as soon as there is an image, before anything is marked.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        panels: Panels,
        load: Callable[[str, str], VideoPredictor],
        parent: QObject | None = None,
        *,
        loads_early: bool = False,
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.panels = panels
        # Until everything is there.
        self._flushing = True
        call_first([*vars(panels).values(), panels.session.offer], self.flush)
        self.queue = JobQueue(self, first=self.flush)
        self.runs = RunController(self)
        self.preferences, recent = Preferences(), Recent()
        self.autosave = Autosave(recent)
        self.selection = ImageSelection(viewer, panels.source, ModelCache(load), self.autosave, self)
        self._closed = False
        self._chosen_for: LayerGroup | None = None
        self._channels: tuple[int, ...] = ()
        self._frame_count = 0
        self.keys = KeyBinder({}, self.flush)
        self.tools = Tools(self.selection, panels.prompt, self.keys, lambda: self.labels.ensure_current(), self)
        self.context = ControllerContext(self.selection, self.tools, self.runs, self.queue, self)
        self.contrast = ContrastSync(self.context)
        self.editing = Editing(self.context)
        self.prompting = Prompting(self.context, self.editing, panels.prompt, lambda: self.models.unavailable_reason)
        self.labels = LabelsDrawing(self.context, self.prompting, self.editing, self.keys)
        self.status = StatusLine(self.context, self.runs, panels.header.status, lambda: self.models.short_name)
        self.objects = Objects(self.context, self.tools, panels.objects)
        self.many = Many(self.context, self.tools, panels.many)
        self.proposing = Proposing(self.context, panels.many)
        self.review = Review(self.context, panels.review)
        self.finishing = Finishing(self.context, panels.finish, self.prompting.labels_to_take)
        self.files = SessionFiles(self.context, panels.session, recent, self.autosave)
        self.run_estimator = RunEstimator(self.context, panels.run, panels.advanced)
        self.models = Models(self.context, panels.source.model, panels.advanced, self.preferences)
        self.early_loading = EarlyLoading(self.context, self.models, loads_early)
        self.propagating = Propagating(self.context, self.runs, self.labels, self.run_estimator, self.keys, panels.run)
        actions = commands(panels, self.tools, self.objects, self.prompting, self.propagating, self.review)
        self.shortcuts = Keys(self.selection, self.keys, actions, self.preferences, self)
        known = self.tools, self.models, self.propagating, self.files, self.shortcuts
        sources = GuideSources(*known, self.many, self.proposing, self.objects)
        self.guide = Guide(self.context, sources, panels.header, panels.steps, self.preferences)
        self.tour = Tour(self.context, self.tools, self.guide, panels, panels.tour)
        self._connect()
        self.further = Further(self.context, self.tools, self.prompting, self.propagating, self.labels, self.keys)
        self._flushing = False
        self.selection.refresh_images(viewer.layers.selection.active)
        self.refresh()
        if self.selection.image is None:
            self.files.look_for_sessions()

    def _connect(self) -> None:
        panels, selection, context = self.panels, self.selection, self.context
        context.changed.connect(self.refresh)
        context.flush_wanted.connect(self.flush)
        context.failed.connect(self.report)
        context.updated.connect(self.labels.apply)
        context.warned.connect(lambda text: show_warning(text))
        self.objects.visibility_changed.connect(self.labels.color)
        self.review.object_wanted.connect(self.objects.choose)
        self.files.opened.connect(self.models.show)
        self.models.pause_wanted.connect(self.run_estimator.pause)
        self.models.model_changed.connect(self.prompting.answer_waiting)
        self.early_loading.changed.connect(self.status.set_loading)
        selection.about_to_change.connect(self.flush)
        selection.changed.connect(self._on_choice)
        selection.moved.connect(self.refresh)
        self.tools.shown.connect(self._say_units_doubt)
        selection.dropped.connect(self._retire)
        selection.failed.connect(self.report)
        selection.message.connect(lambda text: show_warning(text))
        panels.run.undo_clicked.connect(lambda: self.step(back=True))
        panels.run.redo_clicked.connect(lambda: self.step(back=False))
        panels.source.preset_chosen.connect(self.contrast.choose_preset)
        panels.advanced.overlap_chosen.connect(self.objects.set_overlap)
        panels.advanced.autosave_changed.connect(self.files.set_autosave)
        self.queue.busy_changed.connect(self.status.set_busy)
        self.queue.failed.connect(self.report)
        self.runs.cancelled.connect(self.close)
        self.runs.progressed.connect(lambda *_: self.review.draw_soon())
        self.runs.progressed.connect(lambda *_: self.status.show())
        self.viewer.layers.events.removing.connect(self._on_layer_removing)
        self.viewer.layers.events.removed.connect(self._on_layer_removed)

    @property
    def busy(self) -> bool:
        """Return whether something runs, waits, or is about to begin."""
        try:
            self.objectName()
        except RuntimeError:
            return False  # Gone with its window; no worker can report any more.
        parts = self.prompting, self.contrast, self.labels, self.propagating.remaining, self.tools, self.editing
        return any(each.busy for each in (*parts, self.files, self.queue)) or self.runs.running

    def flush(self) -> None:
        """Hand over what was drawn a moment ago: it is a step of its own, before the one to come.

        Called before whatever the user asks for (keys, panels), before any work is queued, and before another image,
        axis or index is shown; an act of another kind calls it first.
        """
        if self._flushing or self._closed:
            return
        self._flushing = True
        try:
            self.contrast.flush()
            self.editing.take_strokes()
            self.prompting.flush()
        finally:
            self._flushing = False

    # ------------------------------------------------------------------ what the window asks for

    def propagate(self, direction: str) -> None:
        """Follow all objects from their marks; ``"both"``, ``"forward"`` or ``"backward"``."""
        self.propagating.propagate(direction)

    def step(self, back: bool) -> None:
        """Undo or redo the last step, mark and mask together."""
        self.prompting.step(back)

    def save(self, path: Path | str, kind: DicomKind | None = None) -> None:
        """Write the labels to a file whose suffix says the format; of DICOM, ``kind`` says which."""
        self.labels.save(path, kind)

    def _retire(self, workers: list[SessionWorker]) -> None:
        """Close sessions that are no longer wanted, with all that was drawn in them."""
        for worker in workers:
            self.propagating.forget(worker)
            try:
                for warning in worker.sync_before_closing().warnings:
                    show_warning(warning)
                self.editing.keep_waiting_strokes(worker)
            except NapariSam2Error as error:
                show_warning(str(error))
            worker.close()

    # ------------------------------------------------------------------ views

    def _on_choice(self) -> None:
        layer_group, worker = self.selection.layer_group, self.selection.worker
        turned = layer_group is not None and worker is not None and layer_group.along != (worker.grid.frame_axis or "")
        self.propagating.follow_choice(layer_group, turned)
        count = worker.grid.frame_count if worker is not None else 0
        called = frame_word(None if worker is None else worker.grid.frame_axis, 2)
        # Another time point of the same image is no other choice: object, side and range stay as they are.
        if layer_group is not self._chosen_for or turned or count != self._frame_count:
            self.panels.run.set_frame_count(count, called)
            self._frame_count = count
        if layer_group is not self._chosen_for:
            self.context.set_last_message(doubt_about(self.selection.image))
            self.tools.set_object(1)
            self.tools.set_positive(True)
        before, self._chosen_for = self._chosen_for, layer_group
        if layer_group is not None and worker is not None:
            layer_group.follow(worker.grid.frame_axis)
            self.keys.bind(layer_group.owned())
            layer_group.show_outline(worker.grid, 0, None)
            self.editing.watch()
            switched = worker.grid.channels != self._channels and layer_group is before
            self._channels = worker.grid.channels
            if switched and not turned and layer_group.labels is not None and layer_group.fits():
                self.labels.draw_all(layer_group, worker)
                self.context.set_last_message(
                    "What was made with other channels is kept: choose them again to see it. The marks count here too."
                )
            if turned and layer_group.labels is not None and layer_group.fits():
                self.labels.draw_all(layer_group, worker)
                self.context.set_last_message(
                    "Marks and masks along the other axis are kept; choose that axis again to see them."
                )
            self.labels.color()
            self.contrast.show_default()
            # Marks that stand there belong to the new session too.
            self.prompting.read_soon()
        self.files.look_for_sessions()
        self.refresh()

    def _on_layer_removing(self, event: Any) -> None:
        # Afterwards the marks and strokes on it cannot be read any more.
        layer_group, layer = self.selection.layer_group, self.viewer.layers[event.index]
        if layer_group is not None and layer in (layer_group.points, layer_group.boxes, layer_group.labels):
            self.flush()

    def _on_layer_removed(self, event: Any) -> None:
        self.keys.unbind(event.value)
        layer_group = self.selection.layer_group
        if event.value is self.runs.labels:
            self.runs.abandon("The labels layer was deleted, which ended the run; Continue brings it back.")
        if layer_group is not None and event.value in (layer_group.points, layer_group.boxes):
            self.prompting.lose_layer()
        self.refresh()

    def show_message(self, text: str) -> None:
        """Say in the status line what happened."""
        self.context.show_message(text)

    def _say_units_doubt(self) -> None:
        if self.tools.active_tool() and (doubt := self.selection.units_doubt):
            self.show_message(doubt)

    def report(self, error: Exception) -> None:
        """Show an error of ours as a sentence; let others reach napari's error dialog."""
        self.context.set_last_message("")
        self.refresh()
        if not isinstance(error, NapariSam2Error):
            raise error
        show_warning(str(error))

    def refresh(self) -> None:
        """Make lists, buttons and the status line say what is."""
        if self._closed:
            return
        worker = self.selection.worker
        refused = (
            "this image cannot be segmented; the status line says why." if self.selection.unavailable_reason else ""
        )
        no_image = "" if worker is not None else refused or "there is no image to work on; open one first."
        busy = "a run is under way; stop it first." if self.runs.running else ""
        fresh = "" if worker is not None and worker.session is not None else "nothing was done yet."
        self.panels.prompt.set_enabled(no_image)
        self.objects.refresh(no_image, busy)
        self.propagating.refresh(
            no_image, busy, self.models.unavailable_reason, *self.prompting.undo_and_redo_reasons()
        )
        self.panels.source.set_locked(busy)
        image = self.selection.image
        self.panels.source.set_presets_enabled(
            no_image or ("the colours of a picture have no window." if image is not None and image.rgb else "")
        )
        model_cache = self.selection.model_cache
        self.panels.advanced.set_model_enabled(
            fresh or busy, busy or ("" if model_cache.loaded is not None else "no model is loaded.")
        )
        self.panels.advanced.set_overlap(worker.overlap if worker is not None else "keep")
        self.files.refresh()
        self.review.refresh()
        self.finishing.refresh(no_image, busy)
        self.many.refresh(no_image, busy, self.models.unavailable_reason)
        self.run_estimator.refresh()
        self.tools.show()
        self.status.show()
        self.guide.refresh()
        axis = None if worker is None else worker.grid.frame_axis
        for panel in self.panels.that_name_frames():
            call_frames(panel, axis)

    def close(self) -> None:
        """Stop what runs, give the keys back, and take the prompt layers out of the viewer."""
        if self._closed:
            return
        # No worker is begun from here on: napari may be counting those that it has to stop.
        for queue in self.findChildren(JobQueue):
            queue.close()
        self.flush()
        self._closed = True
        self.propagating.close()
        self.contrast.close()
        self.review.close()
        self.finishing.close()
        self.many.close()
        self.proposing.close()
        self.further.close()
        self.models.close()
        self.early_loading.close()
        self.tools.close()
        self.viewer.layers.events.removing.disconnect(self._on_layer_removing)
        self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self.shortcuts.close()
        self.tour.close()
        self.selection.close()
        self.runs.abandon()
        self.run_estimator.close()
        for timer in self.findChildren(QTimer):
            timer.stop()
