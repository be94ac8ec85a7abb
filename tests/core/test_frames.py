"""Round trips between volume, frame and coordinates, for every axis order and fixed index."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.frames import FrameGrid, rectangle_to_box
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError

# Of one and of three axes beside the picture, the channel in every place.
AXES = [
    *("yx", "zyx", "tyx", "tzyx", "ztyx"),
    *("cyx", "yxc", "zcyx", "tcyx", "czyx", "zyxc"),
    *("tczyx", "tzcyx", "ctzyx", "ztcyx", "tzyxc", "xcyzt"),
]


@st.composite
def grids(draw):
    axes = draw(st.sampled_from(AXES))
    shape = tuple(draw(st.integers(2, 5)) for _ in axes)
    volume = ImageVolume(np.arange(np.prod(shape)).reshape(shape), axes=axes)
    free = [a for a in axes if a != "c"]
    channel = draw(st.integers(0, shape[axes.index("c")] - 1)) if "c" in axes else None
    if len(free) == 2:
        return volume, FrameGrid.of(volume, channel=channel)
    frame_axis = draw(st.sampled_from(free))
    rest = [a for a in free if a != frame_axis]
    fixed = draw(st.permutations(rest))[: len(rest) - 2]
    at = {a: draw(st.integers(0, shape[axes.index(a)] - 1)) for a in fixed}
    return volume, FrameGrid.of(volume, frame_axis, at, channel)


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
    by_axis = dict(zip(grid.label_axes, index, strict=True)) | {"c": grid.channels[0] if grid.channels else 0}
    value = volume.array[tuple(by_axis[a] for a in volume.axes)]
    assert grid.read(volume.array, frame)[y, x] == value
    labels = np.zeros(grid.label_shape, bool)
    plane = np.zeros(grid.frame_shape, bool)
    plane[y, x] = True
    labels[grid.label_index(frame)] = plane
    assert labels[index]
    assert labels.sum() == 1


def test_half_a_voxel_belongs_to_the_upper_one():
    grid = FrameGrid("zyx", (4, 4, 4), "z")
    assert [grid.to_frame((z, 0, 0))[0] for z in (0.49, 0.5, 1.49, 1.5)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("axes", "kwargs", "text"),
    [
        ("tzyx", {"frame_axis": "q"}, "no axis 'q'"),
        ("tzyx", {"frame_axis": "z", "at": {"t": 9}}, "outside the volume"),
        ("tzyx", {"frame_axis": "z"}, r"Fix the others, for example at=\{'t': 0\}"),
        ("tzyx", {"frame_axis": "z", "at": {"z": 0}}, "names no free axis"),
        ("tzyx", {"frame_axis": "z", "at": {"t": 0}, "channel": 1}, "no channel axis"),
        ("tzyx", {"frame_axis": "z", "at": {"t": True}}, "must be a whole number"),
        ("tzyx", {"frame_axis": "z", "at": {"t": 0, "y": 1}}, "only 'x' remains"),
        ("tzyx", {"frame_axis": "z", "at": "t"}, "index for an axis"),
        ("tczyx", {"frame_axis": "z"}, r"'tyx' remain of 'tczyx'\. Fix the others, for example at=\{'t': 0\}"),
        ("tczyx", {"frame_axis": "y", "at": {"t": 0, "z": 1}}, "only 'x' remains"),
        ("tczyx", {"frame_axis": "c", "at": {"t": 0}}, "Channels are no frames: propagate along one of 'tzyx'"),
        ("tczyx", {"frame_axis": "z", "at": {"t": 0, "c": 1}}, "Choose channels with channel=1"),
        ("tczyx", {"frame_axis": "z", "at": {"t": 0}, "channel": 7}, "of the 3 channels"),
        ("tczyx", {"frame_axis": "z", "at": {"t": 0}, "channel": -1}, "of the 3 channels"),
        ("tczyx", {"frame_axis": "z", "at": {"t": 0}, "channel": (0, 1, 2, 0)}, "one to three"),
        ("tczyx", {"frame_axis": "z", "at": {"t": 0}, "channel": ()}, "one to three"),
        ("tczyx", {"frame_axis": "z", "at": {"t": 0}, "channel": 1.0}, "an index, or up to three"),
        ("tczyx", {"frame_axis": "z", "at": {"t": 0}, "channel": "01"}, "an index, or up to three"),
    ],
)
def test_errors_say_what_to_do(axes, kwargs, text):
    volume = ImageVolume(np.zeros((2, 3, 4, 5, 6)[: len(axes)]), axes=axes)
    with pytest.raises(VolumeError, match=text):
        FrameGrid.of(volume, **kwargs)


@pytest.mark.parametrize("channel", [0, 2, (2,), (0, 2), (2, 0), (3, 1, 2), (1, 1, 0)])
@pytest.mark.parametrize("axes", ["tczyx", "tzcyx", "tzyxc"])
def test_channels_come_in_the_order_given(axes, channel):
    by_axis = {"t": 2, "c": 4, "z": 3, "y": 5, "x": 6}
    shape = tuple(by_axis[a] for a in axes)
    volume = ImageVolume(np.arange(np.prod(shape)).reshape(shape), axes=axes)
    grid = FrameGrid.of(volume, "z", at={"t": 1}, channel=channel)
    listed = (channel,) if isinstance(channel, int) else channel
    moved = np.moveaxis(volume.array, [axes.index(a) for a in "tzcyx"], range(5))
    planes = [moved[1, 2, c] for c in listed]
    expected = planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)
    assert np.array_equal(grid.read(volume.array, 2), expected)


def test_no_other_channel_is_read():
    asked = []

    class Store:
        shape, dtype = (4, 5, 6, 7), np.dtype(np.uint8)

        def __getitem__(self, index):
            asked.append(index)
            return np.zeros(self.shape, self.dtype)[index]

    volume = ImageVolume(Store(), axes="czyx")
    FrameGrid.of(volume, "z", channel=2).read(volume.parts, 1)
    FrameGrid.of(volume, "z", channel=(3, 2)).read(volume.parts, 1)
    assert [index[0] for index in asked] == [2, slice(2, 4)]


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
