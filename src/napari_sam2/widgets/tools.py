"""Which tool is in the user's hand, for which object, and whether the next click is inside or outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_sam2.layers.prompts import NEGATIVE, POSITIVE

if TYPE_CHECKING:
    from napari_sam2.widgets.choices import Choices
    from napari_sam2.widgets.keys import KeyBinder
    from napari_sam2.widgets.prompt_panel import PromptPanel


class Tools(QObject):
    """Takes up and puts down napari's own point and rectangle tools on the prompt layers.

    Parameters
    ----------
    choices
        Knows the image and its layers.
    panel
        Shows the tool and the polarity.
    keys
        Bound on the prompt layers when they are made.
    """

    def __init__(self, choices: Choices, panel: PromptPanel, keys: KeyBinder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.obj = 1
        self.positive = True
        self._choices = choices
        self._viewer = choices.viewer
        self._panel = panel
        self._keys = keys
        panel.tool_clicked.connect(self.take)
        panel.polarity_clicked.connect(self.set_positive)
        choices.tool_changed.connect(self.show)
        self._viewer.layers.selection.events.active.connect(self._on_active)

    def take(self, tool: str) -> None:
        """Take up ``"point"`` or ``"box"``; the same tool again puts it down."""
        workspace = self._choices.workspace
        if workspace is None:
            self.show()
            return
        if self.in_hand() == tool:
            self.put_down()
            return
        points, boxes = workspace.ensure_prompt_layers()
        self._keys.bind(workspace.owned())
        self._viewer.dims.ndisplay = 2
        self._choices.turn_viewer()
        self.put_down()
        layer = points if tool == "point" else boxes
        layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.selected_data = set()
        layer.mode = "add" if tool == "point" else "add_rectangle"
        self._set_next()
        self.show()

    def put_down(self) -> None:
        """Let the mouse move the picture again."""
        workspace = self._choices.workspace
        for layer in (workspace.points, workspace.boxes) if workspace is not None else ():
            if layer is not None:
                layer.mode = "pan_zoom"
        self.show()

    def in_hand(self) -> str:
        """Name the tool in hand, read from the layers: ``"point"``, ``"box"`` or ``""``."""
        workspace = self._choices.workspace
        active: Any = self._viewer.layers.selection.active
        if workspace is None or active is None:
            return ""
        mode = getattr(active, "mode", "")
        if active is workspace.points and mode == "add":
            return "point"
        return "box" if active is workspace.boxes and mode == "add_rectangle" else ""

    def flip(self) -> None:
        """Turn the selected points inside out, or else the next one."""
        workspace = self._choices.workspace
        if workspace is None or not workspace.flip():
            self.set_positive(not self.positive)

    def set_positive(self, positive: bool) -> None:
        """Say whether the next click lies inside the object."""
        self.positive = positive
        self._panel.set_positive(positive)
        self._set_next()

    def set_object(self, obj: int) -> None:
        """Say to which object the next marks belong."""
        self.obj = obj
        self._set_next()

    def show(self) -> None:
        """Show on the panel what is in hand."""
        self._panel.set_tool(self.in_hand())

    def close(self) -> None:
        """Put the tool down and stop listening."""
        self.put_down()
        self._viewer.layers.selection.events.active.disconnect(self._on_active)

    def _on_active(self, event: Any = None) -> None:
        self.show()

    def _set_next(self) -> None:
        if self._choices.workspace is not None:
            self._choices.workspace.set_next(self.obj, POSITIVE if self.positive else NEGATIVE)
