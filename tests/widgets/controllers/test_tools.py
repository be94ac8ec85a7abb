"""Tools and polarity."""

from __future__ import annotations

import numpy as np

from napari_sam2.layers.prompts import NEGATIVE, POSITIVE


def test_t_flips_the_next_point_or_the_selected_ones(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.controller.tools.activate("point")
    points = driver.layer_group.points
    driver.controller.tools.flip()
    assert driver.widget.prompt.outside_button.isChecked()
    driver.click(5, 20, 25)
    assert points.features["polarity"].tolist() == [NEGATIVE]
    assert [str(symbol) for symbol in points.symbol] == ["hbar"]
    points.mode = "select"
    points.selected_data = {0}
    driver.controller.tools.flip()
    driver.settle()
    assert points.features["polarity"].tolist() == [POSITIVE]
    assert [str(symbol) for symbol in points.symbol] == ["cross"]
    assert np.allclose(points.face_color[0, :3], (0x3D / 255, 0x9B / 255, 1), atol=0.01)
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


def test_points_are_at_hand_at_once_and_boxes_a_moment_later(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.controller.tools.activate("point")
    assert driver.layer_group.boxes is None
    assert driver.controller.tools.active_tool() == "point"
    assert driver.controller.busy
    driver.settle()
    assert driver.layer_group.owned() == [driver.layer_group.boxes, driver.layer_group.points]
    assert driver.controller.tools.active_tool() == "point"


def test_no_layer_of_boxes_comes_after_its_image_has_gone(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.controller.tools.activate("point")
    driver.viewer.layers.remove(driver.image)
    driver.settle()
    assert not driver.viewer.layers
