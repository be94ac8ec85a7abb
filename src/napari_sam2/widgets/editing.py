"""What the user draws by hand: strokes on the labels layer become edits, outlines become mask prompts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari_sam2.layers.workspace import Workspace
    from napari_sam2.widgets.controller import SegmentController
    from napari_sam2.widgets.handle import SessionHandle


class Editing(QObject):
    """Takes strokes and outlines from the layers and hands them to the session.

    Parameters
    ----------
    controller
        Knows the layers and queues the work.
    """

    def __init__(self, controller: SegmentController) -> None:
        super().__init__(controller)
        self._controller = controller
        self._choices = controller.choices
        self._strokes = QTimer(self)
        self._strokes.setSingleShot(True)
        self._strokes.timeout.connect(self.take_strokes)
        self._choices.stroke_drawn.connect(lambda: self._strokes.start(0))
        self._choices.frame_changed.connect(self.watch)

    @property
    def busy(self) -> bool:
        """Whether a stroke waits to be taken."""
        return self._strokes.isActive()

    def watch(self) -> None:
        """Let the labels layer know which frame is shown, and of which session."""
        workspace, handle = self._choices.workspace, self._choices.handle
        if workspace is not None and workspace.painting is not None and handle is not None:
            frame = self._choices.shown_frame()
            workspace.painting.watch(frame, handle.grid.label_index(frame), handle)

    def take_strokes(self) -> None:
        """Make each stroke that is complete a step of its session."""
        self._strokes.stop()
        workspace = self._choices.workspace
        for stroke in workspace.painting.take() if workspace is not None and workspace.painting is not None else ():
            edit = partial(lambda h, stroke: h.edit(stroke), stroke=stroke)
            self._controller.submit(edit, "Keeping the edit…", handle=stroke.owner)

    def take_drawings(self, workspace: Workspace, handle: SessionHandle) -> None:
        """Fill outlines for their objects; scribbles become points, which are read as such."""
        for drawing in workspace.take_drawings(handle.grid):
            if not drawing.is_outline:
                continue
            mask = drawing.fill(handle.grid.frame_shape)
            fill = partial(
                lambda h, obj, frame, mask, inside: h.fill(obj, frame, mask, inside),
                obj=drawing.obj,
                frame=drawing.frame,
                mask=mask,
                inside=self._controller.tools.positive,
            )
            self._controller.submit(fill, "Taking the outline…")

    def close(self) -> None:
        """Take what was drawn a moment ago, and stop."""
        self.take_strokes()
