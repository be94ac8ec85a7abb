"""Image layers of one grid as channels."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from napari_sam2.core.volume import ImageVolume
from napari_sam2.layers.channel_layers import channels_limits, channels_volume, is_layers, layers_of_grid, swatch
from napari_sam2.layers.geometry import geometry_of
from napari_sam2.layers.volume_layers import layer_data

STAINS = np.random.default_rng(0).integers(0, 900, (3, 4, 20, 30)).astype(np.uint16)


def test_layers_that_napari_split_are_channels_of_one_image():
    viewer = ViewerModel()
    first, second, third = viewer.add_image(STAINS, channel_axis=0, scale=(2, 1, 1), name=["a", "b", "c"])
    viewer.add_image(STAINS[0], scale=(3, 1, 1), name="of another place")
    viewer.add_image(STAINS[0, 0], name="a picture")
    viewer.add_image(STAINS, name="with channels", axis_labels=("c", "z", "y", "x"))
    viewer.add_labels(np.zeros(STAINS.shape[1:], int), scale=(2, 1, 1))
    assert layers_of_grid(viewer, second) == [second, first, third]
    volume = channels_volume([third, first])
    assert (volume.axes, volume.shape, volume.name) == ("czyx", (2, 4, 20, 30), "c + a")
    assert np.array_equal(volume.parts[0], STAINS[2])
    third.contrast_limits = 10, 20
    assert channels_limits([third, first])[0] == (10, 20)
    assert swatch(first) == (0, 1, 1)
    assert is_layers((first, third))
    assert not is_layers((0, 1))
    assert not is_layers(None)
    assert not is_layers(first)


def test_an_image_with_channels_of_its_own_takes_no_layers():
    viewer = ViewerModel()
    image = viewer.add_image(STAINS, axis_labels=("c", "z", "y", "x"))
    viewer.add_image(STAINS[0])
    assert layers_of_grid(viewer, image) == [image]


def test_a_layer_that_was_made_on_an_image_of_our_readers_lies_on_its_grid():
    viewer = ViewerModel()
    affine = np.array([[0, 0, 1, -120], [0, 1, 0, 40], [2, 0, 0, 7], [0, 0, 0, 1]], float)
    volume = ImageVolume(STAINS[0], axes="zyx", spacing=(2, 1, 1), units="mm", affine=affine, name="ct")
    data, options, _ = layer_data(volume, "ct")
    image = viewer.add_image(data, **options)
    made = viewer.add_image(STAINS[1], name="smooth", **geometry_of(image))
    viewer.add_image(STAINS[1], name="beside", **{**geometry_of(image), "translate": (9, 9, 9)})
    assert layers_of_grid(viewer, image) == [image, made]
    assert np.array_equal(channels_volume([image, made]).affine, affine)
