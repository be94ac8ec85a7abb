"""What the axes of an image layer are."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import VolumeError
from napari_sam2.layers.axis_names import VOLUME_KEY, assumed_axes, check_letters, layer_axes, name_axes
from napari_sam2.layers.image import axis_choices, grid_shape, place_on, volume_from_layer

TURN = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])


@pytest.mark.parametrize(
    ("names", "letters"),
    [
        (("c", "z", "y", "x"), "czyx"),
        (("Z", "Channel", "Y", "X"), "zcyx"),
        (("T", "C", "Y", "X"), "tcyx"),
        (("timepoint", "wavelength", "row", "column"), "tcyx"),
        (("colour", "depth", "height", "width"), "czyx"),
        (("c", "t", "-2", "-1"), "ctyx"),
        (("-4", "ch", "-2", "-1"), "zcyx"),
        (("x", "y", "z"), "xyz"),
        (("y", "x", "c"), "yxc"),
        (("transverse", "y", "x"), "zyx"),
        (("c", "y", "x"), "cyx"),
    ],
)
def test_named_axes_are_what_their_names_say(names, letters):
    assert layer_axes(Image(np.zeros((2, 3, 4, 5)[: len(names)]), axis_labels=names, rgb=False)) == letters


@pytest.mark.parametrize("names", [("z", "z", "y", "x"), ("left", "y", "y", "x")])
def test_names_that_contradict_each_other_say_nothing(names):
    layer = Image(np.zeros((2, 3, 4, 5)), axis_labels=names, rgb=False)
    assert (layer_axes(layer), assumed_axes(layer)) == ("tzyx", "tz")


@pytest.mark.parametrize(
    ("names", "letters", "assumed"),
    [
        (("t", "c", "z", "y", "x"), "tczyx", ""),
        (("time", "z", "channel", "y", "x"), "tzcyx", ""),
        (("channel", "t", "z", "row", "column"), "ctzyx", ""),
        (None, "tczyx", "tcz"),
        (("z", "z", "c", "y", "x"), "tczyx", "tcz"),
        (("-5", "-4", "t", "-2", "-1"), "cztyx", "cz"),
        (("-5", "z", "-3", "-2", "-1"), "tzcyx", "tc"),
    ],
)
def test_five_axes(names, letters, assumed):
    layer = Image(np.zeros((2, 3, 4, 5, 6)), axis_labels=names, rgb=False)
    assert (layer_axes(layer), assumed_axes(layer)) == (letters, assumed)
    # What is assumed to be time is not followed unasked.
    assert volume_from_layer(layer).is_time_declared == ("t" not in assumed)


def test_every_meaning_of_five_axes_takes_effect():
    layer = Image(np.zeros((12, 2, 7, 30, 32)), rgb=False)
    for letters in ("tczyx", "tzcyx", "ctzyx", "cztyx", "ztcyx", "zctyx", "tczxy"):
        name_axes(layer, letters)
        assert (layer_axes(layer), assumed_axes(layer)) == (letters, "")


@pytest.mark.parametrize("unit", ["ms", "second", "minute", "hour"])
def test_a_unit_of_time_makes_an_axis_time(unit):
    layer = Image(np.zeros((3, 4, 5)), units=(unit, "um", "um"))
    assert (layer_axes(layer), assumed_axes(layer)) == ("tyx", "")


def test_a_unit_of_length_makes_an_axis_depth():
    assert assumed_axes(Image(np.zeros((3, 4, 5)), units=("mm",) * 3)) == ""
    assert assumed_axes(Image(np.zeros((3, 4, 5)))) == "z"


@pytest.mark.parametrize(
    ("letters", "ndim", "why"),
    [
        ("zyx", 3, ""),
        ("xyt", 3, ""),
        ("zzyx", 4, "two axes cannot both be depth."),
        ("tzx", 3, "one axis has to be row; a picture has rows and columns."),
        ("zyx", 4, "there are 4 axes."),
        ("qyx", 3, "'q' is no axis that is known."),
    ],
)
def test_letters_that_cannot_be_the_axes_are_refused_with_a_reason(letters, ndim, why):
    assert check_letters(letters, ndim) == why


def test_wrong_letters_change_nothing():
    layer = Image(np.zeros((9, 30, 32)))
    with pytest.raises(VolumeError, match="two axes cannot both be row"):
        name_axes(layer, "yyx")
    assert layer_axes(layer) == "zyx"


def test_colours_are_no_axis_that_can_be_another_channel():
    layer = Image(np.zeros((4, 8, 9, 3), np.uint8), rgb=True, axis_labels=("c", "y", "x"))
    assert layer_axes(layer) == "zyx"
    assert check_letters("cyx", 3, rgb=True) == "the colours are its channels already."


def test_time_that_is_only_assumed_is_not_followed_unasked():
    assert axis_choices(Image(np.zeros((12, 5, 30, 32))))[0].axis == "z"
    named = Image(np.zeros((12, 5, 30, 32)), axis_labels=("t", "z", "y", "x"))
    assert axis_choices(named)[0].axis == "t"


def test_a_channel_is_no_axis_to_follow():
    layer = Image(np.zeros((12, 2, 30, 32)), axis_labels=("z", "c", "y", "x"), scale=(3, 1, 1, 1))
    assert [c.axis for c in axis_choices(layer)] == ["z", "y", "x"]
    assert axis_choices(layer)[0].text == "z, 12 slices"
    volume = volume_from_layer(layer)
    assert (volume.axes, volume.spacing, volume.label_shape) == ("zcyx", (3, 1, 1), (12, 30, 32))


def test_what_the_user_says_goes_before_what_a_reader_knows():
    known = ImageVolume(np.zeros((4, 8, 9)), axes="tyx", source=VolumeSource(format="dicom"))
    layer = Image(known.array, metadata={VOLUME_KEY: known}, axis_labels=("z", "y", "x"))
    assert layer_axes(layer) == "tyx"
    assert volume_from_layer(layer) is known
    name_axes(layer, "zyx")
    assert layer_axes(layer) == "zyx"
    assert (volume_from_layer(layer).axes, volume_from_layer(layer).source) == ("zyx", known.source)
    # Names that are given later count again.
    layer.axis_labels = ("c", "y", "x")
    assert layer_axes(layer) == "tyx"


def test_an_axis_that_a_tiff_does_not_name_can_be_named():
    source = VolumeSource(format="tiff", header={"axes": "QYX"})
    known = ImageVolume(np.zeros((4, 8, 9)), axes="zyx", spacing=(1, 0.2, 0.2), units="um", source=source)
    place = {"axis_labels": tuple("zyx"), "scale": (1, 0.2, 0.2), "units": ("um",) * 3}
    layer = Image(known.array, metadata={VOLUME_KEY: known}, **place)
    assert volume_from_layer(layer) is known
    assert assumed_axes(layer) == "z"
    layer.axis_labels = ("t", "y", "x")
    volume = volume_from_layer(layer)
    assert (volume.axes, volume.source) == ("tyx", source)
    assert assumed_axes(layer) == ""


@pytest.mark.parametrize("place", [{}, {"scale": (2, 5, 1), "translate": (3, -7, 4)}, {"rotate": TURN}])
@pytest.mark.parametrize("channel", [0, 1])
def test_labels_of_channels_lie_on_every_channel(place, channel):
    if "rotate" in place and channel:
        pytest.skip("napari shows no slices that are turned out of their plane")
    names = ["y", "x"]
    names.insert(channel, "c")
    image = Image(np.zeros((6, 4, 9)), axis_labels=names, rgb=False, **place)
    labels = Labels(np.zeros(grid_shape(image), int), **place_on(image))
    count = image.data.shape[channel]
    assert labels.data.shape[channel] == 1
    for n in range(count):
        where = np.array([5, 3, 8])
        where[channel] = n
        there = labels.world_to_data(image.data_to_world(where))
        where[channel] = 0
        assert np.round(there).astype(int).tolist() == where.tolist()
    middle = where.astype(float)
    middle[channel] = (count - 1) / 2
    assert np.allclose(labels.data_to_world(where), image.data_to_world(middle))
