"""Marks that come and go while the model is busy leave everything as it was."""

from __future__ import annotations

import numpy as np
import pytest


def busy_elsewhere(d):
    """Let the worker be busy with another slice, and wait until it is."""
    d.predictor.delay = 0.3
    asked = len(d.predictor.asked)
    d.layer_group.points.add(np.array((10, 20, 25), float))
    d.qtbot.waitUntil(lambda: len(d.predictor.asked) > asked, timeout=10000)


@pytest.fixture
def tracked(desk, volume_data):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    d.controller.propagate("both")
    d.settle()
    d.controller.tools.take("point")
    d.controller.tools.take("box")
    return d


def test_a_click_deleted_while_the_model_is_busy_leaves_the_mask_of_its_slice(tracked):
    d = tracked
    before = d.session.labels()
    busy_elsewhere(d)
    points = d.layer_group.points
    points.add(np.array((7, 30, 30), float))
    points.selected_data = {len(points.data) - 1}
    points.remove_selected()
    d.settle()
    assert np.array_equal(d.session.labels()[:10], before[:10])
    assert np.array_equal(d.labels, d.session.labels())
    assert d.session.prompted_frames(1) == [5, 10]


def test_a_box_dropped_while_the_model_is_busy_leaves_the_mask_of_its_slice(tracked):
    d = tracked
    before = d.session.labels()
    busy_elsewhere(d)
    boxes = d.layer_group.boxes
    boxes.add_rectangles(np.array([(7, 25, 25), (7, 25, 35), (7, 35, 35), (7, 35, 25)], float))
    boxes.remove([boxes.nshapes - 1])
    d.settle()
    assert np.array_equal(d.session.labels()[:10], before[:10])
    assert np.array_equal(d.labels, d.session.labels())


def test_the_data_of_a_layer_set_back_while_the_model_is_busy_leaves_the_mask(tracked):
    d = tracked
    before = d.session.labels()
    busy_elsewhere(d)
    points = d.layer_group.points
    data, features = points.data.copy(), points.features.copy()
    points.add(np.array((7, 30, 30), float))
    points.data, points.features = data, features
    d.settle()
    assert np.array_equal(d.session.labels()[:10], before[:10])
