"""Labels in TIFF files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError
from napari_sam2.io import read_labels, read_volume, write_labels


@pytest.mark.parametrize("name", ["l.tif", "l.tiff", "l.ome.tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32, bool])
def test_labels_come_back_with_their_spacing(tmp_path, name, dtype) -> None:
    volume = ImageVolume(np.zeros((4, 5, 6)), spacing=(2.5, 0.25, 0.5), units="micrometer")
    labels = np.random.default_rng(0).integers(0, 200, volume.shape).astype(dtype)
    write_labels(tmp_path / name, labels, volume)
    assert np.array_equal(read_labels(tmp_path / name, volume), labels)
    again = read_volume(tmp_path / name)
    assert again.axes == "zyx"
    assert again.spacing == pytest.approx(volume.spacing, rel=1e-4)
    assert again.units == "micrometer"


def test_wide_labels_are_kept(tmp_path) -> None:
    volume = ImageVolume(np.zeros((2, 3, 4)))
    labels = np.full((2, 3, 4), 70_000, np.int64)
    for name in ("l.tif", "l.nii"):
        write_labels(tmp_path / name, labels, volume)
        assert read_labels(tmp_path / name, volume).max() == 70_000


def test_imagej_labels_carry_names_and_frame_interval(tmp_path) -> None:
    volume = ImageVolume(np.zeros((3, 5, 6)), axes="tyx", spacing=(12.0, 0.5, 0.5), units="um")
    write_labels(tmp_path / "l.tif", np.ones((3, 5, 6), np.uint16), volume, {1: "cell"})
    with tifffile.TiffFile(tmp_path / "l.tif") as tiff:
        assert tiff.series[0].axes == "TYX"
        assert json.loads(tiff.imagej_metadata["Info"]) == {"labels": {"1": "cell"}}
    assert read_volume(tmp_path / "l.tif").spacing_of("t") == 12.0


def test_labels_of_another_shape_are_refused(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "l.tif", np.zeros((2, 3, 5), np.uint8))
    with pytest.raises(ReadError, match="another grid"):
        read_labels(tmp_path / "l.tif", ImageVolume(np.zeros((2, 3, 4))))
    with pytest.raises(ReadError, match="suffix"):
        read_labels(__file__, ImageVolume(np.zeros((2, 3, 4))))
