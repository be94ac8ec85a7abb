"""Pictures of a real napari window for README and docs, written to ``docs/images``.

Opens the sample data, draws marks with the tools of the dock widget, propagates with the bundled model, and
saves what a user would see. Needs a display; on a server run ``xvfb-run -a python docs/make_screenshots.py``.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from qtpy.QtCore import QCoreApplication

from napari_sam2.engine.catalog.model_files import MODELS_VARIABLE
from napari_sam2.samples import load_sample
from napari_sam2.session.storage.locations import FOLDER_VARIABLE

if TYPE_CHECKING:
    from napari_sam2.layers.layer_group import LayerGroup
    from napari_sam2.widgets.controllers.segment import SegmentController

IMAGES = Path(__file__).parent / "images"
SIZE = (1600, 1000)
PATIENCE_S = 600
logger = logging.getLogger("make_screenshots")


def open_window(sample: str) -> tuple[napari.Viewer, SegmentController]:
    """A viewer with the image of a sample and the docked widget."""
    from napari_sam2.plugin import samples

    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    for layer in getattr(samples, sample)():
        data, arguments, kind = layer
        if kind == "image":
            viewer.add_image(data, **arguments)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam2", "Segment with SAM 2")
    settle(widget.controller)
    return viewer, widget.controller


def settle(controller: SegmentController, moment: float = 0.5) -> None:
    """Let the window work until nothing runs or waits, and a moment longer for it to be drawn."""
    end = time.monotonic() + PATIENCE_S
    calm_since = time.monotonic()
    while time.monotonic() < end and time.monotonic() - calm_since < moment:
        QCoreApplication.processEvents()
        if controller.busy:
            calm_since = time.monotonic()
        time.sleep(0.01)


def box_around(mask: np.ndarray, frame: int, margin: float = 2.0) -> np.ndarray:
    """Corners ``(4, 3)`` of a rectangle as a user would draw it around an object."""
    rows, columns = np.nonzero(mask[frame])
    y0, x0 = rows.min() - margin, columns.min() - margin
    y1, x1 = rows.max() + margin, columns.max() + margin
    return np.array([(frame, y0, x0), (frame, y0, x1), (frame, y1, x1), (frame, y1, x0)], float)


def workspace_of(controller: SegmentController) -> LayerGroup:
    """The layers that the widget works with."""
    layer_group = controller.selection.layer_group
    assert layer_group is not None
    return layer_group


def labels_of(controller: SegmentController) -> np.ndarray:
    """What the labels layer holds."""
    return np.asarray(workspace_of(controller).ensure_labels().data)


def largest_frame(mask: np.ndarray) -> int:
    """The frame on which an object is largest."""
    return int(mask.sum(axis=(1, 2)).argmax())


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two masks, 0…1."""
    return float(2 * (first & second).sum() / max(1, first.sum() + second.sum()))


def shoot(viewer: napari.Viewer, controller: SegmentController, name: str) -> Path:
    """Save the window as it is."""
    settle(controller)
    path = IMAGES / name
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    logger.info("%s", path)
    return path


def ct_pictures() -> None:
    """A box around each kidney and the liver on one slice of the CT, then these organs through the stack."""
    sample = load_sample("ct_abdomen")
    viewer, controller = open_window("ct_abdomen")
    names = {name: label for label, name in _names(sample).items()}
    # An earlier object keeps its pixels, so the liver, which leaks into the kidneys, comes last.
    organs = ("right kidney", "left kidney", "liver")
    for obj, organ in enumerate(organs, start=1):
        truth = np.asarray(sample.truth) == names[organ]
        frame = largest_frame(truth)
        controller.selection.show_frame(frame)
        if obj > 1:
            controller.objects.add()
            controller.tools.deactivate()
        controller.tools.activate("box")
        workspace_of(controller).ensure_prompt_layers()[1].add_rectangles(box_around(truth, frame))
        settle(controller)
        controller.objects.rename(obj, organ)
        if organ == "liver":
            shoot(viewer, controller, "ct_box.png")
    controller.propagate("both")
    settle(controller)
    labels = labels_of(controller)
    for obj, organ in enumerate(organs, start=1):
        truth = np.asarray(sample.truth) == names[organ]
        logger.info("Dice %s %.2f", organ, dice(labels == obj, truth))
    controller.tools.deactivate()
    shoot(viewer, controller, "ct_propagated.png")
    viewer.close()


