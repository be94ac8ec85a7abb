"""A napari window that propagates and is closed by its frame, or with the application; says what is left then."""

from __future__ import annotations

import json
import sys
import threading
import time

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMainWindow

import napari_sam2.engine
from napari_sam2.session.storage.locations import peek
from support.predictors import FakePredictor


def main(how: str) -> None:
    predictor = FakePredictor()
    napari_sam2.engine.load_predictor = lambda name, device: predictor
    viewer = napari.Viewer()
    viewer.add_image(np.random.default_rng(0).integers(0, 1000, (48, 40, 50)).astype(np.int16), name="picture")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam2", "Segment with SAM 2")
    controller = widget.controller
    controller.tools.activate("box")
    corners = [(0, 5, 5), (0, 5, 15), (0, 15, 15), (0, 15, 5)]
    controller.selection.layer_group.boxes.add_rectangles(np.array(corners, float))
    found: dict[str, object] = {}
    predictor.delay = 0.05

    def look() -> None:
        layer_group, worker = controller.selection.layer_group, controller.selection.worker
        if not controller.runs.running:
            if not controller.busy and worker.session is not None:
                controller.propagate("both")
        elif layer_group.labels.data[4].any():
            timer.stop()
            predictor.gate = threading.Event()
            threading.Timer(6, predictor.gate.set).start()
            QTimer.singleShot(200, lambda: close(worker.session.path))

    def close(path: object) -> None:
        began = time.monotonic()

        def closed() -> None:
            found.setdefault("seconds", time.monotonic() - began)
            found.setdefault("closed", not peek(path).header.is_open)
            found.setdefault("journal", path.with_name(path.name + "-journal").exists())

        # Whatever comes after it, such as waiting for threads, the file is closed here.
        controller.selection.dropped.connect(closed)
        above = widget.parent()
        while not isinstance(above, QMainWindow):
            above = above.parent()
        above.close(**({"quit_app": True} if how == "quit" else {}))

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(20)
    napari.run()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
