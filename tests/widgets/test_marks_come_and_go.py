"""Marks that come and go while the model is busy leave everything as it was."""

from __future__ import annotations

import numpy as np
import pytest


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
