"""How DICOM pixels become values: palettes, colour spaces, floats, packed bits, padding, and the shape of a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume
from support.dicom import dataset, save

if TYPE_CHECKING:
    pass

STORED = np.arange(24, dtype=np.uint8).reshape(4, 6)
WIDE = (np.arange(24, dtype=np.uint16) * 170).reshape(4, 6)


# ---------------------------------------------------------------------- palettes


# ---------------------------------------------------------------------- colour spaces


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("space", ["RGB", "YBR_FULL"])
def test_colours_become_rgb_however_they_lie(tmp_path, planar, space) -> None:
    from pydicom.pixels import convert_color_space

    rgb = np.random.default_rng(5).integers(0, 255, (4, 6, 3)).astype(np.uint8)
    pixels = rgb if space == "RGB" else convert_color_space(rgb, "RGB", "YBR_FULL")
    ds = dataset(STORED, SamplesPerPixel=3, PhotometricInterpretation=space, PlanarConfiguration=planar)
    ds.PixelData = (pixels.transpose(2, 0, 1) if planar else pixels).tobytes()
    volume = read_volume(save(tmp_path, ds))
    assert np.abs(volume.array.astype(int) - rgb).max() <= (0 if space == "RGB" else 2)


def test_shared_colours_become_rgb(tmp_path) -> None:
    ds = dataset(STORED, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", PlanarConfiguration=0)
    # Y1 Y2 Cb Cr: two grey pixels, bright and dark.
    ds.PixelData = bytes([200, 50, 128, 128]) * 12
    volume = read_volume(save(tmp_path, ds))
    assert np.array_equal(volume.array[:, ::2], np.full((4, 3, 3), 200))
    assert np.array_equal(volume.array[:, 1::2], np.full((4, 3, 3), 50))


@pytest.mark.parametrize("space", ["HSV", "CMYK", "YBR_PARTIAL_422", "YBR_PARTIAL_420"])
def test_retired_colour_spaces_are_refused_with_what_to_do(tmp_path, space) -> None:
    samples = 4 if space == "CMYK" else 3
    ds = dataset(STORED, SamplesPerPixel=samples, PhotometricInterpretation=space, PlanarConfiguration=0)
    ds.PixelData = STORED.tobytes() * samples
    with pytest.raises(ReadError, match=r"a\.dcm cannot be read") as caught:
        read_volume(save(tmp_path, ds))
    assert "Export it as grey values or RGB" in str(caught.value)


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")])
@pytest.mark.parametrize("representation", [None, 0])
def test_float_pixels_are_read_as_they_are(tmp_path, keyword, dtype, representation) -> None:
    values = (np.arange(24).reshape(4, 6) / 7 - 1).astype(dtype)
    ds = dataset(STORED, PixelRepresentation=representation, RescaleIntercept=None, RescaleSlope=None, PixelData=None)
    ds.BitsAllocated = ds.BitsStored = values.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    setattr(ds, keyword, values.tobytes())
    path = save(tmp_path, ds)
    for lazy in (False, True):
        assert np.array_equal(np.asarray(read_volume(path, lazy=lazy).array), values)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_encodings_give_the_same_values(tmp_path, syntax) -> None:
    ds = dataset(WIDE, RescaleIntercept=0)
    ds.file_meta.TransferSyntaxUID = syntax
    ds["PixelData"].VR = "OW"
    ds.PixelData = WIDE.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes()
    little = syntax == ImplicitVRLittleEndian
    ds.set_original_encoding(little, little)
    assert np.array_equal(read_volume(save(tmp_path, ds)).array, WIDE)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("frames", [1, 2])
def test_uncompressed_pixels_need_no_transfer_syntax(tmp_path, implicit, frames) -> None:
    ds = dataset(WIDE, RescaleIntercept=0)
    if frames > 1:
        ds.NumberOfFrames, ds.CineRate, ds.PixelData = frames, 5, WIDE.tobytes() * frames
    del ds.file_meta.TransferSyntaxUID
    ds.save_as(tmp_path / "a.dcm", implicit_vr=implicit, little_endian=True)
    for lazy in (False, True):
        volume = read_volume(tmp_path / "a.dcm", lazy=lazy)
        assert np.array_equal(np.asarray(volume.array), np.stack([WIDE] * frames) if frames > 1 else WIDE)
    assert "lacks TransferSyntaxUID" in " ".join(volume.source.notes)


# ---------------------------------------------------------------------- the shape of a pixel
