"""The one place where the dock widget decides: marks → session → labels layer, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, QTimer

from napari_sam2.errors import NapariSam2Error
from napari_sam2.layers.labels import set_object_colors, write_frames
from napari_sam2.layers.prompts import changed_prompts
from napari_sam2.widgets.choices import Choices
from napari_sam2.widgets.handle import PredictorShelf
from napari_sam2.widgets.keys import KeyBinder
from napari_sam2.widgets.objects_panel import ObjectRow
from napari_sam2.widgets.runs import RunController
from napari_sam2.widgets.tools import Tools
from napari_sam2.widgets.work import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Labels
    from qtpy.QtWidgets import QLabel

    from napari_sam2.engine.predictor import VideoPredictor
    from napari_sam2.layers.workspace import Workspace
    from napari_sam2.propagation import Direction
    from napari_sam2.widgets.handle import SessionHandle, Update
    from napari_sam2.widgets.objects_panel import ObjectsPanel
    from napari_sam2.widgets.prompt_panel import PromptPanel
    from napari_sam2.widgets.run_panel import RunPanel
    from napari_sam2.widgets.source_panel import SourcePanel

# A slider that is being dragged sends many values; only the one where it rests concerns the model.
WINDOW_DELAY_MS = 250


@dataclass(frozen=True)
class Panels:
    """The views that a controller drives."""

    source: SourcePanel
    objects: ObjectsPanel
    prompt: PromptPanel
    run: RunPanel
    status: QLabel


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
        self.queue = JobQueue(self)
        self.runs = RunController(self)
        self.choices = Choices(viewer, panels.source, PredictorShelf(load), self)
        self._retired: list[SessionHandle] = []
        self._closed = False
        self._last_words = ""
        self._markers = _single_shot(self, 0, self._on_markers)
        self._window = _single_shot(self, WINDOW_DELAY_MS, self._send_window)
        self.keys = KeyBinder(
            {
                "P": lambda: self.tools.take("point"),
                "B": lambda: self.tools.take("box"),
                "T": lambda: self.tools.flip(),
                "M": self.next_object,
                "R": self.reset_object,
                "Control-Z": lambda: self.step(back=True),
                "Control-Shift-Z": lambda: self.step(back=False),
                "Escape": lambda: self.tools.put_down(),
            }
        )
        self.tools = Tools(self.choices, panels.prompt, self.keys, self)
        self._connect()
        self.keys.bind([viewer])
        self.choices.refresh_images(viewer.layers.selection.active)
        self.refresh()

    def _connect(self) -> None:
        panels, choices = self.panels, self.choices
        choices.changed.connect(self._on_choice)
        choices.markers_changed.connect(self._markers.start)
        choices.window_changed.connect(lambda *_: self._window.start())
        choices.dropped.connect(self._retire)
        choices.failed.connect(self.report)
        panels.objects.object_chosen.connect(self.choose_object)
        panels.objects.next_clicked.connect(self.next_object)
        panels.objects.reset_clicked.connect(self.reset_object)
        panels.objects.renamed.connect(self.rename_object)
        panels.run.run_clicked.connect(self.propagate)
        panels.run.stop_clicked.connect(self.runs.stop)
        panels.run.undo_clicked.connect(lambda: self.step(back=True))
        panels.run.redo_clicked.connect(lambda: self.step(back=False))
        self.queue.busy_changed.connect(self._say)
        self.queue.failed.connect(self.report)
        self.runs.progressed.connect(panels.run.set_progress)
        self.runs.finished.connect(self._on_run_finished)
        self.viewer.layers.events.removed.connect(self._on_layer_removed)

    @property
    def busy(self) -> bool:
        """Whether something runs, waits, or is about to begin."""
        return self._markers.isActive() or self._window.isActive() or self.queue.busy or self.runs.running

    # ------------------------------------------------------------------ objects

    def choose_object(self, obj: int) -> None:
        """Make the next marks belong to this object."""
        self.tools.set_object(obj)
        if self.choices.workspace is not None and self.choices.workspace.labels is not None:
            self.choices.workspace.labels.selected_label = obj

    def next_object(self) -> None:
        """Begin a new object; an object that has nothing yet is used first."""
        handle = self.choices.handle
        used = {obj for obj, _ in handle.seen} | set(handle.objects) if handle is not None else set()
        self.choose_object(max(used, default=0) + 1)
        self.tools.set_positive(True)
        self.refresh()

    def reset_object(self) -> None:
        """Remove marks and masks of the current object."""
        obj = self.tools.obj
        self._submit(lambda handle: handle.reset(obj), f"Resetting object {obj}…")

    def rename_object(self, obj: int, name: str) -> None:
        """Give an object another name."""
        if name:
            self._submit(lambda handle: handle.rename(obj, name), "Renaming…")
        self.refresh()

    # ------------------------------------------------------------------ marks and answers

    def _on_markers(self) -> None:
        workspace, handle = self.choices.workspace, self.choices.handle
        if workspace is None or handle is None:
            return
        if workspace.tidy_boxes(handle.grid):
            self._last_words = "A box has to hold at least one pixel of one slice; it was taken away."
        if not self._note_markers(workspace, handle):
            self.refresh()
            return
        preview = self.panels.prompt.preview_box.isChecked()
        text = "Computing the mask…" if handle.session is not None else f"Loading the model {handle.choice.name}…"
        self._submit(lambda h: h.sync(preview), text, key=("sync", id(handle)))

    def _note_markers(self, workspace: Workspace, handle: SessionHandle) -> bool:
        now = workspace.read(handle.grid)
        changes = changed_prompts(handle.seen, now)
        handle.seen = now
        handle.note(changes)
        return bool(changes)

    def step(self, back: bool) -> None:
        """Undo or redo the last step, mark and mask together."""
        # What was drawn a moment ago is a step of its own and must reach the session first.
        if self._markers.isActive():
            self._markers.stop()
            self._on_markers()
        handle = self.choices.handle
        if handle is None or (handle.session is None and not self.queue.busy):
            return
        self._submit(lambda h: h.step(back), "Undoing…" if back else "Redoing…")

    def _submit(self, job: Callable[[SessionHandle], Update], text: str, key: Any = None) -> None:
        workspace, handle = self.choices.workspace, self.choices.handle
        if workspace is not None and handle is not None:
            self.queue.submit(lambda: job(handle), lambda update: self._apply(workspace, handle, update), text, key)

    def _apply(self, workspace: Workspace, handle: SessionHandle, update: Update) -> None:
        for warning in update.warnings:
            show_warning(warning)
        if workspace.image not in self.viewer.layers:
            return
        if update.prompts is not None:
            workspace.write(handle.grid, update.prompts)
            handle.seen = workspace.read(handle.grid)
        if update.frames:
            labels = self._labels(workspace, handle)
            write_frames(labels, update.frames)
            labels.refresh()
        if update.outline is not None:
            workspace.show_outline(handle.grid, update.outline.frame, update.outline.window)
        elif update.prompts is not None:
            workspace.show_outline(handle.grid, 0, None)
        self._color(workspace, handle)
        self.keys.bind(workspace.owned())
        self.refresh()

    def _labels(self, workspace: Workspace, handle: SessionHandle) -> Labels:
        missing = workspace.labels is None or workspace.labels not in self.viewer.layers
        labels = workspace.ensure_labels()
        if missing and handle.session is not None:
            handle.session.labels(out=labels.data)
            self._color(workspace, handle)
        return labels

    def _color(self, workspace: Workspace, handle: SessionHandle) -> None:
        colors = {obj: info.color for obj, info in handle.objects.items()}
        if workspace.labels is not None and colors and colors != workspace.colors:
            workspace.colors = colors
            set_object_colors(workspace.labels, colors)

    # ------------------------------------------------------------------ runs

    def propagate(self, direction: str) -> None:
        """Follow all objects from their marks; ``"both"``, ``"forward"`` or ``"backward"``."""
        workspace, handle = self.choices.workspace, self.choices.handle
        if workspace is None or handle is None or self.runs.running:
            return
        self._markers.stop()
        self._note_markers(workspace, handle)
        frames = self.panels.run.frames()

        def begin(update: Update) -> None:
            self._apply(workspace, handle, update)
            if workspace.image in self.viewer.layers and not self.runs.running:
                labels = self._labels(workspace, handle)
                self.keys.bind(workspace.owned())
                self.runs.start(handle, labels, cast("Direction", direction), frames)
                self.refresh()

        self.queue.submit(lambda: handle.sync(preview=False), begin, "Preparing the run…")

    def _on_run_finished(self, handle: SessionHandle, text: str, error: Exception | None) -> None:
        self.panels.run.clear_progress()
        self._last_words = text
        for old in [h for h in self._retired if h is handle]:
            self._retired.remove(old)
            old.close()
        if self._closed:
            return
        workspace = self.choices.workspace
        if workspace is not None and handle is self.choices.handle:
            self._color(workspace, handle)
        self.refresh()
        if error is not None:
            self.report(error)

    def _retire(self, handles: list[SessionHandle]) -> None:
        """Close sessions that are no longer wanted; the one that runs is closed when its frame is done."""
        for handle in handles:
            if handle is self.runs.handle:
                self._retired.append(handle)
                self.runs.stop()
            else:
                handle.close()

    def _send_window(self) -> None:
        window = self.choices.window()
        handle = self.choices.handle
        if window is not None and handle is not None and window != handle.window:
            low, high = window
            self._submit(lambda h: h.set_window(low, high), "Setting the window…", key=("window", id(handle)))

    # ------------------------------------------------------------------ saving

    def save(self, path: Path | str) -> None:
        """Write the labels to a file whose suffix says the format."""
        workspace, handle = self.choices.workspace, self.choices.handle
        if workspace is None or handle is None or workspace.labels is None:
            return
        data, volume = workspace.labels.data.copy(), handle.volume

        def write() -> str:
            import napari_sam2

            napari_sam2.write_labels(path, data, volume)
            return f"Saved {path}."

        self.queue.submit(write, self._saved, "Saving…")

    def _saved(self, text: str) -> None:
        self._last_words = text
        self.refresh()

    # ------------------------------------------------------------------ views

    def _on_choice(self) -> None:
        workspace, handle = self.choices.workspace, self.choices.handle
        if self.runs.running and self.runs.handle is not handle:
            self.runs.stop()
        called = "frames" if handle is not None and handle.grid.frame_axis == "t" else "slices"
        self.panels.run.set_frame_count(handle.grid.frame_count if handle is not None else 0, called)
        self.tools.set_object(1)
        self.tools.set_positive(True)
        if workspace is not None and handle is not None:
            self.keys.bind(workspace.owned())
            workspace.show_outline(handle.grid, 0, None)
            # Marks that stand there belong to the new session too.
            self._markers.start()
        self.refresh()

    def _on_layer_removed(self, event: Any) -> None:
        self.keys.unbind(event.value)
        workspace = self.choices.workspace
        if workspace is not None and event.value in (workspace.points, workspace.boxes):
            self._markers.start()
        self.refresh()

    def _say(self, text: str) -> None:
        self.panels.status.setText(text or self._summary())

    def report(self, error: Exception) -> None:
        """Show an error of ours as a sentence; let others reach napari's error dialog."""
        self.refresh()
        if not isinstance(error, NapariSam2Error):
            raise error
        show_warning(str(error))

    def refresh(self) -> None:
        """Make lists, buttons and the status line say what is."""
        if self._closed:
            return
        workspace, handle = self.choices.workspace, self.choices.handle
        rows = [ObjectRow(i, o.name, o.color, o.state, o.frames) for i, o in handle.objects.items()] if handle else []
        if self.tools.obj not in {row.obj_id for row in rows}:
            rows.append(ObjectRow(self.tools.obj, f"object {self.tools.obj}", (0.5, 0.5, 0.5), "empty", 0))
        self.panels.objects.set_objects(rows, self.tools.obj)
        no_image = "" if handle is not None else "there is no image to work on; open one first."
        busy = "a run is under way; stop it first." if self.runs.running else ""
        run_why = no_image or busy
        if handle is not None and not run_why:
            if handle.grid.frame_count < 2:
                run_why = "a single picture has no other slices; its mask is there already."
            elif not handle.seen:
                run_why = "nothing is marked yet; place a point or a box first."
        fresh = "" if handle is not None and handle.session is not None else "nothing was done yet."
        unsaved = "" if workspace is not None and workspace.labels is not None else "there are no labels yet."
        self.panels.prompt.set_enabled(no_image)
        self.panels.objects.set_enabled(no_image, no_image or busy or fresh)
        stop_why = "" if self.runs.running else "nothing runs."
        self.panels.run.set_enabled(run_why, stop_why, no_image or busy or fresh, no_image or unsaved)
        self.panels.source.set_locked(busy)
        self.tools.show()
        self._say("")

    def _summary(self) -> str:
        handle = self.choices.handle
        if handle is None:
            return "Open an image to begin: File ▸ Open, or File ▸ Open Sample ▸ SAM 2."
        device = handle.choice.device
        if handle.session is not None:
            device = str(getattr(handle.session.predictor, "device", device))
        count = len(handle.objects)
        parts = [handle.choice.name, device, f"{count} object{'' if count == 1 else 's'}", self._last_words]
        return " · ".join(p for p in parts if p)

    def close(self) -> None:
        """Stop what runs, give the keys back, and take the prompt layers out of the viewer."""
        if self._closed:
            return
        self._closed = True
        self._markers.stop()
        self._window.stop()
        self.queue.close()
        self.tools.close()
        self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self.keys.unbind_all()
        self.runs.stop()
        self.choices.close()


def _single_shot(parent: QObject, milliseconds: int, then: Callable[[], None]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(then)
    return timer
