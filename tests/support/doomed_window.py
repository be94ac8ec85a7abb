"""A napari window that marks an object, begins to propagate, and says so; the test kills it."""

from __future__ import annotations

import sys

import napari
import numpy as np
from qtpy.QtCore import QTimer

from napari_sam2.plugin.dock_widget import SegmentWidget
from support.predictors import FakePredictor


def main() -> None:
    predictor = FakePredictor()
    predictor.delay = 0.05  # So that there is a middle of the run to be killed in.
    viewer = napari.Viewer()
    viewer.add_image(np.load(sys.argv[1]), name="picture")
    widget = SegmentWidget(viewer, load=lambda name, device: predictor)
    viewer.window.add_dock_widget(widget)
    controller = widget.controller
    controller.tools.activate("box")
    corners = [(0, 5, 5), (0, 5, 15), (0, 15, 15), (0, 15, 5)]
    controller.selection.layer_group.boxes.add_rectangles(np.array(corners, float))
    said: set[int] = set()

    def tick() -> None:
        worker = controller.selection.worker
        if worker.session is None or controller.queue.busy:
            return
        if not said and not controller.runs.running:
            controller.propagate("both")
        for frame in worker.scores(1).index:
            if frame not in said:
                said.add(frame)
                print(int(frame), flush=True)

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(20)
    napari.run()


if __name__ == "__main__":
    main()
