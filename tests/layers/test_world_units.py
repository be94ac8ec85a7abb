"""Where a viewer stands in layers of several units."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sam2.layers.world_units import counts_alike, data_point, world_point

SHAPE = (12, 40, 50)
MM = {"scale": (3, 1, 1), "translate": (6, 0, 0), "units": ("mm",) * 3}


@pytest.fixture
def viewer():
    return ViewerModel()


def test_a_place_is_the_same_in_layers_of_two_units(viewer):
    slices = np.broadcast_to(np.arange(12)[:, None, None], SHAPE)
    coarse = viewer.add_image(slices, **MM)
    assert counts_alike(viewer.dims, coarse)
    viewer.add_image(np.zeros(SHAPE), scale=(500, 1000, 1000), units=("um",) * 3)
    assert not counts_alike(viewer.dims, coarse)
    world = world_point(viewer.dims, coarse, (4, 20, 25))
    assert np.allclose(world, (18000, 20000, 25000))
    viewer.dims.set_point(range(3), world)
    assert np.allclose(data_point(viewer.dims, coarse), (4, 20, 25))
    # As napari slices it.
    assert (coarse._data_view == 4).all()


def test_time_and_space_have_units_of_their_own_and_a_layer_has_the_last_axes(viewer):
    viewer.add_image(np.zeros((3, *SHAPE)), scale=(100, 3, 1, 1), units=("ms", "mm", "mm", "mm"))
    film = viewer.add_image(np.zeros((3, 40, 50)), units=("um",) * 3)
    assert np.allclose(world_point(viewer.dims, film, (2, 5, 6)), (2, 5, 6))
    slow = viewer.add_image(np.zeros((3, *SHAPE)), scale=(0.1, 3, 1, 1), units=("s", "mm", "mm", "mm"))
    assert np.allclose(world_point(viewer.dims, slow, (2, 1, 5, 6)), (200, 3000, 5000, 6000))


def test_units_that_do_not_go_together_are_not_converted(viewer):
    image = viewer.add_image(np.zeros(SHAPE), **MM)
    viewer.add_image(np.zeros(SHAPE))
    assert counts_alike(viewer.dims, image)
    assert np.allclose(world_point(viewer.dims, image, (4, 20, 25)), (18, 20, 25))
