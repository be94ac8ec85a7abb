"""TIFF, ImageJ and OME-TIFF: axes, spacing, labels and damage."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume


def test_imagej_axes_spacing_and_interval(tmp_path) -> None:
    data = np.random.default_rng(0).integers(0, 999, (3, 4, 2, 5, 6)).astype(np.uint16)
    metadata = {"axes": "TZCYX", "spacing": 2.5, "unit": "um", "finterval": 30.0}
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, resolution=(1 / 0.5, 1 / 0.25), metadata=metadata)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.axes == "tzcyx"
    assert volume.spacing == pytest.approx((30.0, 2.5, 0.25, 0.5))
    assert volume.units == "micrometer"
    assert np.array_equal(volume.array, data)
    assert volume.name == "a"


def test_ome_axes_spacing_and_mixed_units(tmp_path) -> None:
    data = np.random.default_rng(0).integers(0, 999, (3, 4, 5, 6)).astype(np.uint16)
    metadata = {
        "axes": "TZYX",
        "PhysicalSizeX": 250.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
        "PhysicalSizeZ": 2.0,
        "PhysicalSizeZUnit": "µm",
        "TimeIncrement": 500.0,
        "TimeIncrementUnit": "ms",
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", data, ome=True, metadata=metadata)
    volume = read_volume(tmp_path / "a.ome.tif")
    assert volume.axes == "tzyx"
    assert volume.spacing == pytest.approx((0.5, 2000.0, 500.0, 250.0))
    assert volume.units == "nm"
    assert volume.name == "a"


def test_a_plain_stack_is_taken_for_z_with_a_note(tmp_path) -> None:
    data = np.zeros((4, 5, 6), np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in data:
            writer.write(plane, metadata=None)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.axes == "zyx"
    assert volume.units is None
    assert "z was assumed" in " ".join(volume.source.notes)


def test_a_single_plane_of_a_named_axis_stays_a_plane(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((1, 1, 5, 6), np.uint8), imagej=True, metadata={"axes": "ZCYX"})
    assert read_volume(tmp_path / "a.tif").axes == "yx"


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("part", [0.4, 0.9])
def test_cut_files_are_refused_by_name(tmp_path, compression, part) -> None:
    path = tmp_path / "a.tif"
    data = np.random.default_rng(0).integers(0, 60_000, (6, 40, 40)).astype(np.uint16)
    tifffile.imwrite(path, data, compression=compression)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * part)])
    with pytest.raises(ReadError, match=r"a\.tif"):
        read_volume(path)


def test_a_picture_taller_than_its_strips_is_damaged(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((40, 40), np.uint16), compression="zlib", rowsperstrip=10)
    raw = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        place = tiff.pages[0].tags["ImageLength"].valueoffset
    raw[place + 1] = 200
    (tmp_path / "a.tif").write_bytes(bytes(raw))
    with pytest.raises(ReadError, match=r"a\.tif is damaged: parts of its first image are missing"):
        read_volume(tmp_path / "a.tif")


def test_a_text_file_is_no_tiff(tmp_path) -> None:
    (tmp_path / "a.tif").write_text("no")
    with pytest.raises(ReadError, match="as TIFF"):
        read_volume(tmp_path / "a.tif")
