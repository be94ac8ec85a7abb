"""How marks look."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sam2.core.colors import object_color
from napari_sam2.layers.marker_style import NEGATIVE, POSITIVE, style_marks, style_next
from napari_sam2.layers.prompts import add_points, make_boxes, make_points

COLORS = {1: (1.0, 0.0, 0.0)}


@pytest.fixture
def marks():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 40, 50)))
    points, boxes = make_points(image, 1), make_boxes(image, 1)
    viewer.add_layer(boxes)
    viewer.add_layer(points)
    return points, boxes


def test_inside_and_outside_differ_in_form_and_objects_in_their_border(marks):
    points, boxes = marks
    add_points(points, [(2, 10, 10), (2, 12, 10)], 1, POSITIVE)
    add_points(points, [(2, 30, 30)], 3, NEGATIVE)
    boxes.add_rectangles(np.array([(2, 5, 5), (2, 5, 15), (2, 15, 15), (2, 15, 5)], float))
    style_marks(points, boxes, COLORS)
    assert [str(symbol) for symbol in points.symbol] == ["cross", "cross", "hbar"]
    assert np.allclose(points.border_color[:2, :3], (1, 0, 0))
    assert np.allclose(points.border_color[2, :3], object_color(3))
    assert np.allclose(boxes.edge_color[0, :3], (1, 0, 0))


def test_the_number_is_shown_where_marks_are_of_several_objects(marks):
    points, boxes = marks
    add_points(points, [(2, 10, 10)], 1, POSITIVE)
    style_marks(points, boxes, COLORS)
    assert not points.text.visible
    add_points(points, [(2, 20, 20)], 4, POSITIVE)
    style_marks(points, boxes, COLORS)
    assert points.text.visible
    assert points.text.values.tolist() == ["1", "4"]


def test_the_next_mark_looks_like_what_it_means(marks):
    points, boxes = marks
    style_next(points, boxes, 1, NEGATIVE, COLORS)
    points.add((2, 10, 10))
    assert [str(symbol) for symbol in points.symbol] == ["hbar"]
    assert np.allclose(points.border_color[0, :3], (1, 0, 0))
