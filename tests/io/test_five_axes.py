"""Images of five axes: read with all of them, whatever their order; their labels have all but the channel."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import tifffile

from napari_sam2.errors import ReadError
from napari_sam2.io import read_labels, read_volume, write_labels

SIZES = {"T": 4, "C": 2, "Z": 3, "Y": 16, "X": 17}


def values(axes: str) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 60000, [SIZES[a] for a in axes]).astype(np.uint16)


@pytest.mark.parametrize("axes", ["TCZYX", "TZCYX", "CTZYX", "ZTCYX", "ZCYX", "CZYX", "TCYX", "CYX"])
@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr", ".nii.gz", ".nrrd"])
def test_ome_tiff_of_any_order(tmp_path, axes, suffix) -> None:
    data = values(axes)
    options = {"axes": axes, "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", data, ome=True, photometric="minisblack", metadata=options)
    volume = read_volume(tmp_path / "a.ome.tif")
    assert (volume.axes, volume.is_time_declared, volume.spacing_of("x")) == (axes.lower(), True, 0.5)
    assert np.array_equal(volume.array, data)
    assert volume.label_axes == axes.lower().replace("c", "")
    labels = np.random.default_rng(1).integers(0, 3, volume.label_shape).astype(np.uint16)
    write_labels(tmp_path / f"labels{suffix}", labels, volume)
    assert np.array_equal(read_labels(tmp_path / f"labels{suffix}", volume), labels)


def test_imagej_hyperstack(tmp_path) -> None:
    data = values("TZCYX")
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TZCYX"})
    volume = read_volume(tmp_path / "a.tif")
    assert (volume.axes, volume.is_time_declared) == ("tzcyx", True)
    assert np.array_equal(volume.array, data)


def test_a_fifth_axis_that_a_tiff_does_not_name_is_an_error_that_says_so(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values("TCZYX"), photometric="minisblack", metadata={"axes": "QQQYX"})
    with pytest.raises(ReadError, match=r"are more than z, y, x, time and channel"):
        read_volume(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((8, 7, 6, 4, 3), "ctzyx"),
        ((8, 7, 6, 1, 3), "czyx"),
        ((8, 7, 6, 4, 1), "tzyx"),
        ((8, 7, 1, 4, 3), "ctzyx"),
    ],
)
@pytest.mark.parametrize("unit", ["sec", None])
def test_nifti_with_components(tmp_path, shape, axes, unit) -> None:
    data = np.random.default_rng(0).random(shape, np.float32)
    image = nib.Nifti1Image(data, np.diag([-1.0, -1.0, 2.0, 1.0]))
    image.header.set_xyzt_units("mm", unit)
    nib.save(image, tmp_path / "a.nii.gz")
    volume = read_volume(tmp_path / "a.nii.gz")
    assert volume.axes == axes
    assert np.array_equal(volume.array, data.transpose().reshape(volume.shape))
    # No file's fourth axis is taken for time unless it says so.
    assert volume.is_time_declared == ("t" not in axes or unit == "sec")
    labels = np.random.default_rng(1).integers(0, 3, volume.label_shape).astype(np.uint16)
    write_labels(tmp_path / "labels.nii.gz", labels, volume)
    assert np.array_equal(read_labels(tmp_path / "labels.nii.gz", volume), labels)
