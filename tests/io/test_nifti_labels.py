"""Labels in NIfTI files."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
import zarr

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import read_labels, read_volume, write_labels
from support.nifti import LPS, SHAPE, affine_of, oblique, save_nifti


def test_labels_written_for_an_affine_alone_lie_where_the_volume_lies(tmp_path) -> None:
    affine = LPS @ oblique() @ np.eye(4)[[2, 1, 0, 3]]
    volume = ImageVolume(np.zeros(SHAPE, np.uint8), units="mm", affine=affine)
    labels = np.random.default_rng(0).integers(0, 5, SHAPE).astype(np.uint8)
    write_labels(tmp_path / "a.nii.gz", labels, volume)
    image = nib.load(tmp_path / "a.nii.gz")
    assert image.affine == pytest.approx(oblique(), abs=1e-4)
    assert int(image.header["sform_code"]) > 0
    assert int(image.header["qform_code"]) > 0
    assert np.array_equal(np.asarray(image.dataobj), labels.transpose())
    assert np.array_equal(read_labels(tmp_path / "a.nii.gz", volume), labels)


@pytest.mark.parametrize(
    ("axes", "shape"), [("yx", (5, 6)), ("yxz", (5, 6, 4)), ("tyx", (3, 5, 6)), ("tzyx", (3, 4, 5, 6))]
)
@pytest.mark.parametrize("suffix", [".nii.gz", ".tif"])
def test_labels_of_other_axes_come_back(tmp_path, axes, shape, suffix) -> None:
    volume = ImageVolume(np.zeros(shape), axes=axes, units="mm")
    labels = np.random.default_rng(0).integers(0, 300, shape).astype(np.uint16)
    write_labels(tmp_path / f"a{suffix}", labels, volume)
    assert np.array_equal(read_labels(tmp_path / f"a{suffix}", volume), labels)


def test_labels_in_another_orientation_are_turned_onto_the_volume(tmp_path, data) -> None:
    volume = read_volume(save_nifti(tmp_path / "a.nii", data, affine_of("RAS")))
    labels = np.random.default_rng(0).integers(0, 9, volume.shape).astype(np.uint8)
    write_labels(tmp_path / "l.nii", labels, volume)
    image = nib.as_closest_canonical(nib.load(tmp_path / "l.nii")).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    image.to_filename(tmp_path / "turned.nii")
    assert np.array_equal(read_labels(tmp_path / "turned.nii", volume), labels)


def test_labels_on_another_grid_are_refused(tmp_path, data) -> None:
    volume = read_volume(save_nifti(tmp_path / "a.nii", data, affine_of("RAS")))
    moved = affine_of("RAS")
    moved[0, 3] += 0.6
    save_nifti(tmp_path / "moved.nii", np.ones(SHAPE, np.uint8), moved)
    with pytest.raises(ReadError, match=r"another grid.*0\.60 voxels"):
        read_labels(tmp_path / "moved.nii", volume)
    save_nifti(tmp_path / "short.nii", np.ones((4, 5, 5), np.uint8), affine_of("RAS"))
    with pytest.raises(ReadError, match="another grid"):
        read_labels(tmp_path / "short.nii", volume)
    save_nifti(tmp_path / "image.nii", np.full(SHAPE, 0.5, np.float32), affine_of("RAS"))
    with pytest.raises(ReadError, match="no labels"):
        read_labels(tmp_path / "image.nii", volume)


def test_labels_of_a_time_series_say_that_they_are_one(tmp_path) -> None:
    volume = ImageVolume(np.zeros((3, 4, 5, 6)), axes="tzyx", units="mm")
    write_labels(tmp_path / "l.nii.gz", np.ones((3, 4, 5, 6), np.uint8), volume)
    again = read_volume(tmp_path / "l.nii.gz")
    assert (again.is_time_declared, again.has_frame_interval) == (True, False)


def test_names_travel_in_the_header(tmp_path) -> None:
    volume = ImageVolume(np.zeros(SHAPE))
    write_labels(tmp_path / "a.nii.gz", np.ones(SHAPE, np.uint8), volume, {1: "liver"})
    extension = nib.load(tmp_path / "a.nii.gz").header.extensions[0]
    content = extension.get_content()
    assert json.loads(content if isinstance(content, str) else content.rstrip(b"\0")) == {"labels": {"1": "liver"}}


@pytest.mark.parametrize(
    ("name", "labels", "words"),
    [
        ("a.png", np.ones(SHAPE, np.uint8), r"\.nii\.gz"),
        ("missing/a.nii", np.ones(SHAPE, np.uint8), "does not exist"),
        ("a.nii", np.ones((4, 5), np.uint8), "grid"),
        ("a.nii", np.ones(SHAPE), "whole numbers"),
        ("a.tif", np.full(SHAPE, -1), "negative"),
        ("a.tif", np.full(SHAPE, 2**40), "32 bits"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, labels, words) -> None:
    with pytest.raises(WriteError, match=words) as caught:
        write_labels(tmp_path / name, labels, ImageVolume(np.zeros(SHAPE)))
    assert name in caught.value.headline
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["l.nii.gz", "l.mha", "l.nrrd", "l.tif", "l.zarr"])
def test_labels_that_are_whole_but_for_rounding_are_rounded(tmp_path, name) -> None:
    volume = ImageVolume(np.zeros((3, 4, 5), np.int16), axes="zyx", units="mm")
    true = np.zeros((3, 4, 5), np.uint16)
    true[1, 1:3], true[2] = 1, 7015
    for factor, offset, fine in ((0.99999994, 0, True), (1, 0.0009, True), (1, 0.4, False)):
        values = (true * factor + offset).astype(np.float32)
        _write_floats(tmp_path / name, values)
        if fine:
            assert np.array_equal(read_labels(tmp_path / name, volume), true)
        else:
            with pytest.raises(ReadError, match="no whole numbers"):
                read_labels(tmp_path / name, volume)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, -1.0])
def test_values_that_are_no_labels_stay_errors(tmp_path, value) -> None:
    values = np.zeros((3, 4, 5), np.float32)
    values[0, 0, 0] = value
    _write_floats(tmp_path / "l.nii.gz", values)
    with pytest.raises(ReadError, match="no labels"):
        read_labels(tmp_path / "l.nii.gz", ImageVolume(np.zeros((3, 4, 5), np.int16), axes="zyx", units="mm"))


def _write_floats(path, values) -> None:
    if path.suffix == ".gz":
        nib.Nifti1Image(values.transpose(), np.diag([-1.0, -1.0, 1.0, 1.0])).to_filename(path)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, values, photometric="minisblack")
    elif path.suffix == ".zarr":
        group = zarr.open_group(str(path), mode="w", zarr_format=2)
        group.create_array("0", data=values)
        axes = [{"name": a, "type": "space", "unit": "millimeter"} for a in "zyx"]
        scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
        datasets = [{"path": "0", "coordinateTransformations": scale}]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    else:
        sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
