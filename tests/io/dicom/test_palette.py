"""Colours that a palette gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume
from support.dicom import dataset, save

STORED = np.arange(24, dtype=np.uint8).reshape(4, 6)
WIDE = (np.arange(24, dtype=np.uint16) * 170).reshape(4, 6)


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
    volume = read_volume(save(tmp_path, ds), lazy=lazy)
    picture = np.asarray(volume.array)[-1] if frames > 1 else np.asarray(volume.array)
    assert volume.axes == ("tyxc" if frames > 1 else "yxc")
    assert np.array_equal(picture, np.stack([t[STORED] for t in tables], axis=-1))


def test_a_long_palette_of_8_bits_serves_pixels_of_16(tmp_path) -> None:
    tables = _tables(4096)
    volume = read_volume(save(tmp_path, dataset(WIDE, **_palette(tables))))
    assert np.array_equal(volume.array, np.stack([t[WIDE] for t in tables], axis=-1))


def test_a_palette_of_16_bits_is_cut_to_8_for_dark_pictures_too(tmp_path) -> None:
    table = np.linspace(0, 65535, 4096).astype(np.uint16)
    dark = (WIDE // 100).astype(np.uint16)
    volume = read_volume(save(tmp_path, dataset(dark, **_palette([table] * 3))))
    assert np.array_equal(volume.array[..., 0], table[dark] >> 8)


def test_values_below_and_above_a_palette_have_its_ends(tmp_path) -> None:
    tables = _tables(5)
    volume = read_volume(save(tmp_path, dataset(STORED, **_palette(tables, first=10))))
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
    volume = read_volume(save(tmp_path, dataset(picture, **elements)))
    assert np.array_equal(volume.array[0, :, 2], expected)


def test_a_palette_that_is_missing_is_said_to_be_missing(tmp_path) -> None:
    path = save(tmp_path, dataset(STORED, PhotometricInterpretation="PALETTE COLOR"))
    with pytest.raises(ReadError, match="without its palette") as caught:
        read_volume(path)
    assert "Install" not in str(caught.value)


def test_supplemental_colours_are_left_out_with_a_note(tmp_path) -> None:
    elements = {**_palette(_tables(8), first=16), "PhotometricInterpretation": "MONOCHROME2"}
    volume = read_volume(save(tmp_path, dataset(STORED, PixelPresentation="COLOR", RescaleIntercept=0, **elements)))
    assert np.array_equal(volume.array, STORED)
    assert "supplemental colours" in " ".join(volume.source.notes)