def cells_pictures() -> None:
    """One click on a cell of the time-lapse, and the cell through time."""
    sample = load_sample("dividing_cells")
    viewer, controller = open_window("dividing_cells")
    truth = np.asarray(sample.truth)
    frame, label = 0, 6
    y, x = np.argwhere(truth[frame] == label).mean(axis=0)
    controller.selection.show_frame(frame)
    controller.tools.activate("point")
    workspace_of(controller).ensure_prompt_layers()[0].add([frame, y, x])
    settle(controller)
    shoot(viewer, controller, "cells_click.png")
    controller.propagate("both")
    settle(controller)
    labels = labels_of(controller)
    logger.info("Dice cell %.2f", dice(labels == 1, truth == label))
    controller.selection.show_frame(len(truth) // 2)
    shoot(viewer, controller, "cells_propagated.png")
    viewer.close()


def loop_pictures() -> None:
    """Stop half-way, correct one slice by hand, continue, lock; close, and go on with the session."""
    sample = load_sample("ct_abdomen")
    viewer, controller = open_window("ct_abdomen")
    names = {name: label for label, name in _names(sample).items()}
    truth = np.asarray(sample.truth) == names["right kidney"]
    frame = largest_frame(truth)
    controller.selection.show_frame(frame)
    controller.tools.activate("box")
    workspace_of(controller).ensure_prompt_layers()[1].add_rectangles(box_around(truth, frame))
    settle(controller)
    controller.objects.rename(1, "right kidney")
    settle(controller)
    started = time.monotonic()
    controller.propagate("both")
    while labels_of(controller).any(axis=(1, 2)).sum() < 14 and time.monotonic() - started < PATIENCE_S:
        QCoreApplication.processEvents()
        time.sleep(0.01)
    viewer.screenshot(str(IMAGES / "loop_running.png"), canvas_only=False, flash=False)
    controller.runs.stop()
    shoot(viewer, controller, "loop_stopped.png")
    done = np.flatnonzero(labels_of(controller).any(axis=(1, 2)))
    worst = min((int(f) for f in done if f != frame), key=lambda f: dice(labels_of(controller)[f] == 1, truth[f]))
    controller.selection.show_frame(worst)
    controller.tools.deactivate()
    controller.tools.activate("brush")
    labels = workspace_of(controller).ensure_labels()
    wrong = np.nonzero((labels.data[worst] == 1) != truth[worst])
    # As one stroke: what is missing is painted, what is too much erased.
    labels.data_setitem((np.full(len(wrong[0]), worst), *wrong), truth[worst][wrong].astype(np.uint16))
    shoot(viewer, controller, "loop_corrected.png")
    before = dice(labels_of(controller)[done] == 1, truth[done])
    controller.propagate("both")
    settle(controller)
    logger.info(
        "slice %d corrected; Dice of the %d slices done before %.3f, after %.3f; %.3f of all",
        worst,
        len(done),
        before,
        dice(labels_of(controller)[done] == 1, truth[done]),
        dice(labels_of(controller) == 1, truth),
    )
    controller.tools.deactivate()
    controller.selection.show_frame(frame)
    controller.review.toggle_lock()
    settle(controller)
    controller.review.next_doubtful()
    shoot(viewer, controller, "loop_doubtful.png")
    kept = labels_of(controller).copy()
    viewer.close()
    viewer, controller = open_window("ct_abdomen")
    controller.panels.session.offer.continue_button.click()
    settle(controller)
    logger.info("reopened: %s", "the same masks" if np.array_equal(kept, labels_of(controller)) else "other masks")
    controller.selection.show_frame(worst)
    shoot(viewer, controller, "loop_reopened.png")
    viewer.close()


def model_pictures() -> None:
    """A model that is not on this computer yet, beside a mask of the bundled one."""
    sample = load_sample("ct_abdomen")
    viewer, controller = open_window("ct_abdomen")
    kidney = next(label for label, name in _names(sample).items() if name == "left kidney")
    truth = np.asarray(sample.truth) == kidney
    frame = largest_frame(truth)
    controller.selection.show_frame(frame)
    controller.tools.activate("box")
    workspace_of(controller).ensure_prompt_layers()[1].add_rectangles(box_around(truth, frame))
    settle(controller)
    controller.models.choose("medsam2")
    shoot(viewer, controller, "model_download.png")
    viewer.close()


def _names(sample: Any) -> dict[int, str]:
    return {int(label): str(name) for label, name in sample.names.items()}


def main() -> int:
    """Make the pictures that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    pictures = {"ct": ct_pictures, "cells": cells_pictures, "loop": loop_pictures, "models": model_pictures}
    parser.add_argument("--only", choices=list(pictures), help="default: all")
    only = parser.parse_args().only
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    IMAGES.mkdir(exist_ok=True)
    for name, make in pictures.items():
        if only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                # Sessions of these windows are nobody's work, and none is asked about in the next one.
                os.environ[FOLDER_VARIABLE] = folder
                os.environ[MODELS_VARIABLE] = folder  # and no model but the bundled one is here
                make()
    return 0


if __name__ == "__main__":
    sys.exit(main())
