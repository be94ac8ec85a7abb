"""Runs along all axes, and through time, from the menu of a real window."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_sam2.core.prompts import BoxPrompt, PromptSet
from napari_sam2.widgets.views.whole_run_dialog import ConsensusDialog, TimeDialog
from support.driver import shown_dialog

FILM = (3, 6, 30, 32)


@pytest.fixture
def film(make_driver):
    driver = make_driver(np.random.default_rng(1).integers(0, 1000, FILM).astype(np.int16), axis_labels=tuple("tzyx"))
    driver.controller.selection.choose_axis("z")
    driver.settle()
    return driver


def draw(driver, time, frame):
    driver.viewer.dims.set_current_step(0, time)
    driver.settle()
    driver.controller.tools.activate("box")
    corners = ((5, 5), (5, 20), (20, 20), (20, 5))
    driver.layer_group.boxes.add_rectangles(np.array([(time, frame, *corner) for corner in corners], float))
    driver.settle()


def wait_for(driver, stage):
    """Wait until the run has come so far."""

    def there():
        run = driver.controller.runs._run
        return run is not None and stage in run.progress[2]

    driver.qtbot.waitUntil(there, timeout=10000)


def answer(driver, action, kind, accept=True):
    """Choose an entry of the menu, and answer its dialog once it says what the run takes; returns what it said."""
    said = []

    def look():
        dialog = shown_dialog(driver.widget, kind)
        if dialog is None or "To compute" not in dialog.price.text():
            QTimer.singleShot(20, look)
            return
        said.append(dialog.price.text())
        (dialog.accept if accept else dialog.reject)()

    driver.widget.more.menu.look()
    assert action.isEnabled(), action.toolTip()
    QTimer.singleShot(0, look)
    action.trigger()
    driver.settle()
    return said[0]


def test_all_axes_are_followed_and_what_they_agree_on_is_one_undo(make_driver, volume_data):
    driver = make_driver(volume_data)
    menu = driver.widget.more.menu
    menu.look()
    assert "nothing is marked yet" in menu.axes_action.toolTip()
    assert "no series of volumes" in menu.time_action.toolTip()
    driver.drag(5, 8, 9, 20, 22)
    said = answer(driver, menu.axes_action, ConsensusDialog, accept=False)
    assert "11 slices along z, 40 slices along y, 50 slices along x" in said
    assert driver.filled() == [5]
    across_x = driver.controller.selection.worker_along("x")
    driver.controller.further.planes.take(across_x, {(1, 15): PromptSet(box=BoxPrompt(2, 7, 9, 20))})
    driver.settle()
    answer(driver, menu.axes_action, ConsensusDialog)
    # The model copies masks, along each axis a column: those along x and y agree on one row more.
    assert [step.name for step in driver.session.steps][-2:] == ["propagate", "take_tracked"]
    assert np.flatnonzero((driver.labels[:, 7] == 1).any(axis=1)).tolist() == [2, 3, 4, 6, 7, 8]
    assert [step.name for step in across_x.session.steps] == ["set_prompts"]
    assert np.array_equal(driver.labels, driver.session.labels())
    fused = driver.labels.copy()
    driver.controller.step(back=True)
    driver.settle()
    assert np.array_equal(driver.labels, driver.session.labels())
    assert driver.filled() == list(range(12))
    driver.controller.step(back=False)
    driver.settle()
    assert np.array_equal(driver.labels, fused)


def test_a_run_along_all_axes_can_be_stopped(make_driver, volume_data, predictor):
    driver = make_driver(volume_data)
    driver.drag(5, 8, 9, 20, 22)
    predictor.delay = 0.02
    driver.controller.further.whole_runs.run_axes("vote")
    wait_for(driver, "along y")
    driver.widget.run.stop_button.click()
    driver.settle()
    assert driver.filled() == list(range(12))
    assert "Stopped" in driver.widget.status.text()
    assert [step.name for step in driver.session.steps][-1] == "propagate"


def test_objects_go_through_the_stack_and_the_time_points(film):
    draw(film, 0, 2)
    said = answer(film, film.widget.more.menu.time_action, TimeDialog)
    assert "18 slices along z at 3 time points" in said
    assert film.labels.any(axis=(2, 3)).all()
    for time in range(3):
        worker = film.controller.selection.worker_along("z", t=time)
        assert worker.session.path.exists()
        assert np.array_equal(worker.session.labels()[time], film.labels[time])
    film.viewer.dims.set_current_step(0, 2)
    film.settle()
    assert film.session.prompted_frames(1) == [3]
    assert film.session.objects[1].frames == 6
    # A time point is undone by itself.
    film.controller.step(back=True)
    film.settle()
    assert film.labels[:2].any(axis=(2, 3)).all()
    assert not film.labels[2].any(axis=(1, 2)).all()


def test_a_stop_on_the_way_through_time_loses_nothing_and_it_goes_on_there(film, predictor):
    draw(film, 0, 2)
    predictor.delay = 0.02
    film.controller.further.whole_runs.run_time(True, False)
    wait_for(film, "time point 1")
    film.widget.run.stop_button.click()
    film.settle()
    kept = film.labels.copy()
    assert kept[0].any(axis=(1, 2)).all()
    assert kept[1].any()
    assert not kept[2].any()
    predictor.delay = 0
    begun = film.controller.selection.worker_along("z", t=1).session
    film.controller.further.whole_runs.run_time(True, False)
    film.settle()
    assert np.array_equal(film.labels[0], kept[0])
    assert film.labels.any(axis=(2, 3)).all()
    assert film.controller.selection.worker_along("z", t=1).session is begun
    assert begun.objects[1].frames == 6


def test_time_may_go_back(film):
    draw(film, 2, 3)
    film.controller.further.whole_runs.run_time(False, True, "accepted", moves=False)
    film.settle()
    assert film.labels.any(axis=(2, 3)).all()
    assert film.controller.selection.worker_along("z", t=0).session.prompted_frames(1) == [3]
