"""The dock widget in a real viewer, with a predictor that needs no network."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_sam2.layers.prompts import NEGATIVE, POSITIVE


def test_click_shows_the_mask_of_its_slice_at_once(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    assert driver.labels[5, 20, 25] == 1
    assert driver.labels.any(axis=(1, 2)).tolist() == [i == 5 for i in range(12)]
    assert threading.main_thread() not in driver.predictor.threads


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


def test_box_takes_the_pixels_whose_centres_lie_inside(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(3, 9.6, 4.2, 20.4, 30.0)
    rows, columns = np.nonzero(driver.labels[3])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 20, 5, 30)


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


def test_t_flips_the_next_point_or_the_selected_ones(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.controller.tools.activate("point")
    points = driver.layer_group.points
    driver.controller.tools.flip()
    assert driver.widget.prompt.outside_button.isChecked()
    driver.click(5, 20, 25)
    assert points.features["polarity"].tolist() == [NEGATIVE]
    points.mode = "select"
    points.selected_data = {0}
    driver.controller.tools.flip()
    driver.settle()
    assert points.features["polarity"].tolist() == [POSITIVE]
    assert np.allclose(points.face_color[0, :3], (0x2E / 255, 0xCC / 255, 0x40 / 255), atol=0.01)
    assert driver.labels[5, 20, 25] == 1


def test_selecting_an_old_point_does_not_change_what_the_next_click_means(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.controller.tools.set_positive(False)
    driver.click(5, 20, 25)
    driver.controller.objects.add()
    points = driver.layer_group.points
    points.mode = "select"
    points.selected_data = {0}
    driver.controller.tools.activate("point")
    driver.click(5, 30, 30)
    assert points.features["obj"].tolist() == [1, 2]
    assert points.features["polarity"].tolist() == [NEGATIVE, POSITIVE]


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


def test_ctrl_z_is_bound_where_the_user_is(make_driver, volume_data):
    from app_model.types import KeyBinding

    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    undo = KeyBinding.from_str("Ctrl+Z")
    owners = [driver.viewer, *driver.layer_group.owned()]
    assert all(undo in owner.keymap for owner in owners)
    driver.layer_group.points.keymap[undo](driver.layer_group.points)
    driver.settle()
    assert not driver.labels.any()


def test_undo_right_after_a_mark_takes_that_mark_back(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.layer_group.points.add([7, 10, 10])
    driver.controller.step(back=True)
    driver.settle()
    assert driver.layer_group.points.data.tolist() == [[5, 20, 25]]
    assert not driver.labels[7].any()


@pytest.mark.parametrize(
    ("direction", "frames"), [("both", range(12)), ("forward", range(5, 12)), ("backward", range(6))]
)
def test_propagation_fills_the_labels_layer(make_driver, volume_data, direction, frames):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate(direction)
    driver.settle()
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == list(frames)
    assert np.array_equal(driver.labels, driver.session.labels())
    assert threading.main_thread() not in driver.predictor.threads


def test_range_boxes_limit_the_run(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.widget.run.first_box.setValue(4)
    driver.widget.run.last_box.setValue(8)
    driver.controller.propagate("both")
    driver.settle()
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == [4, 5, 6, 7, 8]


def test_cancel_keeps_finished_frames_and_undo_takes_back_the_run(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.predictor.delay = 0.05
    driver.controller.propagate("forward")
    driver.qtbot.waitUntil(lambda: driver.labels[2].any(), timeout=5000)
    assert driver.widget.run.stop_button.isEnabled()
    driver.widget.run.stop_button.click()
    driver.settle()
    filled = np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist()
    assert 3 <= len(filled) < 12
    assert filled == list(range(len(filled)))
    assert np.array_equal(driver.labels, driver.session.labels())
    assert "Stopped" in driver.widget.status.text()
    driver.controller.step(back=True)
    driver.settle()
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == [0]
    driver.controller.propagate("both")
    driver.settle()
    assert driver.labels.any(axis=(1, 2)).all()


def test_window_stays_responsive_during_a_run(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.predictor.gate = threading.Event()
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.controller.runs.running)
    driver.viewer.dims.set_current_step(0, 7)
    driver.qtbot.wait(50)
    assert driver.controller.runs.running
    assert not driver.widget.run.undo_button.isEnabled()
    assert "a run is under way" in driver.widget.run.undo_button.toolTip()
    driver.predictor.gate.set()
    driver.settle()


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


def test_removing_the_image_during_a_run_stops_it(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    worker = driver.controller.selection.worker
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.labels[2].any(), timeout=5000)
    driver.viewer.layers.remove(driver.image)
    assert [layer.name for layer in driver.viewer.layers] == ["SAM 2 labels"]
    driver.settle()
    assert worker.session is None
    assert not driver.widget.run.both_button.isEnabled()
    assert driver.widget.status.text().startswith("Open an image")


def test_switching_the_image_during_a_run_stops_it_and_coming_back_finds_the_work(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    first = driver.layer_group
    other = driver.viewer.add_image(volume_data[:6] + 1, name="other")
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.labels[2].any(), timeout=5000)
    driver.controller.selection.choose_image(other)
    driver.settle()
    assert not first.points.visible
    assert driver.widget.run.last_box.maximum() == 5
    driver.click(2, 20, 20)
    assert driver.labels.shape == (6, 40, 50)
    assert driver.labels[2, 20, 20] == 1
    driver.controller.selection.choose_image(driver.image)
    assert driver.layer_group is first
    assert first.boxes.visible
    driver.controller.propagate("both")
    driver.settle()
    assert driver.labels.any(axis=(1, 2)).all()


def test_objects_are_counted_listed_and_reset_one_by_one(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 10, 10)
    driver.controller.objects.add()
    driver.click(5, 30, 30)
    table = driver.widget.objects.table
    assert [table.item(i, 0).text() for i in range(table.rowCount())] == ["1", "2"]
    assert driver.labels[5, 10, 10] == 1
    assert driver.labels[5, 30, 30] == 2
    table.selectRow(0)
    assert driver.controller.tools.obj_id == 1
    driver.widget.objects.reset_button.click()
    driver.settle()
    assert not (driver.labels == 1).any()
    assert (driver.labels == 2).any()
    assert driver.layer_group.points.features["obj"].tolist() == [2]
    table.item(1, 1).setText("kidney")
    driver.settle()
    assert driver.session.objects[2].name == "kidney"


def test_keys_and_prompt_layers_are_gone_after_closing(make_driver, volume_data):
    driver = make_driver(volume_data)

    def earlier(viewer):
        return None

    keys_before = dict(driver.viewer.keymap)
    driver.controller.close()
    driver.viewer.bind_key("P", earlier)
    keys = dict(driver.viewer.keymap)
    from napari_sam2.plugin.dock_widget import SegmentWidget

    again = SegmentWidget(driver.viewer, load=lambda *_: driver.predictor)
    driver.viewer.window.add_dock_widget(again, name="again")
    assert dict(driver.viewer.keymap) != keys
    again.controller.tools.activate("point")
    layer_group = again.controller.selection.layer_group
    points = layer_group.points
    again_keys = dict(points.keymap)
    driver.viewer.window.remove_dock_widget(again)
    assert dict(driver.viewer.keymap) == keys
    assert again_keys
    assert not points.keymap
    assert [layer.name for layer in driver.viewer.layers] == ["picture"]
    assert keys_before
    again.deleteLater()


def test_contrast_limits_are_the_window_of_the_model(make_driver, volume_data):
    driver = make_driver(volume_data, contrast_limits=(100, 900))
    driver.click(5, 20, 25)
    assert driver.session.window == (100, 900)
    driver.image.contrast_limits = (200, 400)
    driver.qtbot.waitUntil(lambda: driver.session.window == (200, 400), timeout=5000)
    assert "200 … 400" in driver.widget.source.window_label.text()


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


@pytest.mark.parametrize("axis", ["y", "x"])
def test_volume_along_another_axis(make_driver, volume_data, axis):
    driver = make_driver(volume_data, scale=(3, 0.7, 0.7))
    driver.controller.selection.choose_axis(axis)
    index = "zyx".index(axis)
    assert driver.viewer.dims.order[0] == index
    assert driver.widget.run.last_box.value() == volume_data.shape[index] - 1
    driver.click(6, 20, 25)
    assert driver.labels[6, 20, 25] == 1
    others = tuple(i for i in range(3) if i != index)
    assert np.flatnonzero(driver.labels.any(axis=others)).tolist() == [(6, 20, 25)[index]]
    driver.controller.propagate("both")
    driver.settle()
    assert driver.labels.any(axis=others).all()


def test_four_dimensions_without_names_are_followed_in_space(make_driver):
    driver = make_driver(np.zeros((4, 5, 30, 30), np.float32))
    assert [driver.widget.source.axis_box.itemData(i) for i in range(2)] == ["z", "t"]


def test_time_lapse_and_four_dimensions(make_driver):
    data = np.random.default_rng(1).random((4, 5, 30, 30)).astype(np.float32)
    driver = make_driver(data, axis_labels=("t", "z", "y", "x"))
    assert driver.widget.source.axis_box.itemData(0) == "t"
    driver.viewer.dims.set_current_step(1, 2)
    driver.click(1, 2, 15, 15)
    assert driver.labels[1, 2, 15, 15] == 1
    driver.controller.propagate("both")
    driver.settle()
    assert np.argwhere(driver.labels.any(axis=(2, 3))).tolist() == [[t, 2] for t in range(4)]
    driver.viewer.dims.set_current_step(1, 3)
    driver.click(0, 3, 5, 5)
    assert driver.labels[0, 3, 5, 5] == 1
    assert driver.labels[1, 2, 15, 15] == 1


def test_single_picture_and_rgb(make_driver):
    data = np.random.default_rng(1).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    driver = make_driver(data, rgb=True)
    driver.click(20, 25)
    assert driver.labels.shape == (40, 50)
    assert driver.labels[20, 25] == 1
    assert not driver.widget.run.both_button.isEnabled()
    assert "no other slice" in driver.widget.run.both_button.toolTip()


def test_outline_of_the_models_window(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    outline = driver.layer_group.outline
    corners = outline.data[0]
    assert corners[:, 0].tolist() == [5] * 4
    assert corners[:, 1:].min(axis=0).tolist() == [-0.5, 0.5]
    assert corners[:, 1:].max(axis=0).tolist() == [38.5, 47.5]
    assert driver.viewer.layers.selection.active is driver.layer_group.points
    driver.controller.step(back=True)
    driver.settle()
    assert outline.nshapes == 0


def test_labels_layer_that_was_deleted_comes_back(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.viewer.layers.remove(driver.layer_group.labels)
    driver.click(7, 20, 25)
    assert driver.labels[5, 20, 25] == 1
    assert driver.labels[7, 20, 25] == 1


def test_deleting_the_points_layer_deletes_its_prompts(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.viewer.layers.remove(driver.layer_group.points)
    driver.settle()
    assert not driver.labels.any()


def test_without_an_image_everything_says_why(make_napari_viewer):
    from napari_sam2.plugin.dock_widget import SegmentWidget

    viewer = make_napari_viewer()
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget)
    for button in (widget.prompt.point_button, widget.run.both_button, widget.objects.next_button):
        assert not button.isEnabled()
        assert "no image" in button.toolTip()
    viewer.add_image(np.zeros((5, 5, 5)))
    assert widget.prompt.point_button.isEnabled()
    widget.controller.close()


def test_error_of_the_model_becomes_a_warning(make_napari_viewer, qtbot, volume_data, warned):
    from napari_sam2.errors import ModelNotDownloadedError
    from napari_sam2.plugin.dock_widget import SegmentWidget

    def load(name, device):
        raise ModelNotDownloadedError("sam2.1-tiny is not on this computer.")

    viewer = make_napari_viewer()
    viewer.add_image(volume_data)
    widget = SegmentWidget(viewer, load=load)
    viewer.window.add_dock_widget(widget)
    widget.controller.tools.activate("point")
    widget.controller.selection.layer_group.points.add([1, 5, 5])
    qtbot.waitUntil(lambda: bool(warned), timeout=5000)
    assert warned == ["sam2.1-tiny is not on this computer."]
    widget.controller.close()


def test_saved_labels_are_those_of_the_layer(make_driver, volume_data, tmp_path):
    import napari_sam2 as ns

    driver = make_driver(volume_data, scale=(3, 0.7, 0.7))
    driver.click(5, 20, 25)
    path = tmp_path / "labels.nii.gz"
    driver.controller.save(path)
    driver.settle()
    assert driver.labels.any()
    volume = driver.controller.selection.worker.volume
    assert np.array_equal(ns.read_labels(path, volume), driver.labels)
    assert ns.read_volume(path).spacing == pytest.approx((3, 0.7, 0.7))
