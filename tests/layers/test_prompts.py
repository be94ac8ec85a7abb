"""Markers in layers ⇄ prompts by object and frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.prompts import BoxPrompt, PointPrompt, PromptSet
from napari_sam2.core.volume import ImageVolume
from napari_sam2.layers.prompts import (
    NEGATIVE,
    POSITIVE,
    flip_polarity,
    make_boxes,
    make_points,
    read_prompts,
    rectangle_of,
    set_next,
    write_prompts,
)

SHAPE = (12, 40, 50)


def grid_along(axis):
    return FrameGrid.of(ImageVolume(np.zeros(SHAPE, np.uint8)), axis)


@pytest.fixture
def layers():
    image = Image(np.zeros(SHAPE, np.uint8), scale=(3, 0.7, 0.7))
    return make_points(image, 1), make_boxes(image, 1)


def test_points_carry_object_and_polarity(layers):
    points, boxes = layers
    points.add([5, 20.25, 25])
    set_next(points, boxes, 2, NEGATIVE)
    points.add([5.4, 1, 2])
    assert read_prompts(points, boxes, grid_along("z")) == {
        (1, 5): PromptSet((PointPrompt(20.25, 25),)),
        (2, 5): PromptSet((PointPrompt(1, 2, False),)),
    }


@pytest.mark.parametrize(("axis", "key", "point"), [("z", 5, (20, 25)), ("y", 20, (5, 25)), ("x", 25, (5, 20))])
def test_the_frame_is_the_index_along_the_chosen_axis(layers, axis, key, point):
    points, _ = layers
    points.add([5, 20, 25])
    assert read_prompts(points, None, grid_along(axis)) == {(1, key): PromptSet((PointPrompt(*point),))}


def test_markers_outside_the_volume_are_left_out(layers):
    points, boxes = layers
    points.add([[-1, 5, 5], [5, 40, 5], [12, 5, 5]])
    assert read_prompts(points, boxes, grid_along("z")) == {}


def test_rectangle_over_several_slices_is_no_box(layers):
    points, boxes = layers
    boxes.add_rectangles(np.array([[3, 5, 5], [3, 5, 20], [6, 9, 20], [6, 9, 5]], float))
    assert read_prompts(points, boxes, grid_along("z")) == {}


def test_flip_changes_colour_too(layers):
    points, _ = layers
    points.add([[5, 1, 1], [5, 2, 2]])
    flip_polarity(points, [1])
    assert points.features["polarity"].tolist() == [POSITIVE, NEGATIVE]
    assert points.face_color[0, 2] > 0.7 > points.face_color[1, 2]


prompt_tables = st.dictionaries(
    st.tuples(st.integers(1, 3), st.integers(0, 11)),
    st.builds(
        PromptSet,
        st.lists(st.builds(PointPrompt, st.integers(0, 39), st.integers(0, 49), st.booleans()), max_size=3).map(tuple),
        st.none()
        | st.builds(BoxPrompt, st.integers(0, 19), st.integers(0, 19), st.integers(20, 40), st.integers(20, 50)),
    ).filter(bool),
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(prompt_tables, prompt_tables)
def test_what_is_written_is_read_again(first, second):
    image = Image(np.zeros(SHAPE, np.uint8))
    points, boxes = make_points(image, 1), make_boxes(image, 1)
    grid = grid_along("z")
    for table in (first, second):
        assert write_prompts(points, boxes, grid, table) == table
        assert read_prompts(points, boxes, grid) == table


fractions = st.floats(0, 1, allow_subnormal=False)


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[fractions] * 6), st.sampled_from("zyx"))
def test_what_a_session_holds_is_written_as_it_will_be_read(where, axis):
    """A session that was made by a script has boxes and points anywhere between the pixels."""
    image = Image(np.zeros(SHAPE, np.uint8))
    points, boxes = make_points(image, 1), make_boxes(image, 1)
    grid = grid_along(axis)
    height, width = grid.frame_shape
    y, x, y0, x0, y1, x1 = where
    box = BoxPrompt(y0 * (height - 1), x0 * (width - 1), y0 * (height - 1) + y1 + 0.01, x0 * (width - 1) + x1 + 0.01)
    table = {(1, 3): PromptSet((PointPrompt(y * height - 0.5, x * width - 0.5, False),), box)}
    assert write_prompts(points, boxes, grid, table) == read_prompts(points, boxes, grid)


def test_a_drawn_rectangle_keeps_its_corners(layers):
    points, boxes = layers
    grid = grid_along("z")
    drawn = np.array([[3, 4.6, 5.2], [3, 4.6, 20.3], [3, 9.1, 20.3], [3, 9.1, 5.2]])
    boxes.add_rectangles(drawn)
    write_prompts(points, boxes, grid, read_prompts(points, boxes, grid))
    assert np.allclose(boxes.data[0], drawn)


def test_rectangle_encloses_its_pixels():
    corners = rectangle_of(BoxPrompt(2, 3, 5, 7), 4, grid_along("z"))
    assert corners.min(axis=0).tolist() == [4, 1.5, 2.5]
    assert corners.max(axis=0).tolist() == [4, 4.5, 6.5]
