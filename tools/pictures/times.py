"""Scenes with time, and a study: cells, divisions, 4-D, many images."""

from __future__ import annotations

import contextlib
import csv
import logging
import tempfile
from pathlib import Path

import numpy as np

from napari_sam2.core.volume import ImageVolume
from napari_sam2.layers.volume_layers import layer_data
from napari_sam2.samples import load_sample, sample_path
from tools.pictures.stage import Stage, largest_frame

logger = logging.getLogger(__name__)


def cells() -> None:
    """Show one click for each of ten cells, the run through time, and their curves."""
    stage = Stage("dividing_cells")
    stage.film.add(1000)
    for number, label in enumerate(np.unique(stage.truth[0])[1:]):
        if number:
            stage.controller.objects.add()
        y, x = np.argwhere(stage.truth[0] == label).mean(axis=0)
        stage.click(0, y, x)
        stage.film.add(260)
    stage.propagate(16)
    stage.scroll(range(0, 20, 1), 140)
    stage.controller.tools.deactivate()
    dock = stage.open_dock("Measure objects")
    dock.form.call_button.native.click()
    stage.settle(lambda: bool(dock.task.running))
    dock.results.tabs.setCurrentIndex(2)
    stage.shoot("cells_curves.png")
    stage.finish("cells.webp")


def divisions() -> None:
    """Show a cell that divides, its daughters, and their tracks."""
    stage = Stage("dividing_cells")
    mother = stage.names["cell 2"]
    daughters = [stage.names["cell 2a"], stage.names["cell 2b"]]
    apart = int(np.flatnonzero((stage.truth == daughters[0]).any(axis=(1, 2)))[0])
    y, x = np.argwhere(stage.truth[0] == mother).mean(axis=0)
    stage.click(0, y, x)
    stage.film.add(900)
    stage.propagate(10)
    stage.scroll(range(0, apart + 1), 250)
    stage.film.add(800)
    stage.controller.many.divide()
    stage.settle()
    layer = stage.viewer.layers.selection.active
    for label in daughters:
        layer.add(np.array([apart, *np.argwhere(stage.truth[apart] == label).mean(axis=0)]))
        stage.turn()
    stage.settle()
    stage.film.add(900)
    for obj_id, label in enumerate(daughters, start=2):
        stage.controller.objects.choose(obj_id)
        stage.drag_around(stage.truth == label, apart)
    stage.film.add(1200)
    stage.propagate(10, "forward")
    stage.scroll(range(apart, 20), 160)
    stage.controller.tools.deactivate()
    stage.frame(apart + 6)
    stage.controller.many.show_tracks()
    stage.shoot("divisions_tracks.png")
    stage.finish("divisions.webp")


def four_d() -> None:
    """Show a stack at three times: an organ on each."""
    ct = load_sample("ct_abdomen")
    organ = (ct.truth == 4)[16:30]
    stack = np.asarray(ct.volume.array)[16:30]
    movie = np.stack([np.roll(stack, 2 * time, axis=1) for time in range(3)])
    volume = ImageVolume(movie, axes="tzyx", spacing=(5.0, 1.8, 1.8), window=(-160.0, 240.0), is_hu=True)
    stage = Stage()
    data, arguments, _ = layer_data(volume, "4-D phantom")
    stage.viewer.add_image(data, **arguments)
    stage.settle()
    frame = largest_frame(organ)
    for time in range(3):
        stage.viewer.dims.set_current_step(0, time)
        stage.settle()
        stage.frame(frame)
        stage.settle()
        stage.film.add(700)
        rows, columns = np.nonzero(np.roll(organ[frame], 2 * time, axis=0))
        corners = [(rows.min() - 2, columns.min() - 2), (rows.min() - 2, columns.max() + 2)]
        corners += [(rows.max() + 2, columns.max() + 2), (rows.max() + 2, columns.min() - 2)]
        stage.take("box")
        boxes = stage.layers.ensure_prompt_layers()[1]
        boxes.add_rectangles(np.array([(time, frame, y, x) for y, x in corners], float))
        stage.settle()
        stage.propagate(8)
        stage.scroll(range(2, 13, 3), 140)
    stage.finish("four_d.webp")


def study() -> None:
    """Show a batch of three images: checked, run, with those to look at first on top."""
    # Inside the folder, so that the window shows short paths.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        table = Path("jobs.csv")
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["image", "name", "boxes"])
            rows.writerow([sample_path("ct_abdomen"), "patient-01", "1:23,100,115,134,146"])
            rows.writerow([sample_path("brain_mr"), "patient-02", "1:20,77,31,112,61"])
            rows.writerow([sample_path("ct_abdomen"), "patient-03", "1:27,90,129,129,163"])
        stage = Stage()
        form = stage.open_dock("Run over many images")
        form = getattr(form, "_magic_widget", form)
        # As somebody types them: magicgui writes whole paths for those that are set.
        form.jobs.line_edit.value, form.out.line_edit.value = "jobs.csv", "results"
        stage.settle()
        stage.film.add(1200)
        form.results.check_button.click()
        stage.settle(lambda: bool(form.controller.busy))
        stage.film.add(1500)
        form.call_button.native.click()
        stage.film.watch(lambda: bool(form.controller.busy), stage.turn, 10)
        stage.settle(lambda: bool(form.controller.busy))
        stage.film.add(1500)
        stage.shoot("study_results.png")
        form.controller.close()
        stage.finish("study.webp")
