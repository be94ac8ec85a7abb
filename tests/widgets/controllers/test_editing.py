"""Correcting in a real viewer: brush, lasso, scribble, locks, cuts, the strip, and labels to start from."""

from __future__ import annotations

import threading

import numpy as np
import pytest

# ---------------------------------------------------------------------- brush


def test_a_brush_stroke_is_one_step_that_locks_its_slice(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    before = driver.session.mask(1, 7)
    driver.brush(7, (30, 30), (30, 40), size=3)
    assert driver.session.mask(1, 7)[30, 30:41].all()
    assert driver.session.mask(1, 7)[10, 10]
    assert driver.controller.selection.worker.locked(1) == {7}
    assert np.array_equal(driver.labels, driver.session.labels())
    assert not driver.labels[6, 30, 30]
    driver.controller.step(back=True)
    driver.settle()
    assert np.array_equal(driver.session.mask(1, 7), before)
    assert driver.controller.selection.worker.locked(1) == set()
    assert np.array_equal(driver.labels, driver.session.labels())


def test_outside_erases_and_a_run_leaves_the_edit_alone(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.show_frame(5)
    driver.controller.tools.activate("brush")
    driver.controller.tools.flip()
    assert driver.layer_group.labels.mode == "erase"
    driver.brush(5, (10, 5), (10, 20), size=5)
    edited = driver.session.mask(1, 5)
    assert not edited[10].any()
    assert edited[18].any()
    driver.controller.propagate("both")
    driver.settle()
    assert np.array_equal(driver.session.mask(1, 5), edited)
    assert driver.labels.any(axis=(1, 2)).all()
    # The neighbours follow from the corrected mask.
    assert not (driver.labels[6, 10] == 1).any()


def test_an_eraser_over_two_objects_is_one_step(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 15, 15)
    driver.controller.objects.add()
    driver.drag(5, 5, 20, 15, 30)
    steps = len(driver.session.scores(1))
    driver.controller.tools.set_positive(False)
    driver.controller.tools.activate("brush")
    driver.layer_group.labels.mode = "erase"
    driver.brush(5, (10, 0), (10, 40), size=3)
    assert steps == 1
    assert not driver.labels[5, 10].any()
    assert driver.controller.selection.worker.locked(1) == driver.controller.selection.worker.locked(2) == {5}
    driver.controller.step(back=True)
    driver.settle()
    assert (driver.labels[5, 10] == 1).any()
    assert (driver.labels[5, 10] == 2).any()


def test_naparis_own_undo_cannot_bring_old_strokes_back(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.brush(5, (10, 10), (10, 20))
    driver.brush(5, (20, 10), (20, 20))
    assert driver.layer_group.labels.mode == "paint"
    before = driver.labels.copy()
    driver.layer_group.labels.undo()
    assert np.array_equal(driver.labels, before)
    driver.press("Ctrl+Z", driver.layer_group.labels)
    assert driver.labels[5, 10, 15] == 1
    assert not driver.labels[5, 20].any()
    driver.press("Ctrl+Shift+Z", driver.layer_group.labels)
    assert np.array_equal(driver.labels, before)


def test_the_bucket_and_a_new_label_make_a_new_object(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 15, 15)
    driver.show_frame(5)
    driver.controller.tools.activate("brush")
    labels = driver.layer_group.labels
    labels.selected_label = 3
    assert driver.controller.tools.obj_id == 3
    labels.fill((5, 10, 10), 3)
    driver.settle()
    assert list(driver.session.objects) == [1, 3]
    assert (driver.labels[5] == 3).sum() == 11 * 11
    assert not (driver.labels == 1).any()


def test_the_brush_stays_on_the_shown_slice(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.show_frame(5)
    driver.controller.tools.activate("brush")
    driver.layer_group.labels.n_edit_dimensions = 3
    driver.brush(5, (20, 20), size=9)
    assert driver.filled() == [5]
    assert driver.layer_group.labels.n_edit_dimensions == 2


def test_the_brush_is_put_down_when_another_image_is_chosen(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.brush(5, (5, 5))
    labels = driver.layer_group.labels
    other = driver.viewer.add_image(volume_data.copy(), name="other")
    driver.controller.selection.choose_image(other)
    driver.settle()
    driver.viewer.layers.selection.active = labels
    assert labels.mode == "pan_zoom"
    # Also not from napari's own controls.
    labels.mode = "paint"
    assert labels.mode == "pan_zoom"
    driver.controller.selection.choose_image(driver.image)
    driver.settle()
    driver.brush(5, (20, 20))
    assert driver.layer_group.labels is labels
    assert np.array_equal(driver.labels[5] == 1, driver.session.mask(1, 5))
    assert np.argwhere(driver.labels).tolist() == [[5, 5, 5], [5, 20, 20]]


def test_the_brush_is_put_down_where_the_view_is_turned(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.brush(5, (5, 5))
    labels, dims = driver.layer_group.labels, driver.viewer.dims
    dims.order = (1, 0, 2)
    assert labels.mode == "pan_zoom"
    assert not labels.editable
    assert "needs the 2-D view of the slices: press D" in driver.controller.context.last_message
    driver.brush(6, (10, 10))
    assert dims.order == (0, 1, 2)
    dims.ndisplay = 3
    assert not labels.editable
    dims.ndisplay = 2
    assert labels.editable
    # The same plane, with its sides exchanged.
    dims.order = (0, 2, 1)
    assert labels.editable
    assert np.array_equal(driver.labels, driver.session.labels())
    assert np.argwhere(driver.labels).tolist() == [[5, 5, 5], [6, 10, 10]]


@pytest.mark.parametrize("axis", ["y", "x"])
def test_the_brush_edits_the_frames_of_another_axis(make_driver, volume_data, axis):
    driver = make_driver(volume_data, scale=(3, 0.7, 0.7))
    driver.controller.selection.choose_axis(axis)
    driver.controller.selection.show_frame(8)
    driver.controller.tools.activate("brush")
    place = {"y": (6, 8, 20), "x": (6, 20, 8)}[axis]
    driver.stroke(place, size=3)
    driver.settle()
    assert driver.labels[place] == 1
    others = tuple(i for i in range(3) if i != "zyx".index(axis))
    assert np.flatnonzero(driver.labels.any(axis=others)).tolist() == [8]


def test_a_stroke_during_a_run_is_kept(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.show_frame(9)
    driver.controller.tools.activate("brush")
    driver.predictor.gate = threading.Event()
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.controller.runs.running)
    driver.stroke((9, 30, 30), (9, 30, 40), size=3)
    driver.qtbot.waitUntil(lambda: driver.controller.selection.worker.locked(1) == {9}, timeout=5000)
    driver.predictor.gate.set()
    driver.settle()
    assert driver.labels[9, 30, 35] == 1
    assert not driver.labels[9, 10, 10]
    assert driver.filled() == list(range(12))
    assert np.array_equal(driver.labels, driver.session.labels())


# ---------------------------------------------------------------------- lasso, scribble


def draw(driver, tool, frame, corners):
    driver.show_frame(frame)
    driver.controller.tools.activate(tool)
    kind = "polygon" if tool == "lasso" else "path"
    driver.layer_group.boxes.add(np.array([(frame, y, x) for y, x in corners], float), shape_type=kind)
    driver.settle()


def test_a_lasso_is_filled_and_becomes_a_mask_prompt(make_driver, volume_data):
    driver = make_driver(volume_data)
    draw(driver, "lasso", 4, [(10, 10), (10, 30), (30, 30), (30, 10)])
    assert driver.session.prompts(1, 4).mask is not None
    assert driver.layer_group.boxes.nshapes == 0
    assert (driver.session.mask(1, 4)[12:29, 12:29]).all()
    assert not driver.session.mask(1, 4)[5].any()
    driver.controller.propagate("both")
    driver.settle()
    assert driver.filled() == list(range(12))
    driver.controller.step(back=True)
    driver.controller.step(back=True)
    driver.settle()
    assert not driver.labels.any()


def test_a_lasso_with_outside_takes_away(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(4, 5, 5, 20, 20)
    driver.controller.tools.set_positive(False)
    draw(driver, "lasso", 4, [(0, 0), (0, 49), (12, 49), (12, 0)])
    assert not driver.session.mask(1, 4)[:12].any()
    assert driver.session.mask(1, 4)[15].any()


def test_a_scribble_becomes_points_along_it(make_driver, volume_data):
    driver = make_driver(volume_data)
    draw(driver, "scribble", 4, [(20, 10), (20, 20), (20, 30)])
    assert driver.layer_group.boxes.nshapes == 0
    points = driver.session.prompts(1, 4).points
    assert 3 <= len(points) <= 8
    assert {round(p.y) for p in points} == {20}
    assert all(10 <= p.x <= 30 for p in points)
    assert len(driver.layer_group.points.data) == len(points)
    assert driver.labels[4, 20, 20] == 1
    driver.controller.step(back=True)
    driver.settle()
    assert len(driver.layer_group.points.data) == 0


# ---------------------------------------------------------------------- locks, cuts, the strip


# ---------------------------------------------------------------------- objects


# ---------------------------------------------------------------------- keys, runs


def test_keys_answer_propagate_and_hide(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.widget.prompt.preview_box.setChecked(False)
    driver.click(5, 20, 25)
    assert not driver.predictor.asked
    driver.show_frame(5)
    driver.press("S", driver.layer_group.points)
    assert driver.labels[5, 20, 25] == 1
    driver.press("Shift+S", driver.layer_group.points)
    assert driver.filled() == list(range(12))
    driver.press("V", driver.layer_group.points)
    assert not driver.layer_group.labels.visible
    driver.press("V")
    assert driver.layer_group.labels.visible
    driver.controller.objects.add()
    driver.click(5, 5, 5)
    driver.press("Q")
    assert driver.controller.tools.obj_id == 1
    driver.press("Q")
    assert driver.controller.tools.obj_id == 2


# ---------------------------------------------------------------------- the window of an image that nobody chose
