"""Sizes of pixels and gaps between frames."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.frame_spacing import frame_gap, frames_in, pixel_size
from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError


def case(axes="zyx", frame_axis=None, at=None, **kwargs):
    volume = ImageVolume(np.zeros((3, 4, 5, 6, 7)[: len(axes)]), axes=axes, **kwargs)
    return volume, FrameGrid.of(volume, frame_axis, at)


@pytest.mark.parametrize(
    ("axes", "frame_axis", "at", "spacing", "pixel", "gap"),
    [
        ("zyx", "z", None, (5, 0.7, 0.5), (0.7, 0.5), 5),
        ("zyx", "y", None, (5, 0.7, 0.5), (5, 0.5), 0.7),
        ("xyz", "z", None, (0.5, 0.7, 5), (0.5, 0.7), 5),
        ("tzyx", "z", {"t": 1}, (30, 5, 0.7, 0.5), (0.7, 0.5), 5),
        ("tczyx", "z", {"t": 1}, (30, 5, 0.7, 0.5), (0.7, 0.5), 5),
        ("tczyx", "t", {"z": 1}, (30, 5, 0.7, 0.5), (0.7, 0.5), 30),
        ("tyx", "t", None, (0.7, 0.5), (0.7, 0.5), None),
        ("yx", None, None, (0.7, 0.5), (0.7, 0.5), None),
    ],
)
def test_sizes_by_axis(axes, frame_axis, at, spacing, pixel, gap):
    volume, grid = case(axes, frame_axis, at, spacing=spacing, units="mm")
    assert pixel_size(volume, grid) == pixel
    assert frame_gap(volume, grid) == gap


def test_a_turned_volume_has_the_steps_of_its_affine():
    affine = np.array([[0.0, 0, 0.5, 0], [3, 0.7, 0, 0], [4, 0, 0, 0], [0, 0, 0, 1]])
    volume, grid = case(affine=affine, units="mm")
    assert frame_gap(volume, grid) == pytest.approx(5)
    assert pixel_size(volume, grid) == pytest.approx((0.7, 0.5))


@pytest.mark.parametrize(
    ("spacing", "units", "millimetres", "expected"),
    [
        ((2.5, 1, 1), "mm", 10, 4),
        ((2.5, 1, 1), "mm", 10.1, 5),
        ((2.5, 1, 1), "mm", 0.1, 1),
        ((0.1, 1, 1), "mm", 0.3, 3),
        ((0.25, 1, 1), "cm", 10, 4),
        ((500, 1, 1), "micrometer", 2, 4),
    ],
)
def test_frames_in_a_distance(spacing, units, millimetres, expected):
    assert frames_in(*case(frame_axis="z", spacing=spacing, units=units), millimetres) == expected


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({}, "slices"),
        ({"units": "pixel"}, "slices"),
        ({"axes": "tyx", "spacing": (30, 1, 1), "units": "mm"}, "frames"),
        ({"axes": "yx", "units": "mm"}, "slices"),
    ],
)
def test_no_distance_without_a_unit_or_along_time(arguments, word):
    with pytest.raises(VolumeError, match=f"The {word} of this image are no known distance apart"):
        frames_in(*case(**arguments), 5)


@pytest.mark.parametrize("millimetres", [0, -1, np.nan, np.inf])
def test_a_distance_is_above_zero(millimetres):
    with pytest.raises(VolumeError, match="above zero"):
        frames_in(*case(units="mm"), millimetres)


def test_frames_through_time_have_no_pixel_size():
    with pytest.raises(VolumeError, match="frames along 'y' run through time"):
        pixel_size(*case("tzyx", "y", {"z": 0}))
