"""Markers that cannot stay as they were drawn."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.volume import ImageVolume
from napari_sam2.layers.marker_cleanup import boxes_to_remove, points_to_remove, set_newest_features
from napari_sam2.layers.prompts import NEGATIVE, POSITIVE, make_boxes, make_points

SHAPE = (6, 30, 40)


@pytest.fixture
def grid():
    return FrameGrid.of(ImageVolume(np.zeros(SHAPE, np.uint8)), "z")


@pytest.fixture
def image():
    return Image(np.zeros(SHAPE, np.uint8))


def draw(boxes, frame, y0, x0, y1, x1):
    boxes.add_rectangles(np.array([(frame, y0, x0), (frame, y0, x1), (frame, y1, x1), (frame, y1, x0)], float))


def test_older_boxes_of_an_object_on_a_frame_go(image, grid):
    boxes = make_boxes(image, 1)
    draw(boxes, 1, 2, 2, 9, 9)
    draw(boxes, 2, 2, 2, 9, 9)
    draw(boxes, 1, 5, 5, 9, 9)
    assert boxes_to_remove(boxes, grid, just_drawn=False) == ([0], False)


def test_a_box_without_a_voxel_centre_is_bad(image, grid):
    boxes = make_boxes(image, 1)
    draw(boxes, 1, 2, 2, 9, 9)
    draw(boxes, 1, 2.2, 2.2, 2.4, 2.4)
    assert boxes_to_remove(boxes, grid, just_drawn=False) == ([1], True)


def test_a_box_on_a_frame_that_is_not_there_is_bad_only_when_it_was_just_drawn(image, grid):
    boxes = make_boxes(image, 1)
    draw(boxes, 9, 2, 2, 9, 9)
    assert boxes_to_remove(boxes, grid, just_drawn=False) == ([], False)
    assert boxes_to_remove(boxes, grid, just_drawn=True) == ([0], True)


def test_points_beside_the_picture_go_and_older_ones_on_missing_frames_stay(image, grid):
    points = make_points(image, 1)
    points.add([(9, 5, 5), (1, 5, 50), (1, 5, 5), (9, 5, 5)])
    assert points_to_remove(points, grid, new=1) == {1, 3}
    assert points_to_remove(points, grid, new=0) == {1}


def test_only_the_newest_point_gets_the_features(image):
    points = make_points(image, 1)
    points.add([(1, 5, 5), (1, 6, 6)])
    set_newest_features(points, {"obj": 3, "polarity": NEGATIVE, "along": "z"})
    assert points.features["obj"].tolist() == [1, 3]
    assert points.features["polarity"].tolist() == [POSITIVE, NEGATIVE]
    assert points.features["along"].tolist() == ["", "z"]
