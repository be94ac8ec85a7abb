"""A viewer that shows the layers of another one in another plane."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sam2.layers.planes import CROSS_NAME, Cross, Mirror, on_a_voxel, other_planes, planes_beside, turn_to


@pytest.mark.parametrize(
    ("letters", "shown", "planes"),
    [
        ("zyx", (1, 2), [(0, 1), (0, 2)]),
        ("zyx", (0, 2), [(0, 1), (1, 2)]),
        ("xyz", (1, 0), [(2, 1), (2, 0)]),
        ("tzyx", (2, 3), [(1, 2), (1, 3)]),
        ("zcyx", (2, 3), [(0, 2), (0, 3)]),
        ("tyx", (1, 2), [(0, 1), (0, 2)]),
        ("yx", (0, 1), []),
        ("cyx", (1, 2), []),
    ],
)
def test_the_planes_beside_the_one_that_is_shown(letters, shown, planes):
    assert other_planes(letters, shown) == planes


@pytest.fixture
def pair():
    source, target, asked = ViewerModel(), ViewerModel(), []
    image = source.add_image(np.random.default_rng(0).random((4, 8, 9)), name="ct", scale=(3, 1, 1))
    labels = source.add_labels(np.zeros((4, 8, 9), np.uint16), name="labels", scale=(3, 1, 1))
    source.add_points(np.zeros((1, 3)), name="points")
    return source, target, image, labels, asked, Mirror(source, target, lambda: asked.append(1))


def test_images_and_labels_are_shown_from_the_same_arrays(pair):
    _, target, image, labels, _, _ = pair
    assert [layer.name for layer in target.layers] == ["ct", "labels"]
    assert np.shares_memory(target.layers["ct"].data, image.data)
    assert np.shares_memory(target.layers["labels"].data, labels.data)
    assert not target.layers["labels"].editable
    assert target.layers["ct"].extent.world.tolist() == image.extent.world.tolist()


def test_what_is_changed_in_one_viewer_is_changed_in_the_other(pair):
    source, target, image, labels, _, _ = pair
    image.contrast_limits = (0.2, 0.4)
    image.gamma = 0.5
    image.scale = (5, 1, 1)
    labels.visible = False
    copy = target.layers["ct"]
    assert (tuple(copy.contrast_limits), copy.gamma, copy.scale.tolist()) == ((0.2, 0.4), 0.5, [5, 1, 1])
    assert not target.layers["labels"].visible
    source.layers.move(0, 3)
    assert [layer.name for layer in target.layers] == ["labels", "ct"]
    image.data = np.ones((4, 8, 9))
    assert target.layers["ct"].data is image.data
    source.layers.remove(labels)
    assert [layer.name for layer in target.layers] == ["ct"]


def test_what_is_written_into_the_labels_is_drawn_when_asked_for(pair):
    _, target, _, labels, asked, mirror = pair
    turn_to(target.dims, (0, 2))
    target.dims.set_current_step(1, 3)
    asked.clear()
    labels.data[:, 3, 4] = 7
    labels.refresh()
    assert asked
    mirror.redraw()
    assert np.count_nonzero(target.layers["labels"]._slice.image.raw == 7) == 4


def test_a_closed_mirror_follows_no_more(pair):
    source, target, image, _, _, mirror = pair
    mirror.close()
    assert len(target.layers) == 0
    source.add_image(np.zeros((4, 8, 9)))
    image.gamma = 0.3
    assert len(target.layers) == 0


def test_planes_of_an_image_with_fewer_axes_than_the_viewer():
    viewer = ViewerModel()
    viewer.add_labels(np.zeros((2, 4, 8, 9), int))
    image = viewer.add_image(np.zeros((4, 8, 9)))
    assert planes_beside(viewer.dims, image) == [(1, 2), (1, 3)]


def test_the_cross_stands_where_the_viewer_stands_and_leaves_the_sliders_alone():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((4, 8, 9)), scale=(3, 1, 1), units=("mm",) * 3)
    before = viewer.dims.range
    cross = Cross(viewer)
    viewer.dims.point = (6, 2, 5)
    cross.draw(image)
    down, across = viewer.layers[CROSS_NAME].data
    assert across.tolist() == [[2, 2, 0], [2, 2, 8]]
    assert down.tolist() == [[2, 0, 5], [2, 7, 5]]
    assert viewer.dims.range == before
    # The user's tool stays in hand.
    assert viewer.layers.selection.active is image
    cross.remove()
    assert CROSS_NAME not in viewer.layers


def test_just_between_two_voxels_a_viewer_goes_onto_one():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((4, 8, 9)), scale=(3, 1, 2))
    viewer.dims.point = (4.5, 3.5, 9)
    on_a_voxel(viewer.dims, image)
    assert viewer.dims.point == (6, 4, 8)
    viewer.dims.point = (4, 3.2, 8)
    on_a_voxel(viewer.dims, image)
    assert viewer.dims.point == (4, 3.2, 8)
