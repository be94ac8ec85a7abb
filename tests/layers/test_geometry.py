"""Layers that the package makes lie exactly on the image."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_sam2.layers.geometry import copy_geometry, geometry_of, same_place
from napari_sam2.layers.labels import make_labels
from napari_sam2.layers.prompts import make_boxes, make_points
from napari_sam2.layers.window_outline import make_outline

# napari says so about every layer that is turned out of its slices; ours must lie on it all the same.
pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")

SHAPE = (12, 40, 50)
ANGLE = np.deg2rad(20)
AFFINE = np.array(
    [[1, 0, 0, 3], [0, np.cos(ANGLE), -np.sin(ANGLE), -2], [0, np.sin(ANGLE), np.cos(ANGLE), 7], [0, 0, 0, 1]]
)
PLACES = {
    "plain": {},
    "spacing": {"scale": (3, 0.7, 0.7), "units": ("mm", "mm", "mm"), "axis_labels": ("z", "y", "x")},
    "translated": {"scale": (3, 0.7, 0.7), "translate": (-100, 12.5, 4)},
    "rotated": {"scale": (3, 0.7, 0.7), "rotate": (10, 25, -40), "translate": (1, 2, 3)},
    "sheared": {"scale": (3, 0.7, 0.7), "shear": (0.1, 0.2, 0.3)},
    "affine": {"scale": (3, 0.7, 0.7), "affine": AFFINE},
}


@pytest.fixture(params=PLACES)
def image(request):
    return Image(np.zeros(SHAPE, np.int16), **PLACES[request.param])


@pytest.mark.parametrize("make", [make_labels, make_outline, lambda i: make_points(i, 1), lambda i: make_boxes(i, 1)])
def test_made_layers_lie_on_the_image(image, make):
    layer = make(image)
    assert same_place(image, layer)
    assert layer.units == image.units
    assert layer.axis_labels == image.axis_labels
    for point in ([0, 0, 0], [11, 39, 49], [5.5, 3.25, 8]):
        assert np.allclose(image.data_to_world(point), layer.data_to_world(point))


def test_labels_have_the_extent_of_the_image(image):
    labels = make_labels(image)
    assert labels.data.shape == SHAPE
    assert labels.data.dtype == np.uint16
    assert np.allclose(labels.extent.world, image.extent.world)


def test_copying_moves_a_layer(image):
    other = Image(np.zeros(SHAPE))
    copy_geometry(image, other)
    assert same_place(image, other)


def test_geometry_is_a_copy(image):
    geometry_of(image)["scale"][:] = 99
    assert not np.any(np.array(image.scale) == 99)


def test_same_place_tells_layers_apart():
    assert not same_place(Image(np.zeros(SHAPE)), Image(np.zeros(SHAPE), translate=(0, 0, 1)))
    assert not same_place(Image(np.zeros(SHAPE)), Image(np.zeros(SHAPE[1:])))


def test_channels_of_rgb_are_no_axis():
    image = Image(np.zeros((20, 30, 3), np.uint8), rgb=True, scale=(2, 2))
    assert make_labels(image).data.shape == (20, 30)
