"""The active tool, the object that it marks, and whether the next click is inside or outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.layers.marker_style import NEGATIVE, POSITIVE
from napari_sam2.layers.stroke_recorder import BRUSH_MODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.layers.layer_group import LayerGroup
    from napari_sam2.widgets.controllers.image_selection import ImageSelection
    from napari_sam2.widgets.controllers.view_protocols import ToolsView
    from napari_sam2.widgets.shortcuts import KeyBinder


# Each tool is a mode of napari on one of our layers.
_TOOLS = {
    "point": ("points", "add"),
    "box": ("boxes", "add_rectangle"),
    "lasso": ("boxes", "add_polygon_lasso"),
    "scribble": ("boxes", "add_path"),
    "line": ("boxes", "add_line"),
    "brush": ("labels", "paint"),
}
_PROMPTS = ("point", "box", "lasso", "scribble", "line")


class Tools(QObject):
    """Activates napari's own tools on the layers of the current image.

    Parameters
    ----------
    selection
        Knows the image and its layers.
    panel
        Shows the tool and the polarity.
    keys
        Bound on the prompt layers when they are made.
    ensure_labels
        Makes the labels layer, where it is missing.
    """

    # Another tool is in the user's hand.
    shown = Signal()

    def __init__(
        self,
        selection: ImageSelection,
        panel: ToolsView,
        keys: KeyBinder,
        ensure_labels: Callable[[], Any],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._ensure_labels = ensure_labels
        self.obj_id = 1
        self.positive = True
        self._shown = ""
        self._selection = selection
        self._viewer = selection.viewer
        self._panel = panel
        self._keys = keys
        # Points are at hand a moment before the layer of boxes: napari takes long for the first of each.
        self._started: LayerGroup | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._make_rest)
        panel.tool_clicked.connect(self.activate)
        panel.polarity_clicked.connect(self.set_positive)
        selection.tool_changed.connect(self.show)
        self._viewer.layers.selection.events.active.connect(self._on_active)

    @property
    def busy(self) -> bool:
        """Return whether a layer is about to be made."""
        return self._rest.isActive()

    def activate(self, tool: str) -> None:
        """Activate a tool by its name; the active one is deactivated."""
        layer_group = self._selection.layer_group
        if layer_group is None:
            self.show()
            return
        if self.active_tool() == tool:
            self.deactivate()
            return
        if tool == "point" and layer_group.boxes is None:
            layer_group.ensure_points()
            self._started = layer_group
            self._rest.start()
        else:
            layer_group.ensure_prompt_layers()
        if tool == "brush":
            self._ensure_labels()
        self._keys.bind(layer_group.owned())
        self._viewer.dims.ndisplay = 2
        self._selection.turn_viewer()
        self.deactivate()
        name, mode = _TOOLS[tool]
        layer = getattr(layer_group, name)
        layer.visible = True
        self._viewer.layers.selection.active = layer
        if tool == "brush":
            layer.selected_label = self.obj_id
        else:
            layer.selected_data = set()
        layer.mode = mode
        self._set_next()
        self.show()

    def deactivate(self) -> None:
        """Let the mouse move the picture again, whatever tool was active."""
        layer_group = self._selection.layer_group
        for layer in layer_group.owned() if layer_group is not None else ():
            layer.mode = "pan_zoom"
        self.show()

    def active_tool(self) -> str:
        """Return the name of the active tool, read from the layers; empty if there is none."""
        layer_group = self._selection.layer_group
        active: Any = self._viewer.layers.selection.active
        if layer_group is None or active is None:
            return ""
        mode = str(getattr(active, "mode", ""))
        if active is layer_group.labels:
            # The other ways of editing a labels layer by hand count as the brush.
            return "brush" if mode in BRUSH_MODES else ""
        for tool, (name, wanted) in _TOOLS.items():
            if mode == wanted and active is getattr(layer_group, name):
                return tool
        return ""

    def flip(self) -> None:
        """Turn the selected points inside out, or else the next one."""
        layer_group = self._selection.layer_group
        if layer_group is None or not layer_group.flip():
            self.set_positive(not self.positive)

    def set_positive(self, positive: bool) -> None:
        """Say whether the next mark lies inside the object."""
        self.positive = positive
        self._panel.set_positive(positive)
        self._set_next()

    def set_object(self, obj_id: int) -> None:
        """Say to which object the next marks belong."""
        self.obj_id = obj_id
        self._set_next()

    def show(self) -> None:
        """Show the active tool on the panel, and the part of the picture that the model sees while it is of use."""
        tool, layer_group = self.active_tool(), self._selection.layer_group
        self._panel.set_tool(tool)
        if layer_group is not None and layer_group.outline is not None:
            layer_group.outline.visible = tool in _PROMPTS
        if tool != self._shown:
            self._shown = tool
            self.shown.emit()

    def close(self) -> None:
        """Deactivate the tool and stop listening."""
        self._rest.stop()
        self.deactivate()
        self._viewer.layers.selection.events.active.disconnect(self._on_active)

    def _on_active(self, event: Any = None) -> None:
        self.show()

    def _make_rest(self) -> None:
        layer_group, self._started = self._started, None
        # Another image may have been chosen in the meantime, or this one removed.
        if layer_group is None or layer_group is not self._selection.layer_group:
            return
        if layer_group.image in self._viewer.layers:
            layer_group.ensure_prompt_layers()
            self._keys.bind(layer_group.owned())
            self._set_next()

    def _set_next(self) -> None:
        layer_group = self._selection.layer_group
        if layer_group is None:
            return
        layer_group.set_next(self.obj_id, POSITIVE if self.positive else NEGATIVE)
        labels = layer_group.labels
        if labels is not None and labels.mode in ("paint", "erase"):
            # Outside of an object the brush takes away.
            labels.mode = "paint" if self.positive else "erase"
