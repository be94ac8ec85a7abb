"""Works the dock widget as a user does: clicks, drags, and waits until nothing runs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from app_model.types import KeyBinding
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks


def shown_dialog(widget, kind):
    """The dialog of a kind that a widget shows now; None where there is none."""
    return next((dialog for dialog in widget.findChildren(kind) if dialog.isVisible()), None)


class WidgetDriver:
    """A viewer, its widget, and shorthands for what tests do with them."""

    def __init__(self, viewer, image, widget, predictor, qtbot):
        self.viewer, self.image, self.widget, self.predictor, self.qtbot = viewer, image, widget, predictor, qtbot
        self.controller = widget.controller

    @classmethod
    def show(cls, viewer, image, predictor, qtbot):
        """Dock the widget, with `predictor` as its model, in a viewer that has an image."""
        from napari_sam2.plugin.dock_widget import SegmentWidget

        widget = SegmentWidget(viewer, load=lambda name, device: predictor)
        viewer.window.add_dock_widget(widget, name="Segment with SAM 2")
        return cls(viewer, image, widget, predictor, qtbot)

    @property
    def layer_group(self):
        return self.controller.selection.layer_group

    @property
    def labels(self):
        return self.layer_group.labels.data

    @property
    def session(self):
        return self.controller.selection.worker.session

    def idle(self):
        return not self.controller.busy

    def settle(self):
        """Wait until nothing runs, waits, or is scheduled."""
        self.qtbot.waitUntil(self.idle, timeout=10000)

    def close(self):
        """Close the widget's session, and let go of a run that the predictor holds back."""
        if self.predictor.gate is not None:
            self.predictor.gate.set()
        self.controller.close()
        self.settle()

    def click(self, *where):
        """Place a point with the tool, at data coordinates."""
        if self.controller.tools.active_tool() != "point":
            self.controller.tools.activate("point")
        self.layer_group.points.add(np.array(where, float))
        self.settle()

    def drag(self, frame, y0, x0, y1, x1):
        """Draw a rectangle with the tool, on a frame along the first axis."""
        if self.controller.tools.active_tool() != "box":
            self.controller.tools.activate("box")
        corners = [(frame, y0, x0), (frame, y0, x1), (frame, y1, x1), (frame, y1, x0)]
        self.layer_group.boxes.add_rectangles(np.array(corners, float))
        self.settle()

    def show_frame(self, frame):
        """Move the slider to a frame."""
        self.controller.selection.show_frame(frame)

    def stroke(self, *positions, size=1):
        """Press, move and release the mouse on the labels layer, at data coordinates of the shown slice."""
        labels = self.layer_group.labels
        labels.brush_size = size
        world = [labels.data_to_world(p) for p in positions]
        event = SimpleNamespace(
            type="mouse_press",
            is_dragging=False,
            modifiers=[],
            position=tuple(world[0]),
            pos=np.array(world[0][-2:], float),
            dims_displayed=list(self.viewer.dims.displayed),
            dims_point=list(world[0]),
            view_direction=None,
            up_direction=None,
            button=1,
        )
        mouse_press_callbacks(labels, event)
        for place in world[1:]:
            event.type, event.is_dragging, event.position = "mouse_move", True, tuple(place)
            mouse_move_callbacks(labels, event)
        event.type, event.is_dragging = "mouse_release", False
        mouse_release_callbacks(labels, event)

    def brush(self, frame, *positions, size=1):
        """Paint with the brush on a frame along the first axis, at ``(y, x)``."""
        self.show_frame(frame)
        if self.controller.tools.active_tool() != "brush":
            self.controller.tools.activate("brush")
        self.stroke(*[(frame, y, x) for y, x in positions], size=size)
        self.settle()

    def press(self, key, owner=None):
        """Press a key on a layer, or in the viewer."""
        owner = self.viewer if owner is None else owner
        owner.keymap[KeyBinding.from_str(key)](owner)
        self.settle()

    def begin_run(self):
        """Begin a slow run, and wait until some of its frames are finished."""
        self.predictor.delay = 0.05
        self.controller.propagate("both")
        self.qtbot.waitUntil(lambda: self.controller.runs.running and self.controller.runs._written > 1, timeout=10000)

    def filled(self, obj_id=1):
        """List the frames on which an object has pixels in the labels layer."""
        return np.flatnonzero((self.labels == obj_id).any(axis=(1, 2))).tolist()
