"""The dock widget in a real viewer, with a predictor that needs no network."""

from __future__ import annotations

import threading

import numpy as np
import pytest


def test_click_shows_the_mask_of_its_slice_at_once(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    assert driver.labels[5, 20, 25] == 1
    assert driver.labels.any(axis=(1, 2)).tolist() == [i == 5 for i in range(12)]
    assert threading.main_thread() not in driver.predictor.threads


def test_box_takes_the_pixels_whose_centres_lie_inside(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(3, 9.6, 4.2, 20.4, 30.0)
    rows, columns = np.nonzero(driver.labels[3])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 20, 5, 30)


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
    assert corners[:, 1:].min(axis=0).tolist() == [0, 0.5]
    assert corners[:, 1:].max(axis=0).tolist() == [38.5, 47.5]
    assert driver.viewer.layers.selection.active is driver.layer_group.points
    driver.controller.step(back=True)
    driver.settle()
    assert outline.nshapes == 0


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
