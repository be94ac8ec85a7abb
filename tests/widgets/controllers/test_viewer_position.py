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
