"""Marks in a real viewer: how they reach the session, and how they follow it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.layers import Labels

from napari_sam2.layers.layer_group import LayerGroup
from napari_sam2.layers.prompts import POSITIVE


def busy_elsewhere(driver):
    """Let the worker be busy with another slice, and wait until it is."""
    driver.predictor.delay = 0.3
    asked = len(driver.predictor.asked)
    driver.layer_group.points.add(np.array((10, 20, 25), float))
    driver.qtbot.waitUntil(lambda: len(driver.predictor.asked) > asked, timeout=10000)


@pytest.fixture
def tracked(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    driver.controller.tools.activate("point")
    driver.controller.tools.activate("box")
    return driver


def why(button):
    return "" if button.isEnabled() else button.toolTip().split("Not now: ")[1]


def test_objects_of_another_labels_layer_start_a_run(make_driver, volume_data):
    driver = make_driver(volume_data)
    data = np.zeros(volume_data.shape, np.uint8)
    data[:, 5:10, 5:10] = 1
    data[:, 20:30, 20:30] = 4
    other = driver.viewer.add_layer(Labels(data, name="expert"))
    assert [name for name, _ in driver.controller.prompting.labels_to_take()] == ["expert"]
    from napari_sam2.widgets.views.labels_dialog import LabelsDialog, LabelsRequest

    dialog = LabelsDialog(driver.controller.prompting.labels_to_take(), "slices", driver.widget)
    assert dialog.request() == LabelsRequest(other, False, None)
    dialog.fields.every.native.setValue(4)
    assert dialog.request() == LabelsRequest(other, False, 4)
    driver.show_frame(5)
    driver.controller.prompting.take_labels(dialog.request())
    driver.settle()
    assert driver.session.prompted_frames(4) == [1, 5, 9]
    assert np.array_equal(driver.labels[5], data[5])
    driver.controller.step(back=True)
    driver.settle()
    assert not driver.labels.any()
    other.selected_label = 4
    driver.controller.prompting.take_labels(LabelsRequest(other, True, None))
    driver.settle()
    assert list(driver.session.objects) == [4]
    driver.controller.propagate("both")
    driver.settle()
    assert driver.filled(4) == list(range(12))


@pytest.mark.parametrize("where", [(3, -5, 10), (3, 10, 70), (3, 41, 49), (40, 10, 10), (-3, 10, 10)])
def test_a_point_outside_the_image_is_taken_away_with_a_sentence(make_driver, volume_data, where):
    driver = make_driver(volume_data)
    driver.click(6, 20, 25)
    driver.click(*where)
    assert np.array_equal(driver.layer_group.points.data, [(6, 20, 25)])
    assert "inside the image" in driver.widget.status.text()
    assert list(driver.controller.selection.worker.pending.shown) == [(1, 6)]
    driver.click(7, 20, 25)
    assert "inside the image" not in driver.widget.status.text()


def test_a_box_on_a_slice_that_is_not_there_is_taken_away_with_a_sentence(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(30, 5, 5, 20, 20)
    assert driver.layer_group.boxes.nshapes == 0
    assert "taken away" in driver.widget.status.text()


def test_undo_and_redo_can_be_pressed_where_there_is_a_step(make_driver, volume_data):
    driver = make_driver(volume_data)
    run = driver.widget.run
    driver.settle()
    assert why(run.undo_button) == "nothing was done yet."
    driver.click(6, 20, 25)
    assert run.undo_button.isEnabled()
    assert why(run.redo_button) == "nothing was taken back."
    driver.controller.step(back=True)
    driver.settle()
    assert run.redo_button.isEnabled()
    assert not run.undo_button.isEnabled()
    driver.controller.step(back=False)
    driver.settle()
    assert not run.redo_button.isEnabled()


def test_marks_deleted_together_are_one_step(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(6, 5, 5, 20, 20)
    driver.drag(9, 5, 5, 20, 20)
    driver.drag(3, 5, 5, 20, 20)
    driver.layer_group.boxes.selected_data = {0, 1}
    driver.layer_group.boxes.remove_selected()
    driver.settle()
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == [3]
    driver.controller.step(back=True)
    driver.settle()
    assert driver.layer_group.boxes.nshapes == 3
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == [3, 6, 9]
    driver.controller.step(back=False)
    driver.settle()
    assert driver.layer_group.boxes.nshapes == 1
    assert driver.session.replay() == 0


def test_of_marks_deleted_together_a_locked_one_stays(make_driver, volume_data, warned):
    driver = make_driver(volume_data)
    driver.drag(6, 5, 5, 20, 20)
    driver.drag(9, 5, 5, 20, 20)
    driver.session.lock(frame=9, obj_id=1)
    driver.layer_group.boxes.selected_data = {0, 1}
    driver.layer_group.boxes.remove_selected()
    driver.settle()
    assert ["locked" in text for text in warned] == [True]
    assert driver.session.prompted_frames(1) == [9]
    assert driver.layer_group.boxes.nshapes == 1


def test_moving_a_point_moves_the_mask(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    points = driver.layer_group.points
    points.data = np.add(points.data, (1, -10, 0))
    driver.settle()
    assert driver.labels[6, 10, 25] == 1
    assert not driver.labels[5].any()


def test_deleting_the_last_point_takes_the_mask_away(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.layer_group.points.remove([0])
    driver.settle()
    assert not driver.labels.any()
    assert driver.controller.selection.worker.pending.shown == {}


def test_second_box_replaces_the_first(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(3, 5, 5, 10, 10)
    driver.drag(3, 20, 20, 30, 30)
    assert driver.layer_group.boxes.nshapes == 1
    assert not driver.labels[3, 7, 7]
    assert driver.labels[3, 25, 25] == 1


def test_box_without_a_pixel_is_taken_away(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(3, 5.1, 5.1, 5.4, 5.4)
    assert driver.layer_group.boxes.nshapes == 0
    assert "at least one pixel" in driver.widget.status.text()


def test_undo_takes_back_marker_and_mask_and_redo_brings_them_again(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.drag(2, 5, 5, 10, 10)
    driver.controller.step(back=True)
    driver.settle()
    assert driver.layer_group.boxes.nshapes == 0
    assert len(driver.layer_group.points.data) == 1
    assert not driver.labels[2].any()
    assert driver.labels[5].any()
    driver.controller.step(back=True)
    driver.settle()
    assert len(driver.layer_group.points.data) == 0
    assert not driver.labels.any()
    driver.controller.step(back=False)
    driver.controller.step(back=False)
    driver.settle()
    assert driver.layer_group.points.data.tolist() == [[5, 20, 25]]
    assert driver.layer_group.points.features["polarity"].tolist() == [POSITIVE]
    assert driver.labels[2, 7, 7] == 1
    assert driver.labels[5, 20, 25] == 1


def test_undo_right_after_a_mark_takes_that_mark_back(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.layer_group.points.add([7, 10, 10])
    driver.controller.step(back=True)
    driver.settle()
    assert driver.layer_group.points.data.tolist() == [[5, 20, 25]]
    assert not driver.labels[7].any()


def test_masks_can_wait_for_the_run(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.widget.prompt.preview_box.setChecked(False)
    driver.click(5, 20, 25)
    assert driver.predictor.asked == []
    driver.controller.propagate("both")
    driver.settle()
    assert driver.labels.any(axis=(1, 2)).all()


def test_a_burst_of_clicks_is_answered_in_order(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.predictor.delay = 0.1
    for x in (5, 15, 35, 45):
        driver.layer_group.points.add([5, 20, x])
        driver.qtbot.wait(5)
    driver.settle()
    assert driver.labels[5, 20, [5, 15, 25, 35, 45]].tolist() == [1] * 5
    assert len(driver.predictor.asked) < 5


def test_deleting_the_points_layer_deletes_its_prompts(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.viewer.layers.remove(driver.layer_group.points)
    driver.settle()
    assert not driver.labels.any()


def test_undo_during_a_run_is_refused_with_a_sentence(make_driver, volume_data, warned):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.predictor.gate = threading.Event()
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.controller.runs.running)
    driver.controller.step(back=True)
    driver.qtbot.waitUntil(lambda: bool(warned))
    assert "run is under way" in warned[0]
    driver.predictor.gate.set()
    driver.settle()
    assert driver.labels.any(axis=(1, 2)).all()


def test_a_click_deleted_while_the_model_is_busy_leaves_the_mask_of_its_slice(tracked):
    driver = tracked
    before = driver.session.labels()
    busy_elsewhere(driver)
    points = driver.layer_group.points
    points.add(np.array((7, 30, 30), float))
    points.selected_data = {len(points.data) - 1}
    points.remove_selected()
    driver.settle()
    assert np.array_equal(driver.session.labels()[:10], before[:10])
    assert np.array_equal(driver.labels, driver.session.labels())
    assert driver.session.prompted_frames(1) == [5, 10]


def test_a_box_dropped_while_the_model_is_busy_leaves_the_mask_of_its_slice(tracked):
    driver = tracked
    before = driver.session.labels()
    busy_elsewhere(driver)
    boxes = driver.layer_group.boxes
    boxes.add_rectangles(np.array([(7, 25, 25), (7, 25, 35), (7, 35, 35), (7, 35, 25)], float))
    boxes.remove([boxes.nshapes - 1])
    driver.settle()
    assert np.array_equal(driver.session.labels()[:10], before[:10])
    assert np.array_equal(driver.labels, driver.session.labels())


def test_the_data_of_a_layer_set_back_while_the_model_is_busy_leaves_the_mask(tracked):
    driver = tracked
    before = driver.session.labels()
    busy_elsewhere(driver)
    points = driver.layer_group.points
    data, features = points.data.copy(), points.features.copy()
    points.add(np.array((7, 30, 30), float))
    points.data, points.features = data, features
    driver.settle()
    assert np.array_equal(driver.session.labels()[:10], before[:10])


def test_markers_are_not_read_back_after_they_were_written(make_driver, volume_data, monkeypatch):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.drag(5, 5, 5, 10, 10)
    calls, read, write = [], LayerGroup.read, LayerGroup.write
    monkeypatch.setattr(LayerGroup, "read", lambda self, grid: calls.append("read") or read(self, grid))
    monkeypatch.setattr(LayerGroup, "write", lambda self, *given: calls.append("write") or write(self, *given))
    driver.controller.step(back=True)
    driver.settle()
    assert calls[calls.index("write") :] == ["write"]
    group, worker = driver.layer_group, driver.controller.selection.worker
    assert worker.pending.shown == read(group, worker.grid) != {}
