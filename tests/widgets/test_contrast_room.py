"""The contrast slider has room on both sides of the window."""

from __future__ import annotations

import dask.array as da
import nibabel
import numpy as np
import pytest

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import default_window, value_range
from napari_sam2.core.volume import ImageVolume
from napari_sam2.layers.contrast import give_range, give_ranges_in
from napari_sam2.layers.volume_layers import layers_of


def spread(low, high, dtype, shape=(5, 20, 30)):
    values = np.linspace(low, high, int(np.prod(shape)))
    return values.reshape(shape).astype(dtype)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (spread(3, 200, np.uint8), (0, 255)),
        (spread(-100, 100, np.int8), (-128, 127)),
        (spread(100, 4000, np.uint16), (100, 4000)),
        (spread(-1000, 3000, np.int16), (-1000, 3000)),
        (spread(-1e300, 1e300, np.float64), (-1e300, 1e300)),
        (spread(0, 1e-11, np.float32), (0, pytest.approx(1e-11))),
        (spread(0, 1, bool), (0, 1)),
        (np.full((3, 4, 5), 7.0), (7, 8)),
        (np.full((3, 4, 5), np.nan), (0, 1)),
        (spread(1, 9, np.float32, (12, 13)), (1, 9)),
    ],
)
def test_the_range_is_that_of_the_values(data, expected):
    volume = ImageVolume(data, axes="zyx"[-data.ndim :])
    assert value_range(volume) == expected


def test_values_that_are_not_finite_have_no_part_in_the_range():
    data = spread(1, 9, np.float32)
    data[0, 0, :3] = np.nan, np.inf, -np.inf
    assert value_range(ImageVolume(data)) == (pytest.approx(1, abs=0.1), 9)


def test_the_range_holds_the_window():
    assert value_range(ImageVolume(spread(0, 10, np.int16)), (-160, 240)) == (-160, 240)


@pytest.mark.parametrize("level", [1e300, -1e17, 0.0, 5.0])
def test_a_constant_of_any_size_has_a_window_and_a_range(level):
    volume = ImageVolume(np.full((3, 4, 5), level))
    low, high = default_window(volume, FrameGrid.of(volume))
    assert low == level < high
    assert np.diff(value_range(volume))[0] > 0


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [(np.uint16, 0, 3500), (np.int16, -500, 3500), (np.float32, -500, 3500)]
)
def test_of_lazy_values_some_are_read_and_more_is_allowed(dtype, low, high):
    data = da.from_array(spread(500, 2500, dtype), chunks=(1, 20, 30))
    assert value_range(ImageVolume(data)) == (low, high)


def added(viewer, layers):
    return [viewer.add_image(data, **options) for data, options, _ in layers]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64, bool])
def test_images_of_our_readers_open_with_room(make_napari_viewer, dtype):
    viewer = make_napari_viewer()
    give_ranges_in(viewer)
    give_ranges_in(viewer)
    data = spread(0, 1, bool) if dtype is bool else spread(10, 250, dtype)
    (layer,) = added(viewer, layers_of(ImageVolume(data, window=(0.2, 0.8) if dtype is bool else (60, 90)), "image"))
    assert tuple(layer.contrast_limits) == ((0.2, 0.8) if dtype is bool else (60, 90))
    low, high = layer.contrast_limits_range
    assert low < layer.contrast_limits[0]
    assert high > layer.contrast_limits[1]


def test_each_channel_and_no_colour_gets_a_range(make_napari_viewer):
    viewer = make_napari_viewer()
    give_ranges_in(viewer)
    stains = ImageVolume(np.stack([spread(0, 100, np.uint16), spread(0, 900, np.uint16)]), axes="czyx")
    first, second = added(viewer, layers_of(stains, "cells"))
    assert first.contrast_limits_range[1] == 100
    assert second.contrast_limits_range[1] == 900
    (colour,) = added(viewer, layers_of(ImageVolume(np.zeros((9, 9, 3), np.uint8), axes="yxc"), "colour"))
    assert colour.rgb
    give_range(colour)


@pytest.mark.parametrize("sample", ["ct_abdomen", "brain_mr", "dividing_cells"])
def test_samples_open_with_room(make_napari_viewer, sample):
    viewer = make_napari_viewer()
    (layer,) = viewer.open_sample("napari-sam2", sample)
    (low, high), (least, most) = layer.contrast_limits, layer.contrast_limits_range
    assert least <= low < high <= most
    assert most - least > high - low
    if sample == "ct_abdomen":
        assert (low, high) == (-160, 240)
        assert least <= -900
        assert most >= 500


def test_files_open_with_room(make_napari_viewer, tmp_path):
    values = np.arange(600, dtype=np.float32).reshape(6, 10, 10)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii.gz")
    viewer = make_napari_viewer()
    (layer,) = viewer.open(tmp_path / "a.nii.gz", plugin="napari-sam2")
    assert layer.contrast_limits_range == [0, 599]
    assert layer.contrast_limits[1] < 599


def test_a_window_that_the_widget_chose_leaves_room(make_driver):
    data = spread(-1000, 1000, np.float32, (12, 40, 50))
    data[3, 5, 5] = np.nan
    driver = make_driver(data)
    driver.settle()
    (low, high), (least, most) = driver.image.contrast_limits, driver.image.contrast_limits_range
    assert -1000 < low < high < 1000
    assert (least, most) == (-1000, 1000)
    driver.image.contrast_limits = (-1000, 900)
    driver.settle()
    assert driver.controller.selection.worker.contrast_limits == (-1000, 900)
