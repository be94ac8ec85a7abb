"""The labels layer: masks as they come, in the colours of their objects; and its way into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_sam2.errors import WriteError
from napari_sam2.layers.labels import set_object_colors

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Labels

    from napari_sam2.interaction.session_worker import SessionHandle, Update
    from napari_sam2.layers.layer_group import Workspace
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
        self._choices = context.selection
        self._prompting = prompting
        self._editing = editing
        self._keys = keys

    def apply(self, workspace: Workspace, handle: SessionHandle, update: Update) -> None:
        """Draw what came of a piece of work."""
        for warning in update.warnings:
            self._context.warned.emit(warning)
        if workspace.image not in self._choices.viewer.layers:
            return
        # Masks along another axis than the one that is followed now wait until it is chosen again.
        seen = workspace.along == (handle.grid.frame_axis or "")
        if update.prompts is not None:
            self._prompting.show(workspace, handle, update.prompts)
        if update.frames and seen:
            self.ensure(workspace, handle)
            workspace.write_frames(update.frames)
        if update.outline is not None and seen:
            workspace.show_outline(handle.grid, update.outline.frame, update.outline.window)
        elif update.prompts is not None and seen:
            workspace.show_outline(handle.grid, 0, None)
        if handle is self._choices.handle:
            self.color()
        self._keys.bind(workspace.owned())
        self._context.changed.emit()

    def ensure(self, workspace: Workspace, handle: SessionHandle) -> Labels:
        """Return the labels layer, made and drawn anew where it is missing."""
        missing = workspace.labels is None or workspace.labels not in self._choices.viewer.layers
        labels = workspace.ensure_labels()
        if missing:
            self.draw_all(workspace, handle)
            labels.selected_label = self._context.current_object
            self._editing.watch()
            self.color()
        return labels

    def ensure_current(self) -> None:
        """Make the labels layer of the current image, where it is missing."""
        workspace, handle = self._choices.workspace, self._choices.handle
        if workspace is not None and handle is not None:
            self.ensure(workspace, handle)

    def draw_all(self, workspace: Workspace, handle: SessionHandle) -> None:
        """Show the masks of every session along the axis that is followed; of a 4-D image there are several."""
        handles = self._choices.siblings() if workspace is self._choices.workspace else [handle]
        sessions = [h.session for h in handles if h.session is not None]
        workspace.redraw(lambda data: [session.labels(out=data) for session in sessions])

    def color(self) -> None:
        """Draw the objects in their colours, hidden ones not at all."""
        workspace, handle = self._choices.workspace, self._choices.handle
        if workspace is None or handle is None or workspace.labels is None:
            return
        look = {obj: (*info.color, float(obj not in workspace.hidden)) for obj, info in handle.objects.items()}
        if look and look != workspace.look:
            workspace.look = look
            set_object_colors(workspace.labels, look)

    def save(self, path: Path | str) -> None:
        """Write the labels to a file whose suffix says the format."""
        workspace, handle = self._choices.workspace, self._choices.handle
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

        self._context.remember("")
        self._context.queue(write, self._context.say, "Saving…")
