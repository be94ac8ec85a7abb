"""Folders of numbered TIFF files."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume, write_labels
from support.ome import STACK, write_set


def write_row(folder, pattern: str, data: np.ndarray = STACK, numbers: range = range(1, 5)) -> None:
    for number, plane in zip(numbers, data, strict=True):
        options = {"resolution": (20_000, 20_000), "resolutionunit": 3}
        tifffile.imwrite(folder / pattern.format(number), plane, photometric="minisblack", metadata=None, **options)


@pytest.mark.parametrize(
    ("pattern", "axes", "numbers"),
    [
        ("brain_{:03d}.tif", "zyx", range(1, 5)),
        ("{}.tiff", "zyx", range(8, 12)),
        ("cells 2024 t{:02d}.tif", "tyx", range(4)),
        ("a_z{:04d}_x20.tif", "zyx", range(0, 40, 10)),
        ("scan-ch{}.tif", "cyx", range(1, 5)),
        ("time_{:03d}.tif", "tyx", range(4)),
        ("frame-{:02d}.tif", "tyx", range(4)),
        ("img_slice {}.tif", "zyx", range(4)),
    ],
)
def test_a_folder_of_numbered_files_is_one_image(tmp_path, pattern, axes, numbers) -> None:
    write_row(tmp_path, pattern, numbers=numbers)
    (tmp_path / "notes.txt").write_text("hello")
    volume = read_volume(tmp_path)
    assert volume.axes == axes
    assert np.array_equal(volume.array, STACK)
    assert volume.spacing_of("x") == pytest.approx(5e-5)
    assert volume.units == "cm"
    assert len(volume.source.paths) == 4
    write_labels(tmp_path.parent / "l.nii.gz", np.zeros(volume.label_shape, np.uint8), volume)


def test_a_missing_file_of_a_row_is_named(tmp_path) -> None:
    write_row(tmp_path, "brain_{:03d}.tif")
    (tmp_path / "brain_003.tif").unlink()
    with pytest.raises(ReadError, match=r"brain_003\.tif is missing") as caught:
        read_volume(tmp_path)
    assert "brain_003.tif" in caught.value.headline


@pytest.mark.parametrize("between", ["", "_"])
def test_two_numbers_are_two_axes(tmp_path, between) -> None:
    for time in range(2):
        write_row(tmp_path, f"a_t{between}{time}_z{between}{{:02d}}.tif", STACK + 1000 * time)
    volume = read_volume(tmp_path)
    assert volume.axes == "tzyx"
    assert np.array_equal(volume.array, [STACK, STACK + 1000])
    gone = f"a_t{between}1_z{between}02.tif"
    (tmp_path / gone).unlink()
    with pytest.raises(ReadError, match=rf"{re.escape(gone)} is missing"):
        read_volume(tmp_path)


def test_a_row_of_stacks_is_a_time_lapse(tmp_path) -> None:
    for number in range(3):
        tifffile.imwrite(tmp_path / f"day{number}.tif", STACK + number, imagej=True, metadata={"axes": "ZYX"})
    volume = read_volume(tmp_path)
    assert volume.axes == "tzyx"
    assert np.array_equal(volume.array, [STACK, STACK + 1, STACK + 2])
    assert "t was assumed" in " ".join(volume.source.notes)


def test_files_that_are_no_row_are_refused_by_name(tmp_path) -> None:
    write_row(tmp_path, "brain_{:03d}.tif")
    tifffile.imwrite(tmp_path / "brain_005.tif", STACK[0][:6])
    with pytest.raises(ReadError, match=r"brain_005\.tif does not belong to the row"):
        read_volume(tmp_path)
    tifffile.imwrite(tmp_path / "overview.tif", STACK[0])
    with pytest.raises(ReadError, match=r"are not numbered alike(.|\n)*brain_001\.tif"):
        read_volume(tmp_path)


def test_a_folder_of_one_set_or_one_file_is_that_image(tmp_path) -> None:
    write_set(tmp_path)
    assert read_volume(tmp_path).spacing == (2.0, 0.5, 0.5)
    (tmp_path / "one").mkdir()
    tifffile.imwrite(tmp_path / "one" / "a.tif", STACK[0])
    assert read_volume(tmp_path / "one").axes == "yx"
