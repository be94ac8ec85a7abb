"""An image layer as a volume."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError
from napari_sam2.layers.image import (
    VOLUME_KEY,
    axis_choices,
    grid_for_layers,
    grid_shape,
    layer_axes,
    place_on,
    volume_from_layer,
)


def test_volume_has_the_layers_spacing_and_units():
    layer = Image(np.zeros((4, 8, 9)), scale=(3, 0.7, 0.7), units=("mm",) * 3, name="ct")
    volume = volume_from_layer(layer)
    assert (volume.axes, volume.spacing, volume.units, volume.name) == ("zyx", (3, 0.7, 0.7), "millimeter", "ct")


def test_known_volume_is_taken_while_its_shape_fits():
    known = ImageVolume(np.zeros((4, 8, 9)), spacing=(5, 1, 1), is_hu=True)
    layer = Image(known.array, metadata={VOLUME_KEY: known})
    assert volume_from_layer(layer) is known
    layer.data = np.zeros((5, 8, 9))
    assert volume_from_layer(layer) is not known


@pytest.mark.parametrize(
    ("shape", "arguments", "axes"),
    [
        ((8, 9), {}, "yx"),
        ((4, 8, 9), {}, "zyx"),
        ((4, 8, 9), {"axis_labels": ("t", "y", "x")}, "tyx"),
        ((4, 8, 9), {"axis_labels": ("Time", "y", "x")}, "tyx"),
        ((4, 8, 9), {"units": ("second", "um", "um")}, "tyx"),
        ((2, 4, 8, 9), {}, "tzyx"),
    ],
)
def test_axes(shape, arguments, axes):
    assert layer_axes(Image(np.zeros(shape), **arguments)) == axes


def test_rgb_has_channels_last():
    volume = volume_from_layer(Image(np.zeros((4, 8, 9, 3), np.uint8), rgb=True))
    assert (volume.axes, volume.label_shape) == ("zyxc", (4, 8, 9))


def test_multiscale_takes_the_finest_level():
    layer = Image([np.zeros((4, 8, 9)), np.zeros((2, 4, 4))], multiscale=True)
    volume = volume_from_layer(layer)
    assert volume.shape == (4, 8, 9)
    assert [level.shape for level in volume.levels] == [(2, 4, 4)]
    assert grid_shape(layer) == (4, 8, 9)


def test_six_axes_are_refused():
    with pytest.raises(VolumeError, match="6 axes; two to five can"):
        volume_from_layer(Image(np.zeros((2, 1, 2, 3, 4, 5))))
    with pytest.raises(VolumeError, match="5 axes; two to four beside its colours can"):
        volume_from_layer(Image(np.zeros((2, 1, 2, 8, 9, 3), np.uint8), rgb=True))


def test_five_axes_are_one_grid_with_the_layers_made_for_them():
    layer = Image(np.zeros((5, 2, 4, 8, 9)), axis_labels=tuple("tczyx"), scale=(1, 1, 3, 1, 1))
    volume = volume_from_layer(layer)
    assert (volume.axes, volume.spacing_of("z"), grid_shape(layer)) == ("tczyx", 3.0, (5, 1, 4, 8, 9))
    grid = grid_for_layers(layer, FrameGrid.of(volume, "z", at={"t": 3}, channel=1))
    assert grid.label_shape == grid_shape(layer)
    assert grid.label_index(2) == (3, 0, 2, slice(None), slice(None))
    assert grid.to_frame(grid.from_frame(2, 5.5, 7.25)) == (2, 5.5, 7.25)
    labels = Labels(np.zeros(grid_shape(layer), np.uint16), **place_on(layer))
    assert np.allclose(labels.data_to_world([3, 0, 2, 5, 7])[2:], layer.data_to_world([3, 0, 2, 5, 7])[2:])
    assert [c.axis for c in axis_choices(layer)] == ["t", "z", "y", "x"]


def test_choices_begin_with_the_coarsest_axis_and_say_its_spacing():
    layer = Image(np.zeros((4, 8, 9)), scale=(0.7, 2.5, 0.7), units=("mm",) * 3)
    choices = axis_choices(layer)
    assert [c.axis for c in choices] == ["y", "z", "x"]
    assert choices[0].text == "y, 2.5 mm, 8 slices"


def test_time_is_followed_through_time_only():
    layer = Image(np.zeros((4, 8, 9)), scale=(30, 1, 1), units=("second", "um", "um"))
    assert [(c.axis, c.text) for c in axis_choices(layer)] == [("t", "t, 30 s, 4 frames")]


def test_single_picture_has_one_choice():
    assert [c.axis for c in axis_choices(Image(np.zeros((8, 9))))] == [None]


def test_units_that_differ_between_axes_come_to_that_of_x() -> None:
    layer = Image(np.zeros((3, 4, 5)), scale=(500, 0.25, 0.25), units=("nm", "um", "um"), translate=(1000, 0, 2))
    volume = volume_from_layer(layer)
    assert (volume.units, volume.spacing) == ("micrometer", (0.5, 0.25, 0.25))
    assert np.diag(volume.affine[:3, :3][::-1]) == pytest.approx([0.5e-3, 0.25e-3, 0.25e-3])
    assert volume.affine[:3, 3] == pytest.approx([2e-3, 0, 1e-3])
