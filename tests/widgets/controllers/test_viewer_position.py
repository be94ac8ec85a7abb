"""Frames and the sliders of the viewer."""

from __future__ import annotations

import numpy as np


def test_frames_are_found_where_another_layer_has_finer_slices(make_driver, volume_data):
    driver = make_driver(volume_data, scale=(3, 1, 1), translate=(7, 0, 0))
    driver.viewer.add_image(np.zeros((60, 40, 50), np.uint8), name="finer")
    driver.controller.selection.choose_image(driver.image)
    for frame in (0, 4, 11):
        driver.show_frame(frame)
        assert driver.controller.selection.shown_frame() == frame
        assert driver.viewer.dims.point[0] == 7 + 3 * frame


def test_the_frame_is_the_one_shown_where_layers_of_another_unit_are_shown(make_driver, volume_data):
    driver = make_driver(volume_data, scale=(3, 1, 1), units=("mm",) * 3)
    selection = driver.controller.selection
    driver.show_frame(5)
    other = np.zeros((12, 40, 50), np.uint8)
    driver.viewer.add_image(other, name="µm", scale=(3000, 1000, 1000), units=("um",) * 3, visible=False)
    selection.choose_image(driver.image)
    for step in (4, 7):
        driver.viewer.dims.set_current_step(0, step)
        assert np.array_equal(driver.image._data_view, volume_data[step])
        assert selection.shown_frame() == step
    driver.show_frame(6)
    assert np.array_equal(driver.image._data_view, volume_data[6])
    # napari takes a click for one in micrometres, whatever the unit of the layer.
    driver.controller.tools.activate("point")
    assert "same unit" in driver.controller.context.last_message
    driver.click(6, 20000, 25000)
    assert "same unit" in driver.controller.context.last_message
    driver.viewer.layers.remove("µm")
    assert selection.units_doubt == ""
