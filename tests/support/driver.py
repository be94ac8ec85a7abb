"""Works the dock widget as a user does: clicks, drags, and waits until nothing runs."""

from __future__ import annotations

import numpy as np


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
