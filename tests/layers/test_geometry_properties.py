"""World → data → frame → world is the identity, wherever a layer lies and however it is shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels
from scipy.spatial.transform import Rotation

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.prompts import BoxPrompt
from napari_sam2.layers.geometry import geometry_of, same_place
from napari_sam2.layers.image import grid_for_layers, grid_shape, place_on, volume_from_layer
from napari_sam2.layers.prompts import make_boxes, make_points, read_prompts, rectangle_of

# napari says so about every layer that is turned out of its slices; ours must lie on it all the same.
pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
PLANES = ["yx", "zyx", "tyx", "xyz", "zxy", "cyx", "tzyx", "zcyx", "tczyx"]
# Without shrinking, which takes minutes with layers of napari.
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)

steps = st.builds(lambda size, sign: size * sign, st.floats(0.05, 20), st.sampled_from([1, -1]))
places = st.floats(-500, 500)


def turn(draw, ndim):
    """An affine that turns and shears the axes of space, the last two or three, and moves all."""
    matrix = np.eye(ndim + 1)
    if ndim == 2:
        angle = draw(st.floats(-np.pi, np.pi))
        linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    else:
        linear = Rotation.from_euler("zyx", [draw(st.floats(-np.pi, np.pi)) for _ in range(3)]).as_matrix()
    size = len(linear)
    shear = np.eye(size) + np.triu([[draw(st.floats(-0.5, 0.5)) for _ in range(size)] for _ in range(size)], 1)
    matrix[-size - 1 : -1, -size - 1 : -1] = linear @ shear
    matrix[:-1, -1] = [draw(places) for _ in range(ndim)]
    return matrix


@st.composite
def images(draw, axes=PLANES, turned=True):
    """An image of one to four voxels along each axis, anywhere."""
    letters = draw(st.sampled_from(axes))
    shape = tuple(draw(st.integers(1, 4)) for _ in letters)
    options = {
        "scale": [draw(steps) for _ in letters],
        "translate": [draw(places) for _ in letters],
        "axis_labels": tuple(letters),
        "rgb": False,
    }
    if turned and draw(st.booleans()):
        options["affine"] = turn(draw, len(letters))
    return Image(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), **options)


@st.composite
def frames(draw, image):
    """Some grid of an image as its layers need it."""
    volume = volume_from_layer(image)
    free = list(volume.label_axes)
    if len(free) == 2:
        return grid_for_layers(image, FrameGrid.of(volume))
    axis = draw(st.sampled_from(free))
    rest = [a for a in free if a != axis]
    fixed = draw(st.permutations(rest))[: len(rest) - 2]
    at = {a: draw(st.integers(0, volume.size_of(a) - 1)) for a in fixed}
    return grid_for_layers(image, FrameGrid.of(volume, axis, at))


def some_place(draw, grid):
    """A frame of a grid, and a place inside its picture, not on the border of a pixel."""
    inside = st.floats(-0.49, 0.49)
    height, width = grid.frame_shape
    frame = draw(st.integers(0, grid.frame_count - 1))
    y, x = (draw(st.integers(0, n - 1)) + draw(inside) for n in (height, width))
    return frame, y, x


@QUICK
@given(st.data())
def test_world_to_frame_and_back(data):
    image = data.draw(images())
    grid = data.draw(frames(image))
    frame, y, x = some_place(data.draw, grid)
    world = image.data_to_world(grid.from_frame(frame, y, x))
    found = grid.to_frame(image.world_to_data(world))
    assert found[0] == frame
    assert found[1:] == pytest.approx((y, x), abs=1e-6)
    again = image.data_to_world(grid.from_frame(*found))
    assert np.allclose(again, world, rtol=1e-9, atol=1e-6)


@QUICK
@given(st.data())
def test_half_a_voxel_off_is_still_the_same_frame(data):
    """A click beside the middle of its slice, as on a slice that is turned, is on the nearest frame."""
    image = data.draw(images(["zyx", "xyz", "tzyx", "tczyx"]))
    grid = data.draw(frames(image))
    frame, y, x = some_place(data.draw, grid)
    place = np.array(grid.from_frame(frame, y, x))
    place[grid.label_axes.index(grid.frame_axis)] += data.draw(st.floats(-0.49, 0.49))
    assert grid.to_frame(image.world_to_data(image.data_to_world(place)))[0] == frame


@QUICK
@given(st.data())
def test_made_layers_show_the_same_voxel_at_the_same_place(data):
    image = data.draw(images())
    labels = Labels(np.zeros(grid_shape(image), np.uint16), **place_on(image))
    copy = Image(image.data, rgb=False, **geometry_of(image))
    assert same_place(image, copy)
    volume = volume_from_layer(image)
    grid = data.draw(frames(image))
    place = np.array(grid.from_frame(*some_place(data.draw, grid)))
    theirs, ours = image.data_to_world(place), np.array(labels.data_to_world(place))
    channel = volume.axes.find("c")
    if channel < 0:
        assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-6)
        return
    # The one voxel of all channels is as long as they are, and lies around their middle.
    count = volume.size_of("c")
    for index in range(count):
        place[channel] = index
        back = labels.world_to_data(image.data_to_world(place))
        assert back[channel] == pytest.approx((index - (count - 1) / 2) / count, abs=1e-5)
        others = [i for i in range(image.ndim) if i != channel]
        assert np.allclose(np.array(back)[others], place[others], atol=1e-5)


@QUICK
@given(st.data())
def test_the_volume_lies_where_its_layer_does(data):
    """The affine of the volume leads each voxel to the place in the world, in (x, y, z)."""
    image = data.draw(images(["zyx", "xyz", "zxy", "yxz"]))
    volume = volume_from_layer(image)
    index = {a: data.draw(st.integers(0, 5)) for a in "zyx"}
    world = dict(zip(volume.axes, image.data_to_world([index[a] for a in volume.axes]), strict=True))
    expected = [world["x"], world["y"], world["z"]]
    assert np.allclose(volume.affine[:3] @ [*(index[a] for a in "zyx"), 1], expected, rtol=1e-6, atol=1e-6)
    found = np.linalg.solve(volume.affine, [*expected, 1.0])
    assert np.allclose(found[:3], [index[a] for a in "zyx"], atol=1e-5)


@QUICK
@given(st.data())
def test_markers_mean_the_pixel_that_they_lie_on(data):
    image = data.draw(images(["yx", "zyx", "tyx", "xyz", "tzyx"]))
    grid = data.draw(frames(image))
    frame, y, x = some_place(data.draw, grid)
    points, boxes = make_points(image, 1), make_boxes(image, 1)
    points.add(points.world_to_data(image.data_to_world(grid.from_frame(frame, y, x))))
    row, column = round(y), round(x)
    box = BoxPrompt(row, column, row + 1, column + 1)
    boxes.add_rectangles(rectangle_of(box, frame, grid))
    found = read_prompts(points, boxes, grid)
    assert list(found) == [(1, frame)]
    (point,) = found[1, frame].points
    assert (point.y, point.x) == pytest.approx((y, x), abs=1e-5)
    assert found[1, frame].box == box


@QUICK
@given(st.data())
def test_what_is_under_the_cursor_is_the_voxel_of_its_frame(data):
    """In any order of the axes on the screen, by napari's own way from the cursor to a value."""
    image = data.draw(images(["yx", "zyx", "xyz", "tzyx", "tczyx"], turned=False))
    viewer = ViewerModel()
    viewer.add_layer(image)
    viewer.dims.order = data.draw(st.permutations(range(image.ndim)))
    grid = data.draw(frames(image))
    labels = Labels(np.arange(1, np.prod(grid_shape(image)) + 1).reshape(grid_shape(image)), **place_on(image))
    viewer.add_layer(labels)
    frame, y, x = some_place(data.draw, grid)
    world = image.data_to_world(grid.from_frame(frame, y, x))
    for axis, value in enumerate(world):
        viewer.dims.set_point(axis, value)
    # What is not on the screen is where the sliders are, which is the middle of a voxel.
    cursor = [world[i] if i in viewer.dims.displayed else p for i, p in enumerate(viewer.dims.point)]
    found = grid.to_frame(image.world_to_data(cursor))
    assert found[0] == frame
    value = labels.get_value(cursor, world=True)
    expected = labels.data[grid.label_index(frame)][int(np.floor(found[1] + 0.5)), int(np.floor(found[2] + 0.5))]
    assert value == expected


@QUICK
@given(st.data())
def test_the_frame_is_the_same_in_three_dimensions(data):
    image = data.draw(images(["zyx", "xyz", "tzyx", "tczyx"]))
    grid = data.draw(frames(image))
    assume(grid.frame_count > 1)
    viewer = ViewerModel()
    viewer.add_layer(image)
    frame, y, x = some_place(data.draw, grid)
    world = image.data_to_world(grid.from_frame(frame, y, x))
    viewer.dims.order = data.draw(st.permutations(range(image.ndim)))
    for ndisplay in (2, 3, 2):
        viewer.dims.ndisplay = ndisplay
        assert grid.to_frame(image.world_to_data(world))[0] == frame
        assert np.allclose(image.data_to_world(image.world_to_data(world)), world, atol=1e-6)
