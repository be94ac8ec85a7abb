"""Scenes with volumes: an organ, a lesion, corrections, DICOM, a model that is not here."""

from __future__ import annotations

import logging
import time

import numpy as np

from tools.pictures.stage import PATIENCE_S, Stage, dice, largest_frame

logger = logging.getLogger(__name__)


def organ_ct() -> None:
    """Show a box around a kidney, a run, and the kidney on all slices."""
    stage = Stage("ct_abdomen")
    truth = stage.truth == stage.names["left kidney"]
    frame = largest_frame(truth)
    stage.film.add(1000)
    stage.scroll(range(10, frame + 1, 4))
    stage.take("box")
    stage.settle()
    stage.film.add(700)
    stage.drag_around(truth, frame)
    stage.controller.objects.rename(1, "left kidney")
    stage.settle()
    stage.film.add(1200)
    stage.shoot("organ_ct_box.png")
    stage.propagate()
    seen = np.flatnonzero(truth.any(axis=(1, 2)))
    stage.scroll(range(seen[0], seen[-1] + 1, 2))
    stage.frame(frame)
    stage.controller.tools.deactivate()
    stage.settle()
    stage.film.add(1500)
    stage.shoot("organ_ct_done.png")
    logger.info("Dice of the kidney %.2f", dice(stage.labels == 1, truth))
    stage.finish("organ_ct.webp")


def lesion_mr() -> None:
    """Show a tumour: contrast, a box, a click, a run, and its diameters."""
    stage = Stage("brain_mr")
    truth = stage.truth == stage.names["tumour"]
    frame = largest_frame(truth)
    image = stage.controller.selection.image
    low, high = np.percentile(np.asarray(image.data), [1, 99.8])
    image.contrast_limits = (float(low), float(high))
    stage.frame(frame)
    stage.settle()
    stage.film.add(1000)
    stage.drag_around(truth, frame)
    stage.controller.objects.rename(1, "tumour")
    stage.settle()
    stage.film.add(1200)
    y, x = np.argwhere(truth[frame]).mean(axis=0)
    stage.click(frame, y, x)
    stage.film.add(1000)
    stage.propagate()
    stage.scroll(range(15, 28))
    stage.frame(frame)
    stage.controller.tools.deactivate()
    logger.info("Dice of the tumour %.2f", dice(stage.labels == 1, truth))
    dock = stage.open_dock("Measure objects")
    dock.form.call_button.native.click()
    stage.settle(lambda: bool(dock.task.running))
    stage.film.add(2000)
    stage.shoot("lesion_mr_measured.png")
    stage.finish("lesion_mr.webp")


def correct() -> None:
    """Show a run that is stopped, a slice corrected by hand, the rest, and the session that is offered again."""
    stage = Stage("ct_abdomen")
    truth = stage.truth == stage.names["right kidney"]
    frame = largest_frame(truth)
    stage.frame(frame)
    stage.drag_around(truth, frame)
    stage.controller.objects.rename(1, "right kidney")
    stage.settle()
    stage.film.add(900)
    stage.controller.propagate("both")
    started = time.monotonic()
    while stage.labels.any(axis=(1, 2)).sum() < 14 and time.monotonic() - started < PATIENCE_S:
        stage.turn()
    stage.film.add(700)
    stage.controller.runs.stop()
    stage.settle()
    stage.film.add(1200)
    done = np.flatnonzero(stage.labels.any(axis=(1, 2)))
    worst = min((int(f) for f in done if f != frame), key=lambda f: dice(stage.labels[f] == 1, truth[f]))
    stage.frame(worst)
    stage.take("brush")
    stage.settle()
    stage.film.add(1200)
    layer = stage.layers.ensure_labels()
    wrong = np.nonzero((layer.data[worst] == 1) != truth[worst])
    # As one stroke: what is missing is painted, what is too much erased.
    layer.data_setitem((np.full(len(wrong[0]), worst), *wrong), truth[worst][wrong].astype(np.uint16))
    stage.settle()
    stage.film.add(1200)
    stage.shoot("correct_brush.png")
    stage.propagate()
    logger.info("slice %d corrected; Dice of all %.3f", worst, dice(stage.labels == 1, truth))
    stage.controller.tools.deactivate()
    stage.controller.review.next_doubtful()
    stage.settle()
    stage.film.add(1500)
    stage.shoot("correct_doubtful.png")
    kept = stage.labels.copy()
    stage.finish("correct.webp")
    stage = Stage("ct_abdomen")
    stage.shoot("correct_reopened.png")
    stage.controller.files.go_on()
    stage.settle()
    logger.info("reopened: %s", "the same masks" if np.array_equal(kept, stage.labels) else "other masks")
    stage.close()


def dicom() -> None:
    """Show a DICOM series: contrast for it, an organ, and its name as a code."""
    from napari_sam2.widgets.views.code_picker import CodePicker

    stage = Stage("ct_abdomen")
    truth = stage.truth == stage.names["left kidney"]
    frame = largest_frame(truth)
    stage.frame(frame)
    for preset in ("bone", "lung", "abdomen"):
        stage.controller.contrast.choose_preset(preset)
        stage.settle()
        stage.film.add(900)
    stage.drag_around(truth, frame)
    stage.propagate(12)
    picker = CodePicker(1, "Kidney", stage.widget.window())
    picker.show()
    stage.settle()
    picker.grab().save(str(stage.out / "dicom_code.png"))
    picker.close()
    stage.controller.objects.rename(1, "Kidney")
    stage.settle()
    stage.film.add(1200)
    stage.finish("dicom.webp")


def models() -> None:
    """Show a model that is not on this computer yet, beside a mask of the bundled one."""
    stage = Stage("ct_abdomen")
    truth = stage.truth == stage.names["left kidney"]
    stage.frame(largest_frame(truth))
    stage.drag_around(truth, largest_frame(truth))
    stage.controller.models.choose("medsam2")
    stage.shoot("model_download.png")
    stage.close()
