"""What the user sees is what the model gets."""

from __future__ import annotations

import numpy as np


def spread(low, high, dtype, shape=(5, 20, 30)):
    values = np.linspace(low, high, int(np.prod(shape)))
    return values.reshape(shape).astype(dtype)


def test_default_window_replaces_only_what_napari_guessed(make_driver):
    data = np.zeros((6, 40, 50), np.float32)
    data[:, 5:35, 5:45] = np.random.default_rng(0).normal(1040, 20, (6, 30, 40))
    data[0, 6, 6] = 4000
    driver = make_driver(data)
    driver.settle()
    low, high = driver.image.contrast_limits
    assert 940 < low < 1000
    assert 1080 < high < 1140
    chosen = driver.viewer.add_image(data + 1, name="chosen", contrast_limits=(-100, 300))
    driver.controller.selection.choose_image(chosen)
    driver.settle()
    assert tuple(chosen.contrast_limits) == (-100, 300)
    ct = driver.viewer.add_image(data - 1000, name="CT")
    driver.controller.selection.choose_image(ct)
    driver.settle()
    assert tuple(ct.contrast_limits) == (-160, 240)


def test_contrast_limits_are_the_window_of_the_model(make_driver, volume_data):
    driver = make_driver(volume_data, contrast_limits=(100, 900))
    driver.click(5, 20, 25)
    assert driver.session.window == (100, 900)
    driver.image.contrast_limits = (200, 400)
    driver.qtbot.waitUntil(lambda: driver.session.window == (200, 400), timeout=5000)
    assert "200 … 400" in driver.widget.source.window_label.text()


def test_a_window_that_the_widget_chose_leaves_room(make_driver):
    data = spread(-1000, 1000, np.float32, (12, 40, 50))
    data[3, 5, 5] = np.nan
    driver = make_driver(data)
    driver.settle()
    (low, high), (least, most) = driver.image.contrast_limits, driver.image.contrast_limits_range
    assert -1000 < low < high < 1000
    assert (least, most) == (-1000, 1000)
    driver.image.contrast_limits = (-1000, 900)
    driver.settle()
    assert driver.controller.selection.worker.contrast_limits == (-1000, 900)
