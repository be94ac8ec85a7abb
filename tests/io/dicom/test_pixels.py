"""How DICOM pixels become values: palettes, colour spaces, floats, packed bits, padding, and the shape of a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume
from support.dicom import dataset, write_series

if TYPE_CHECKING:
    from pathlib import Path

STORED = np.arange(24, dtype=np.uint8).reshape(4, 6)
WIDE = (np.arange(24, dtype=np.uint16) * 170).reshape(4, 6)


def _save(folder: Path, ds: Dataset) -> Path:
    ds.save_as(folder / "a.dcm", enforce_file_format=True)
    return folder / "a.dcm"


# ---------------------------------------------------------------------- palettes


def _palette(tables: list[np.ndarray], first: int = 0, prefix: str = "") -> dict[str, Any]:
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        bits = table.dtype.itemsize * 8
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [len(table), first, bits]
        elements[f"{prefix}{colour}PaletteColorLookupTableData"] = table.tobytes()
    return elements


def _tables(count: int, dtype: type = np.uint8) -> list[np.ndarray]:
    return [np.random.default_rng(n).integers(0, 256, count).astype(dtype) for n in range(3)]


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_palette_picture_is_its_colours(tmp_path, frames, lazy) -> None:
    tables = _tables(256)
    ds = dataset(STORED, **_palette(tables))
    if frames > 1:
        ds.NumberOfFrames, ds.CineRate, ds.PixelData = frames, 10, STORED.tobytes() * frames
    volume = read_volume(_save(tmp_path, ds), lazy=lazy)
    picture = np.asarray(volume.array)[-1] if frames > 1 else np.asarray(volume.array)
    assert volume.axes == ("tyxc" if frames > 1 else "yxc")
    assert np.array_equal(picture, np.stack([t[STORED] for t in tables], axis=-1))


def test_a_long_palette_of_8_bits_serves_pixels_of_16(tmp_path) -> None:
    tables = _tables(4096)
    volume = read_volume(_save(tmp_path, dataset(WIDE, **_palette(tables))))
    assert np.array_equal(volume.array, np.stack([t[WIDE] for t in tables], axis=-1))


def test_a_palette_of_16_bits_is_cut_to_8_for_dark_pictures_too(tmp_path) -> None:
    table = np.linspace(0, 65535, 4096).astype(np.uint16)
    dark = (WIDE // 100).astype(np.uint16)
    volume = read_volume(_save(tmp_path, dataset(dark, **_palette([table] * 3))))
    assert np.array_equal(volume.array[..., 0], table[dark] >> 8)


def test_values_below_and_above_a_palette_have_its_ends(tmp_path) -> None:
    tables = _tables(5)
    volume = read_volume(_save(tmp_path, dataset(STORED, **_palette(tables, first=10))))
    index = np.clip(STORED.astype(int) - 10, 0, 4)
    assert np.array_equal(volume.array[..., 1], tables[1][index])


@pytest.mark.parametrize("offset", [6, 12])
def test_a_segmented_palette_is_expanded(tmp_path, offset) -> None:
    # A run of 4 values, a line of 6 to 60000, and once more the line (offset in numbers or, rightly, in bytes).
    segments = np.array([0, 4, 0, 256, 512, 768, 1, 6, 60000, 0, 1, 768, 2, 1, offset, 0], dtype=np.uint16)
    elements = _palette([segments] * 3, prefix="Segmented")
    for colour in ("Red", "Green", "Blue"):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [17, 0, 16]
    line = np.rint(np.linspace(768, 60000, 7)[1:]).astype(int)
    expected = np.array([0, 256, 512, 768, *line, 768, *line]) >> 8
    picture = np.arange(17, dtype=np.uint8).reshape(1, 17)
    volume = read_volume(_save(tmp_path, dataset(picture, **elements)))
    assert np.array_equal(volume.array[0, :, 2], expected)


def test_a_palette_that_is_missing_is_said_to_be_missing(tmp_path) -> None:
    path = _save(tmp_path, dataset(STORED, PhotometricInterpretation="PALETTE COLOR"))
    with pytest.raises(ReadError, match="without its palette") as caught:
        read_volume(path)
    assert "Install" not in str(caught.value)


def test_supplemental_colours_are_left_out_with_a_note(tmp_path) -> None:
    elements = {**_palette(_tables(8), first=16), "PhotometricInterpretation": "MONOCHROME2"}
    volume = read_volume(_save(tmp_path, dataset(STORED, PixelPresentation="COLOR", RescaleIntercept=0, **elements)))
    assert np.array_equal(volume.array, STORED)
    assert "supplemental colours" in " ".join(volume.source.notes)


# ---------------------------------------------------------------------- colour spaces


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("space", ["RGB", "YBR_FULL"])
def test_colours_become_rgb_however_they_lie(tmp_path, planar, space) -> None:
    from pydicom.pixels import convert_color_space

    rgb = np.random.default_rng(5).integers(0, 255, (4, 6, 3)).astype(np.uint8)
    pixels = rgb if space == "RGB" else convert_color_space(rgb, "RGB", "YBR_FULL")
    ds = dataset(STORED, SamplesPerPixel=3, PhotometricInterpretation=space, PlanarConfiguration=planar)
    ds.PixelData = (pixels.transpose(2, 0, 1) if planar else pixels).tobytes()
    volume = read_volume(_save(tmp_path, ds))
    assert np.abs(volume.array.astype(int) - rgb).max() <= (0 if space == "RGB" else 2)


def test_shared_colours_become_rgb(tmp_path) -> None:
    ds = dataset(STORED, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", PlanarConfiguration=0)
    # Y1 Y2 Cb Cr: two grey pixels, bright and dark.
    ds.PixelData = bytes([200, 50, 128, 128]) * 12
    volume = read_volume(_save(tmp_path, ds))
    assert np.array_equal(volume.array[:, ::2], np.full((4, 3, 3), 200))
    assert np.array_equal(volume.array[:, 1::2], np.full((4, 3, 3), 50))


@pytest.mark.parametrize("space", ["HSV", "CMYK", "YBR_PARTIAL_422", "YBR_PARTIAL_420"])
def test_retired_colour_spaces_are_refused_with_what_to_do(tmp_path, space) -> None:
    samples = 4 if space == "CMYK" else 3
    ds = dataset(STORED, SamplesPerPixel=samples, PhotometricInterpretation=space, PlanarConfiguration=0)
    ds.PixelData = STORED.tobytes() * samples
    with pytest.raises(ReadError, match=r"a\.dcm cannot be read") as caught:
        read_volume(_save(tmp_path, ds))
    assert "Export it as grey values or RGB" in str(caught.value)


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize("lazy", [False, True])
def test_monochrome1_is_inverted_in_files_of_many_frames_too(tmp_path, lazy) -> None:
    ds = dataset(STORED, PhotometricInterpretation="MONOCHROME1", RescaleIntercept=0)
    ds.NumberOfFrames, ds.FrameTime, ds.PixelData = 2, 40, STORED.tobytes() + STORED[::-1].tobytes()
    volume = read_volume(_save(tmp_path, ds), lazy=lazy)
    assert np.array_equal(np.asarray(volume.array), 255 - np.stack([STORED, STORED[::-1]]))


def test_floats_of_monochrome1_stay_as_they_are_with_a_note(tmp_path) -> None:
    values = np.linspace(-1, 1, 24, dtype="f4").reshape(4, 6)
    ds = dataset(STORED, PhotometricInterpretation="MONOCHROME1", RescaleIntercept=0, PixelData=None)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.FloatPixelData = 32, 32, 31, values.tobytes()
    volume = read_volume(_save(tmp_path, ds))
    assert np.array_equal(volume.array, values)
    assert "MONOCHROME1" in " ".join(volume.source.notes)


def test_monochrome1_is_inverted_where_the_header_does_not_say_whether_values_have_signs(tmp_path) -> None:
    ds = dataset(STORED, PhotometricInterpretation="MONOCHROME1", RescaleIntercept=0, PixelRepresentation=None)
    assert np.array_equal(read_volume(_save(tmp_path, ds)).array, 255 - STORED)


@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")])
@pytest.mark.parametrize("representation", [None, 0])
def test_float_pixels_are_read_as_they_are(tmp_path, keyword, dtype, representation) -> None:
    values = (np.arange(24).reshape(4, 6) / 7 - 1).astype(dtype)
    ds = dataset(STORED, PixelRepresentation=representation, RescaleIntercept=None, RescaleSlope=None, PixelData=None)
    ds.BitsAllocated = ds.BitsStored = values.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    setattr(ds, keyword, values.tobytes())
    path = _save(tmp_path, ds)
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
    assert np.array_equal(read_volume(_save(tmp_path, ds)).array, WIDE)


@pytest.mark.parametrize(
    "missing", ["SamplesPerPixel", "PhotometricInterpretation", "BitsStored", "PixelRepresentation"]
)
@pytest.mark.parametrize("lazy", [False, True])
def test_what_a_header_lacks_is_assumed_with_a_note(tmp_path, missing, lazy) -> None:
    ds = dataset(WIDE, RescaleIntercept=0, NumberOfFrames=1, **{missing: None})
    volume = read_volume(_save(tmp_path, ds), lazy=lazy)
    assert np.array_equal(np.asarray(volume.array), WIDE)
    assert f"lacks {missing}" in " ".join(volume.source.notes)


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


def _overlay(ds: Dataset, **elements: Any) -> None:
    ds.add_new(0x60020010, "US", ds.Rows)
    ds.add_new(0x60020011, "US", ds.Columns)
    for element, (vr, value) in elements.items():
        ds.add_new(0x60020000 + int(element[1:], 16), vr, value)


def test_an_overlay_of_its_own_stays_out_with_a_note(tmp_path) -> None:
    ds = dataset(WIDE, RescaleIntercept=0)
    _overlay(ds, x0100=("US", 1), x0102=("US", 0), x3000=("OW", b"\xff" * 4))
    volume = read_volume(_save(tmp_path, ds))
    assert np.array_equal(volume.array, WIDE)
    assert "overlay" in " ".join(volume.source.notes)


@pytest.mark.parametrize("lazy", [False, True])
def test_an_overlay_in_unused_bits_stays_out(tmp_path, lazy) -> None:
    drawn = WIDE | np.where(np.arange(6) % 2, 0x1000, 0).astype(np.uint16)
    ds = dataset(drawn, RescaleIntercept=0, BitsStored=12, HighBit=11)
    _overlay(ds, x0100=("US", 16), x0102=("US", 12))
    assert np.array_equal(np.asarray(read_volume(_save(tmp_path, ds), lazy=lazy).array), WIDE)


def test_values_above_unused_bits_are_shifted_down(tmp_path) -> None:
    signed = WIDE.astype(np.int16) - 2000
    ds = dataset((signed << 4).astype(np.int16), RescaleIntercept=0, BitsStored=12, HighBit=15)
    assert np.array_equal(read_volume(_save(tmp_path, ds)).array, signed)


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
    assert read_volume(_save(tmp_path, ds)).padding_value == -2000


# ---------------------------------------------------------------------- the shape of a pixel


def test_the_proportion_of_pixels_is_kept_where_their_size_is_unknown(tmp_path) -> None:
    volume = read_volume(_save(tmp_path, dataset(STORED, None, PixelSpacing=None, PixelAspectRatio=[4, 3])))
    assert volume.units is None
    assert volume.spacing == pytest.approx((4 / 3, 1.0))
    assert "4 high to 3 wide" in " ".join(volume.source.notes)


def test_a_size_goes_before_a_proportion(tmp_path) -> None:
    volume = read_volume(_save(tmp_path, dataset(STORED, PixelAspectRatio=[4, 3])))
    assert (volume.units, volume.spacing) == ("mm", pytest.approx((0.8, 0.7)))


@pytest.mark.parametrize(
    ("keyword", "words"),
    [("ImagerPixelSpacing", "the detector's"), ("NominalScannedPixelSpacing", "of the scanned film")],
)
@pytest.mark.parametrize("pixel_spacing", [None, [0, 0]])
def test_spacings_that_are_not_of_the_body_count_with_a_note(tmp_path, keyword, words, pixel_spacing) -> None:
    ds = dataset(STORED, None, PixelSpacing=pixel_spacing, **{keyword: [0.2, 0.1]})
    volume = read_volume(_save(tmp_path, ds))
    assert (volume.units, volume.spacing) == ("mm", pytest.approx((0.2, 0.1)))
    assert words in " ".join(volume.source.notes)


def test_a_stack_says_what_kind_of_spacing_it_has(tmp_path) -> None:
    write_series(tmp_path, np.stack([STORED] * 3), PixelSpacing=None, ImagerPixelSpacing=[0.2, 0.1])
    volume = read_volume(tmp_path)
    assert volume.spacing == pytest.approx((2.0, 0.2, 0.1))
    assert "the detector's" in " ".join(volume.source.notes)
