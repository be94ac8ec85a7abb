"""Stored values become values: rescale, MONOCHROME1, padding, overlays, missing elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from napari_sam2.io import read_volume
from support.dicom import dataset, save, write_series

STORED = np.arange(24, dtype=np.uint8).reshape(4, 6)
WIDE = (np.arange(24, dtype=np.uint16) * 170).reshape(4, 6)


@pytest.mark.parametrize("lazy", [False, True])
def test_monochrome1_is_inverted_in_files_of_many_frames_too(tmp_path, lazy) -> None:
    ds = dataset(STORED, PhotometricInterpretation="MONOCHROME1", RescaleIntercept=0)
    ds.NumberOfFrames, ds.FrameTime, ds.PixelData = 2, 40, STORED.tobytes() + STORED[::-1].tobytes()
    volume = read_volume(save(tmp_path, ds), lazy=lazy)
    assert np.array_equal(np.asarray(volume.array), 255 - np.stack([STORED, STORED[::-1]]))


def test_floats_of_monochrome1_stay_as_they_are_with_a_note(tmp_path) -> None:
    values = np.linspace(-1, 1, 24, dtype="f4").reshape(4, 6)
    ds = dataset(STORED, PhotometricInterpretation="MONOCHROME1", RescaleIntercept=0, PixelData=None)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.FloatPixelData = 32, 32, 31, values.tobytes()
    volume = read_volume(save(tmp_path, ds))
    assert np.array_equal(volume.array, values)
    assert "MONOCHROME1" in " ".join(volume.source.notes)


def test_monochrome1_is_inverted_where_the_header_does_not_say_whether_values_have_signs(tmp_path) -> None:
    ds = dataset(STORED, PhotometricInterpretation="MONOCHROME1", RescaleIntercept=0, PixelRepresentation=None)
    assert np.array_equal(read_volume(save(tmp_path, ds)).array, 255 - STORED)


@pytest.mark.parametrize(
    "missing", ["SamplesPerPixel", "PhotometricInterpretation", "BitsStored", "PixelRepresentation"]
)
@pytest.mark.parametrize("lazy", [False, True])
def test_what_a_header_lacks_is_assumed_with_a_note(tmp_path, missing, lazy) -> None:
    ds = dataset(WIDE, RescaleIntercept=0, NumberOfFrames=1, **{missing: None})
    volume = read_volume(save(tmp_path, ds), lazy=lazy)
    assert np.array_equal(np.asarray(volume.array), WIDE)
    assert f"lacks {missing}" in " ".join(volume.source.notes)


def _overlay(ds: Dataset, **elements: Any) -> None:
    ds.add_new(0x60020010, "US", ds.Rows)
    ds.add_new(0x60020011, "US", ds.Columns)
    for element, (vr, value) in elements.items():
        ds.add_new(0x60020000 + int(element[1:], 16), vr, value)


def test_an_overlay_of_its_own_stays_out_with_a_note(tmp_path) -> None:
    ds = dataset(WIDE, RescaleIntercept=0)
    _overlay(ds, x0100=("US", 1), x0102=("US", 0), x3000=("OW", b"\xff" * 4))
    volume = read_volume(save(tmp_path, ds))
    assert np.array_equal(volume.array, WIDE)
    assert "overlay" in " ".join(volume.source.notes)


@pytest.mark.parametrize("lazy", [False, True])
def test_an_overlay_in_unused_bits_stays_out(tmp_path, lazy) -> None:
    drawn = WIDE | np.where(np.arange(6) % 2, 0x1000, 0).astype(np.uint16)
    ds = dataset(drawn, RescaleIntercept=0, BitsStored=12, HighBit=11)
    _overlay(ds, x0100=("US", 16), x0102=("US", 12))
    assert np.array_equal(np.asarray(read_volume(save(tmp_path, ds), lazy=lazy).array), WIDE)


def test_values_above_unused_bits_are_shifted_down(tmp_path) -> None:
    signed = WIDE.astype(np.int16) - 2000
    ds = dataset((signed << 4).astype(np.int16), RescaleIntercept=0, BitsStored=12, HighBit=15)
    assert np.array_equal(read_volume(save(tmp_path, ds)).array, signed)


def test_all_values_of_a_padding_range_are_padding(tmp_path) -> None:
    signed = STORED.astype(np.int16)
    signed[0, :3] = -2000, -1990, -1500
    write_series(
        tmp_path, np.stack([signed] * 3), RescaleIntercept=100, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1500
    )
    volume = read_volume(tmp_path)
    assert volume.padding_value == -1900
    assert volume.array[1, 0, :4].tolist() == [-1900, -1900, -1900, 103]
    assert "padding range" in " ".join(volume.source.notes)


def test_a_padding_value_written_as_unsigned_is_that_of_signed_pixels(tmp_path) -> None:
    ds = dataset(STORED.astype(np.int16), RescaleIntercept=0)
    ds.add_new(0x00280120, "US", 63536)
    assert read_volume(save(tmp_path, ds)).padding_value == -2000


def test_every_slice_is_rescaled_by_its_own_header(tmp_path, stored) -> None:
    for index, plane in enumerate(stored):
        ds = dataset(plane, (0, 0, float(index)), RescaleSlope=0.5 + index, RescaleIntercept=index, Modality="PT")
        ds.save_as(tmp_path / f"{index}.dcm")
    volume = read_volume(tmp_path)
    for index, plane in enumerate(stored):
        assert volume.array[index] == pytest.approx(plane * (0.5 + index) + index)
    assert volume.array.dtype == np.float32
    assert not volume.is_hu


def test_monochrome1_is_inverted_with_its_window_and_padding(tmp_path, stored) -> None:
    elements = {
        "PhotometricInterpretation": "MONOCHROME1",
        "BitsStored": 12,
        "HighBit": 11,
        "RescaleIntercept": 0,
        "WindowCenter": 1000,
        "WindowWidth": 400,
        "PixelPaddingValue": 4095,
    }
    write_series(tmp_path, stored, **elements)
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.array, 4095 - stored)
    assert volume.array.dtype == np.uint16
    assert volume.window == (4095 - 1200, 4095 - 800)
    assert volume.padding_value == 0
    assert not volume.is_hu


def test_monochrome1_with_a_rescale(tmp_path, stored) -> None:
    write_series(tmp_path, stored, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    assert np.array_equal(read_volume(tmp_path).array, 4095 - stored.astype(int) - 1024)


@pytest.mark.parametrize("lazy", [False, True])
def test_monochrome1_slices_of_different_rescales_are_mirrored_about_one_value(tmp_path, lazy) -> None:
    """As positron emission is stored; one activity is one value on all slices."""
    for index, slope in enumerate((1, 2, 4)):
        plane = np.full((4, 6), 1200 // slope, np.uint16)
        plane[0] = 2400 // slope
        header = {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": slope, "RescaleIntercept": 0}
        header |= {"BitsStored": 12, "HighBit": 11, "WindowCenter": 1800, "WindowWidth": 1200}
        dataset(plane, (0.0, 0.0, 2.0 * index), **header).save_as(tmp_path / f"{index}.dcm")
    volume = read_volume(tmp_path, lazy=lazy)
    values = np.asarray(volume.array)
    assert (values[:, 1:] == 4 * 4095 - 1200).all()
    assert (values[:, 0] == 4 * 4095 - 2400).all()
    assert volume.window == (4 * 4095 - 2400, 4 * 4095 - 1200)


def test_window_and_padding_are_in_output_values(tmp_path, stored) -> None:
    write_series(tmp_path, stored, WindowCenter=[40, 600], WindowWidth=[400, 2800], PixelPaddingValue=0)
    volume = read_volume(tmp_path)
    assert volume.window == (-160, 240)
    assert volume.padding_value == -1024
