"""The contrast slider has room on both sides of the window."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.layers.contrast import give_range, give_ranges_in
from napari_sam2.layers.volume_layers import layers_of


def spread(low, high, dtype, shape=(5, 20, 30)):
    values = np.linspace(low, high, int(np.prod(shape)))
    return values.reshape(shape).astype(dtype)


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
