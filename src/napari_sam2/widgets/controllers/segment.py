"""The one place where the dock widget decides: marks → session → labels layer, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, QTimer

from napari_sam2.core.formatting import frame_word
from napari_sam2.errors import NapariSam2Error, SessionBusyError, WriteError
from napari_sam2.interaction.autosave import Autosave
from napari_sam2.interaction.loaded_model import PredictorShelf
from napari_sam2.layers.labels import set_object_colors
from napari_sam2.layers.prompts import changed_prompts
from napari_sam2.session.storage.locations import Recent
from napari_sam2.widgets.controllers.contrast import GreyWindow
from napari_sam2.widgets.controllers.editing import Editing
from napari_sam2.widgets.controllers.image_selection import Choices
from napari_sam2.widgets.controllers.models import Models
from napari_sam2.widgets.controllers.objects import Objects
from napari_sam2.widgets.controllers.review import Review
from napari_sam2.widgets.controllers.run_estimate import Foresight
from napari_sam2.widgets.controllers.runs import RunController
from napari_sam2.widgets.controllers.session_files import SessionFiles
from napari_sam2.widgets.controllers.tools import Tools
from napari_sam2.widgets.shortcuts import KeyBinder
from napari_sam2.widgets.signals import call_first
from napari_sam2.widgets.views.common import call_frames
from napari_sam2.widgets.workers import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.interaction.session_worker import SessionHandle, Update
    from napari_sam2.layers.layer_group import Workspace
    from napari_sam2.session.propagation import Direction
    from napari_sam2.widgets.views.labels_dialog import LabelsWish
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
    """

    def __init__(
        self,
        viewer: ViewerModel,
        panels: Panels,
        load: Callable[[str, str], VideoPredictor],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.panels = panels
        # Until everything is there.
        self._flushing = True
        call_first([*vars(panels).values(), panels.session.offer], self.flush)
        self.queue = JobQueue(self, first=self.flush)
        self.runs = RunController(self)
        recent = Recent()
        self.autosave = Autosave(recent)
        self.choices = Choices(viewer, panels.source, PredictorShelf(load), self.autosave, self)
        self._closed = False
        self._stopped: set[int] = set()
        self._chosen_for: Workspace | None = None
        self._last_words = ""
        self._busy_with = ""
        self._markers = QTimer(self)
        self._markers.setSingleShot(True)
        self._markers.timeout.connect(self._on_markers)
        # Marks that went with their layer; not flushed, because the image may be on its way out as well.
        self._lost_layer = QTimer(self)
        self._lost_layer.setSingleShot(True)
        self._lost_layer.timeout.connect(self._on_markers)
        self.keys = KeyBinder(
            {
                "P": lambda: self.tools.take("point"),
                "B": lambda: self.tools.take("box"),
                "T": lambda: self.tools.flip(),
                "M": lambda: self.objects.add(),
                "R": lambda: self.objects.reset(),
                "S": self.answer,
                "Shift-S": lambda: self.propagate("both"),
                "L": lambda: self.review.toggle_lock(),
                "N": lambda: self.review.next_doubtful(),
                "Q": lambda: self.objects.step(-1),
                "W": lambda: self.objects.step(1),
                "V": lambda: self.objects.toggle_labels(),
                "Control-Z": lambda: self.step(back=True),
                "Control-Shift-Z": lambda: self.step(back=False),
                "Escape": lambda: self.tools.put_down(),
            },
            self.flush,
        )
        self.tools = Tools(self.choices, panels.prompt, self.keys, self._current_labels, self)
        self.window = GreyWindow(self)
        self.editing = Editing(self)
        self.objects = Objects(self, panels.objects)
        self.review = Review(self, panels.review)
        self.files = SessionFiles(self, panels.session, recent, self.autosave)
        self.foresight = Foresight(self)
        self.models = Models(self, panels.source.model, panels.advanced)
        self._connect()
        self._flushing = False
        self.keys.bind([viewer])
        self.choices.refresh_images(viewer.layers.selection.active)
        self.refresh()
        if self.choices.image is None:
            self.files.look_around()

    def _connect(self) -> None:
        panels, choices = self.panels, self.choices
        choices.about_to_change.connect(self.flush)
        choices.changed.connect(self._on_choice)
        choices.markers_changed.connect(self._markers.start)
        choices.dropped.connect(self._retire)
        choices.failed.connect(self.report)
        choices.told.connect(lambda text: show_warning(text))
        panels.run.run_clicked.connect(self.propagate)
        panels.run.stop_clicked.connect(self.runs.stop)
        panels.run.undo_clicked.connect(lambda: self.step(back=True))
        panels.run.redo_clicked.connect(lambda: self.step(back=False))
        panels.advanced.overlap_chosen.connect(self.objects.set_overlap)
        panels.advanced.autosave_changed.connect(self.set_autosave)
        self.queue.busy_changed.connect(self._on_busy)
        self.queue.failed.connect(self.report)
        self.runs.cancelled.connect(self.close)
        self.runs.progressed.connect(panels.run.set_progress)
        self.runs.progressed.connect(lambda *_: self.review.tick())
        self.runs.progressed.connect(lambda *_: self._show_status())
        self.runs.finished.connect(self._on_run_finished)
        self.viewer.layers.events.removing.connect(self._on_layer_removing)
        self.viewer.layers.events.removed.connect(self._on_layer_removed)

    @property
    def busy(self) -> bool:
        """Whether something runs, waits, or is about to begin."""
        try:
            self.objectName()
        except RuntimeError:
            return False  # Gone with its window; no worker can report any more.
        waits = self._markers.isActive() or self._lost_layer.isActive() or self.window.busy
        waits = waits or self.editing.busy or self.files.busy
        return waits or self.queue.busy or self.runs.running

    # ------------------------------------------------------------------ marks and answers

    def _on_markers(self) -> None:
        workspace, handle = self.choices.workspace, self.choices.handle
        if workspace is None or handle is None:
            return
        bad_box = workspace.tidy_boxes(handle.grid)
        self.editing.take_drawings(workspace, handle)
        bad_point = workspace.tidy_points(handle.grid)
        self._note_markers(workspace, handle)
        # Also those that were noted while a result was being drawn.
        self.answer_waiting_marks()
        if bad_box:
            word = frame_word(handle.grid.frame_axis)
            self.say(f"A box has to hold at least one pixel of one {word}; it was taken away.")
        elif bad_point:
            self.say("A point has to lie inside the image; it was taken away.")
        else:
            self.refresh()

    def answer_waiting_marks(self) -> None:
        """Tell the session of marks that it does not know yet, and show their masks."""
        handle = self.choices.handle
        if handle is None or not handle.waits:
            return
        if self.models.why_not:
            self.say(f"Marks are kept, but {self.models.why_not}")
            return
        preview, noted = self.panels.prompt.preview_box.isChecked(), handle.noted
        self.submit(lambda h: h.sync(preview, noted), self._computing(), key=("sync", id(handle)))

    def _computing(self) -> str:
        shelf = self.choices.shelf
        return "Computing the mask…" if shelf.is_ready else f"Loading the model {shelf.choice.name}…"

    def _note_markers(self, workspace: Workspace, handle: SessionHandle) -> bool:
        now = workspace.read(handle.grid)
        changes = changed_prompts(handle.seen, now)
        handle.note(changes)
        return bool(changes)

    def flush(self) -> None:
        """Hand over what was drawn a moment ago: it is a step of its own, before the one to come.

        Called before whatever the user asks for (keys, panels), before any work is queued, and before another image,
        axis or index is shown; an act of another kind calls it first.
        """
        if self._flushing or self._closed:
            return
        self._flushing = True
        try:
            self.window.flush()
            self.editing.take_strokes()
            if self._markers.isActive():
                self._markers.stop()
                self._on_markers()
        finally:
            self._flushing = False

    def answer(self) -> None:
        """Show the masks of the objects that are marked on the shown slice."""
        frame = self.choices.shown_frame()
        self.submit(lambda h: h.answer(frame), self._computing())

    def step(self, back: bool) -> None:
        """Undo or redo the last step, mark and mask together."""
        if self.runs.running:
            self.report(SessionBusyError("A run is under way; stop it before you undo or redo."))
            return
        self.flush()
        handle = self.choices.handle
        if handle is None or (handle.session is None and not self.queue.busy):
            return
        self.submit(lambda h: h.step(back), "Undoing…" if back else "Redoing…")

    def take_labels(self, wish: LabelsWish) -> None:
        """Take objects of another labels layer as masks to start from."""
        handle = self.choices.handle
        if handle is None:
            return
        shown, count = self.choices.shown_frame(), handle.grid.frame_count
        frames = [shown] if wish.every is None else list(range(shown % wish.every, count, wish.every))
        objects = [int(wish.layer.selected_label)] if wish.only_selected else None
        data = wish.layer.data
        self.submit(lambda h: h.take_labels(data, frames, objects), "Taking the labels…")

    def labels_to_take(self) -> list[tuple[str, Labels]]:
        """Labels layers of the viewer on the grid of the image, but for ours."""
        from napari.layers import Labels

        workspace, handle = self.choices.workspace, self.choices.handle
        if workspace is None or handle is None:
            return []
        layers = [layer for layer in self.viewer.layers if isinstance(layer, Labels) and not layer.multiscale]
        shape = handle.volume.label_shape
        return [(str(x.name), x) for x in layers if x is not workspace.labels and tuple(x.data.shape) == shape]

    # ------------------------------------------------------------------ work and what comes of it

    def submit(
        self,
        job: Callable[[SessionHandle], Update],
        text: str,
        key: Any = None,
        handle: SessionHandle | None = None,
        keep_words: bool = False,
    ) -> None:
        """Let a worker do something with a session, the current one by default, and draw what comes of it.

        What the status line says of the act before is old news then, unless it is to be kept.
        """
        workspace, handle = self.choices.workspace, handle or self.choices.handle
        if workspace is None or handle is None:
            return

        if not keep_words:
            self._last_words = ""

        def work() -> Update | None:
            try:
                return None if handle.closed else job(handle)
            except SessionBusyError:
                if handle.closed:
                    return None  # The image was removed meanwhile.
                raise

        def done(update: Update | None) -> None:
            if update is not None:
                self.apply(workspace, handle, update)

        self.queue.submit(work, done, text, key)

    def apply(self, workspace: Workspace, handle: SessionHandle, update: Update) -> None:
        """Draw what came of a piece of work."""
        for warning in update.warnings:
            show_warning(warning)
        if workspace.image not in self.viewer.layers:
            return
        # Masks along another axis than the one that is followed now wait until it is chosen again.
        seen = workspace.along == (handle.grid.frame_axis or "")
        if update.prompts is not None:
            if handle is self.choices.handle:
                self._note_markers(workspace, handle)
            workspace.write(handle.grid, handle.with_pending(update.prompts))
            handle.seen = workspace.read(handle.grid)
        if update.frames and seen:
            self._labels(workspace, handle)
            workspace.write_frames(update.frames)
        if update.outline is not None and seen:
            workspace.show_outline(handle.grid, update.outline.frame, update.outline.window)
        elif update.prompts is not None and seen:
            workspace.show_outline(handle.grid, 0, None)
        if handle is self.choices.handle:
            self.color()
        self.keys.bind(workspace.owned())
        self.refresh()

    def _labels(self, workspace: Workspace, handle: SessionHandle) -> Labels:
        missing = workspace.labels is None or workspace.labels not in self.viewer.layers
        labels = workspace.ensure_labels()
        if missing:
            self._draw_all(workspace, handle)
            labels.selected_label = self.tools.obj
            self.editing.watch()
            self.color()
        return labels

    def _draw_all(self, workspace: Workspace, handle: SessionHandle) -> None:
        """Show the masks of every session along the axis that is followed; of a 4-D image there are several."""
        handles = self.choices.siblings() if workspace is self.choices.workspace else [handle]
        sessions = [h.session for h in handles if h.session is not None]
        workspace.redraw(lambda data: [session.labels(out=data) for session in sessions])

    def _current_labels(self) -> None:
        workspace, handle = self.choices.workspace, self.choices.handle
        if workspace is not None and handle is not None:
            self._labels(workspace, handle)

    def color(self) -> None:
        """Draw the objects in their colours, hidden ones not at all."""
        workspace, handle = self.choices.workspace, self.choices.handle
        if workspace is None or handle is None or workspace.labels is None:
            return
        look = {obj: (*info.color, float(obj not in workspace.hidden)) for obj, info in handle.objects.items()}
        if look and look != workspace.look:
            workspace.look = look
            set_object_colors(workspace.labels, look)

    # ------------------------------------------------------------------ runs

    def propagate(self, direction: str) -> None:
        """Follow all objects from their marks; ``"both"``, ``"forward"`` or ``"backward"``."""
        workspace, handle = self.choices.workspace, self.choices.handle
        if workspace is None or handle is None or self.runs.running:
            return
        self.flush()
        frames, noted = self.panels.run.frames(), handle.noted

        def begin(update: Update) -> None:
            self.apply(workspace, handle, update)
            here = workspace.image in self.viewer.layers and workspace.along == (handle.grid.frame_axis or "")
            if here and not self.runs.running:
                self._labels(workspace, handle)
                self.keys.bind(workspace.owned())
                assert workspace.painting is not None
                self.runs.start(handle, workspace.painting, cast("Direction", direction), frames)
                self.refresh()

        def prepare() -> Update:
            update = handle.sync(preview=False, noted=noted)
            self.foresight.apply(handle)
            return update

        self.foresight.pause()
        self._last_words = ""
        self.queue.submit(prepare, begin, "Preparing the run…")

    def _on_run_finished(self, handle: SessionHandle, text: str, error: Exception | None, stopped: bool) -> None:
        self.panels.run.clear_progress()
        self._last_words = text
        (self._stopped.add if stopped else self._stopped.discard)(id(handle))
        if self._closed:
            return
        for note in self.choices.shelf.news():
            show_warning(note)
        self.color()
        self.refresh()
        if error is not None:
            self.report(error)

    def _retire(self, handles: list[SessionHandle]) -> None:
        """Close sessions that are no longer wanted, with all that was drawn in them."""
        for handle in handles:
            self._stopped.discard(id(handle))
            if handle is self.runs.handle:
                self.runs.abandon()
            try:
                for warning in handle.tell_the_rest().warnings:
                    show_warning(warning)
                self.editing.keep_the_rest(handle)
            except NapariSam2Error as error:
                show_warning(str(error))
            handle.close()

    # ------------------------------------------------------------------ saving

    def save(self, path: Path | str) -> None:
        """Write the labels to a file whose suffix says the format."""
        workspace, handle = self.choices.workspace, self.choices.handle
        if workspace is None or handle is None:
            return
        volume = handle.volume

        def write() -> str:
            import napari_sam2

            # Only now: what was asked for before may have made, or changed, them.
            if workspace.painting is None:
                raise WriteError(f"{path} was not written: there are no labels yet. Mark an object first.")
            napari_sam2.write_labels(path, workspace.painting.array.copy(), volume)
            return f"Saved {path}."

        self._last_words = ""
        self.queue.submit(write, self.say, "Saving…")

    def set_autosave(self, on: bool) -> None:
        """Say whether sessions get a file by themselves; one that has a file keeps it."""
        self.autosave.on = on
        self.files.refresh()

    # ------------------------------------------------------------------ views

    def _on_choice(self) -> None:
        workspace, handle = self.choices.workspace, self.choices.handle
        turned = workspace is not None and handle is not None and workspace.along != (handle.grid.frame_axis or "")
        running = self.runs.handle
        if running is not None and running not in self.choices.siblings():
            # The labels layer of this image shows another axis from now on; that of another image still shows the run.
            if turned and workspace is not None and self.runs.labels is workspace.labels:
                self.runs.abandon()
            else:
                self.runs.stop()
        count = handle.grid.frame_count if handle is not None else 0
        called = frame_word(None if handle is None else handle.grid.frame_axis, 2)
        # Another time point of the same image is no other choice: object, side and range stay as they are.
        if workspace is not self._chosen_for or turned:
            self.panels.run.set_frame_count(count, called)
        if workspace is not self._chosen_for:
            self._last_words = self.choices.doubt
            self.tools.set_object(1)
            self.tools.set_positive(True)
        self._chosen_for = workspace
        if workspace is not None and handle is not None:
            workspace.follow(handle.grid.frame_axis)
            self.keys.bind(workspace.owned())
            workspace.show_outline(handle.grid, 0, None)
            self.editing.watch()
            if turned and workspace.labels is not None and workspace.fits():
                self._draw_all(workspace, handle)
                self._last_words = "Marks and masks along the other axis are kept; choose that axis again to see them."
            self.color()
            self.window.show_default()
            # Marks that stand there belong to the new session too.
            self._markers.start()
        self.files.look_around()
        self.refresh()

    def _on_layer_removing(self, event: Any) -> None:
        # Afterwards the marks and strokes on it cannot be read any more.
        workspace, layer = self.choices.workspace, self.viewer.layers[event.index]
        if workspace is not None and layer in (workspace.points, workspace.boxes, workspace.labels):
            self.flush()

    def _on_layer_removed(self, event: Any) -> None:
        self.keys.unbind(event.value)
        workspace = self.choices.workspace
        if event.value is self.runs.labels:
            self.runs.abandon("The labels layer was deleted, which ended the run; Continue brings it back.")
        if workspace is not None and event.value in (workspace.points, workspace.boxes):
            self._lost_layer.start()
        self.refresh()

    def say(self, text: str) -> None:
        """Say in the status line what happened."""
        self._last_words = text
        self.refresh()

    def _on_busy(self, text: str) -> None:
        self._busy_with = text
        self._show_status()

    def report(self, error: Exception) -> None:
        """Show an error of ours as a sentence; let others reach napari's error dialog."""
        self._last_words = ""
        self.refresh()
        if not isinstance(error, NapariSam2Error):
            raise error
        show_warning(str(error))

    def refresh(self) -> None:
        """Make lists, buttons and the status line say what is."""
        if self._closed:
            return
        workspace, handle = self.choices.workspace, self.choices.handle
        refused = "this image cannot be segmented; the status line says why." if self.choices.why_not else ""
        no_image = "" if handle is not None else refused or "there is no image to work on; open one first."
        busy = "a run is under way; stop it first." if self.runs.running else ""
        run_why = no_image or busy or self.models.why_not
        if handle is not None and not run_why:
            if handle.grid.frame_count < 2:
                run_why = f"there is no other {frame_word(handle.grid.frame_axis)}; the mask is there already."
            elif not handle.seen and not any(o.prompts or o.frames for o in handle.objects.values()):
                run_why = "nothing is marked yet; place a point or a box first."
        fresh = "" if handle is not None and handle.session is not None else "nothing was done yet."
        unsaved = "" if workspace is not None and workspace.labels is not None else "there are no labels yet."
        self.panels.prompt.set_enabled(no_image)
        self.objects.refresh(no_image, busy)
        stop_why = "" if self.runs.running else "nothing runs."
        undo_why, redo_why = (no_image or busy or why for why in self._why_no_steps(handle))
        self.panels.run.set_enabled(run_why, stop_why, undo_why, redo_why, no_image or unsaved)
        self.panels.run.set_continuing(handle is not None and id(handle) in self._stopped)
        self.panels.source.set_locked(busy)
        shelf = self.choices.shelf
        self.panels.advanced.set_model_enabled(
            fresh or busy, busy or ("" if shelf.loaded is not None else "no model is loaded.")
        )
        self.panels.advanced.set_overlap(handle.overlap if handle is not None else "keep")
        self.files.refresh()
        self.review.refresh()
        self.foresight.refresh()
        self.tools.show()
        self._show_status()
        axis = None if handle is None else handle.grid.frame_axis
        for panel in (self.panels.source.axis_box, self.panels.prompt, self.panels.run, self.panels.advanced):
            call_frames(panel, axis)

    def _why_no_steps(self, handle: SessionHandle | None) -> tuple[str, str]:
        """Why there is nothing to undo, and nothing to redo; empty where there is."""
        session = None if handle is None else handle.session
        coming = self._markers.isActive() or (
            handle is not None and (handle.waits or (session is None and handle.seen))
        )
        undo = coming or (session is not None and session.can_undo)
        redo = session is not None and session.can_redo
        return "" if undo else "nothing was done yet.", "" if redo else "nothing was taken back."

    def _show_status(self) -> None:
        """Say what is going on now; where nothing is, what happened last."""
        now = " · ".join(text for text in (self.runs.status, self._busy_with) if text)
        self.panels.status.setText(now or self._summary())

    def _summary(self) -> str:
        handle = self.choices.handle
        if handle is None and self.choices.why_not:
            return self.choices.why_not
        if handle is None:
            return "Open an image to begin: File ▸ Open, or File ▸ Open Sample ▸ SAM 2."
        shelf = self.choices.shelf
        loaded = shelf.loaded if shelf.is_ready else None
        device = shelf.choice.device if loaded is None else loaded.device
        count = len(handle.objects)
        parts = [Path(shelf.choice.name).name, device, f"{count} object{'' if count == 1 else 's'}", self._last_words]
        return " · ".join(p for p in parts if p)

    def close(self) -> None:
        """Stop what runs, give the keys back, and take the prompt layers out of the viewer."""
        if self._closed:
            return
        # No worker is begun from here on: napari may be counting those that it has to stop.
        for queue in self.findChildren(JobQueue):
            queue.close()
        self.flush()
        self._closed = True
        self.window.close()
        self.review.close()
        self.models.close()
        self.tools.close()
        self.viewer.layers.events.removing.disconnect(self._on_layer_removing)
        self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self.keys.unbind_all()
        self.choices.close()
        self.runs.abandon()
        self.foresight.close()
        for timer in self.findChildren(QTimer):
            timer.stop()
