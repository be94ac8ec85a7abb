"""Round trips between volume, frame and coordinates, for every axis order and fixed index."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.frames import FrameGrid, default_frame_axis, rectangle_to_box
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError

AXES = ["yx", "zyx", "tyx", "tzyx", "zcyx", "tczyx"]


@st.composite
def grids(draw):
    axes = draw(st.sampled_from(AXES))
    shape = tuple(draw(st.integers(2, 5)) for _ in axes)
    volume = ImageVolume(np.arange(np.prod(shape)).reshape(shape), axes=axes)
    free = [a for a in axes if a != "c"]
    if len(free) == 2:
        return volume, FrameGrid.of(volume)
    frame_axis = draw(st.sampled_from(free))
    rest = [a for a in free if a != frame_axis]
    fixed = draw(st.permutations(rest))[: len(rest) - 2]
    at = {a: draw(st.integers(0, shape[axes.index(a)] - 1)) for a in fixed}
    return volume, FrameGrid.of(volume, frame_axis, at, channel=0 if "c" in axes else None)


@given(grids(), st.data())
def test_point_round_trip(case, data):
    _, grid = case
    frame = data.draw(st.integers(0, grid.frame_count - 1))
    y = data.draw(st.floats(-0.5, grid.frame_shape[0] - 0.5))
    x = data.draw(st.floats(-0.5, grid.frame_shape[1] - 0.5))
    assert grid.to_frame(grid.from_frame(frame, y, x)) == (frame, y, x)


@given(grids(), st.data())
def test_a_voxel_has_one_place(case, data):
    """The voxel that a point names in the labels grid is the pixel that the frame shows there."""
    volume, grid = case
    frame = data.draw(st.integers(0, grid.frame_count - 1))
    y = data.draw(st.integers(0, grid.frame_shape[0] - 1))
    x = data.draw(st.integers(0, grid.frame_shape[1] - 1))
    index = tuple(int(v) for v in grid.from_frame(frame, y, x))
    by_axis = dict(zip(grid.label_axes, index, strict=True)) | {"c": 0}
    value = volume.array[tuple(by_axis[a] for a in volume.axes)]
    assert grid.read(volume.array, frame)[y, x] == value
    labels = np.zeros(grid.label_shape, bool)
    plane = np.zeros(grid.frame_shape, bool)
    plane[y, x] = True
    labels[grid.label_index(frame)] = plane
    assert labels[index]
    assert labels.sum() == 1


@pytest.mark.parametrize(
    ("axes", "spacing", "expected"),
    [
        ("tyx", {"y": 9.0, "x": 1.0}, "t"),
        ("zyx", {"z": 3.0, "y": 0.7, "x": 0.7}, "z"),
        ("zyx", {"z": 0.7, "y": 0.7, "x": 3.0}, "x"),
        ("zyx", {"z": 1.0, "y": 1.0, "x": 1.0}, "z"),
        ("zyx", {"z": 1.0, "y": 1.0001, "x": 1.0}, "z"),
        ("yx", {}, None),
    ],
)
def test_default_axis(axes, spacing, expected):
    assert default_frame_axis(axes, spacing) == expected


def test_an_axis_that_may_not_be_time_comes_after_the_spatial_ones():
    spacing = {"z": 3.0, "y": 1.0, "x": 1.0}
    assert default_frame_axis("tzyx", spacing, time_is_declared=False) == "z"
    assert default_frame_axis("tyx", spacing, time_is_declared=False) == "t"
    volume = ImageVolume(np.zeros((2, 3, 4, 5)), axes="tzyx", is_time_declared=False)
    assert FrameGrid.of(volume, at={"t": 1}).frame_axis == "z"
    with pytest.raises(VolumeError, match=r"at=\{'t': 0\}"):
        FrameGrid.of(volume)
    assert FrameGrid.of(volume, "t", at={"z": 1}).frame_count == 2


def test_half_a_voxel_belongs_to_the_upper_one():
    grid = FrameGrid("zyx", (4, 4, 4), "z")
    assert [grid.to_frame((z, 0, 0))[0] for z in (0.49, 0.5, 1.49, 1.5)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"frame_axis": "q"}, "no axis 'q'"),
        ({"frame_axis": "z", "at": {"t": 9}}, "outside the volume"),
        ({"frame_axis": "z"}, "Fix the others"),
        ({"frame_axis": "z", "at": {"z": 0}}, "names no free axis"),
        ({"frame_axis": "z", "at": {"t": 0}, "channel": 1}, "no channel axis"),
    ],
)
def test_errors_say_what_to_do(kwargs, text):
    with pytest.raises(VolumeError, match=text):
        FrameGrid.of(ImageVolume(np.zeros((2, 3, 4, 5)), axes="tzyx"), **kwargs)


def test_channels_become_rgb():
    volume = ImageVolume(np.random.default_rng(0).random((3, 4, 5, 6)), axes="zcyx")
    grid = FrameGrid.of(volume, "z", channel=(2, 0, 1))
    assert np.array_equal(grid.read(volume.array, 1), np.moveaxis(volume.array[1][[2, 0, 1]], 0, -1))
    assert grid.label_shape == (3, 5, 6)


@given(
    st.integers(0, 20), st.integers(0, 20), st.integers(1, 9), st.integers(1, 9), st.floats(0.01, 0.99), st.booleans()
)
def test_rectangle_takes_the_pixels_whose_centres_it_holds(y, x, height, width, inset, flip):
    corners = np.array([[y - inset, x - inset], [y + height - 1 + inset, x + width - 1 + inset]])
    corners = corners[::-1] if flip else corners
    assert rectangle_to_box(corners) == (y, x, y + height, x + width)


def test_every_axis_order_of_a_frame_is_in_array_order():
    for axes in itertools.permutations("zyx"):
        grid = FrameGrid("".join(axes), (2, 3, 4), axes[1])
        assert grid.plane_axes == axes[0] + axes[2]
