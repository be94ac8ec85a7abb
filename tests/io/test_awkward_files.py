"""NIfTI and TIFF files from other programs on which naive readers fail."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError
from napari_sam2.io import list_series, read_labels, read_volume, write_labels
from support.dicom import write_series


@pytest.mark.parametrize(
    ("name", "axes", "shape", "limits", "note"),
    [
        ("nifti_odd/AIL.nii.gz", "zyx", (67, 79, 64), (0, 92.55), ""),
        ("nifti_odd/shear.nii.gz", "zyx", (54, 422, 306), (-1024, 789), ""),
        ("nifti_odd/low_res.nii.gz", "zyx", (3, 5, 7), (0, 1), "mm was assumed"),
        ("nifti_odd/minimal.nii.gz", "zyx", (10, 64, 64), (0, 63), "no orientation"),
        ("nifti_odd/Z32.nii.gz", "yx", (110, 78), (0, 8), ""),
        ("nifti_odd/multi_chunk.nii.gz", "czyx", (2, 52, 39, 64), (3, 631), "channels"),
        ("nifti_odd/tensor_rgb.nii.gz", "czyx", (3, 20, 36, 36), (0, 290), "channels"),
        ("nifti_odd/nan.mha", "zyx", (64, 110, 78), None, ""),
        ("nifti_odd/mha.mha", "zyx", (37, 64, 64), (0, 6690), ""),
        ("nifti_odd/FLAIR.nrrd", "zyx", (140, 160, 124), (0, 255), ""),
        ("nifti_odd/ras.hdr", "zyx", (34, 41, 62), (0, 255), ""),
        ("nifti_odd/ras.img", "zyx", (34, 41, 62), (0, 255), ""),
        ("tiff_sem_variants/sub-tif_sample-16gray_SEM.tif", "yx", (256, 256), (514, 55255), "first of 2 series"),
        ("tiff_sem_variants/sub-tif_sample-8gray_SEM.tif", "yx", (256, 256), (2, 215), "first of 2 series"),
        ("tiff_sem_variants/sub-tif_sample-16rgb_SEM.tif", "yxc", (256, 256, 3), (514, 55255), ""),
        ("tiff_sem_variants/sub-tif_sample-8rgba_SEM.tif", "yxc", (256, 256, 3), (2, 215), "alpha"),
        ("tiff_sem_variants/chessboard_GRAY_U16B.tif", "yx", (200, 200), (0, 255), ""),
        ("tiff_sem_variants/multipage.tif", "zyx", (2, 15, 10), (0, 255), "z was assumed"),
        ("tiff_sem_variants/multipage_rgb.tif", "zcyx", (2, 3, 10, 10), (0, 1), "z was assumed"),
        ("tiff_sem_variants/tiff_stack.tif", "zyx", (5, 512, 512), (477, 576), ""),
    ],
)
def test_geometry_values_and_labels(awkward, tmp_path, name, axes, shape, limits, note) -> None:
    path = awkward(name)
    volume = read_volume(path)
    assert (volume.axes, volume.shape) == (axes, shape)
    if limits is not None:
        assert (volume.array.min(), volume.array.max()) == pytest.approx(limits, abs=0.01)
    assert volume.array.dtype.isnative
    assert note in " ".join(volume.source.notes)
    labels = np.random.default_rng(0).integers(0, 300, volume.label_shape).astype(np.uint16)
    write_labels(tmp_path / "l.nii.gz", labels, volume)
    assert np.array_equal(read_labels(tmp_path / "l.nii.gz", volume), labels)
    if volume.source.format == "nifti":
        ours, theirs = nib.load(tmp_path / "l.nii.gz"), nib.load(path)
        assert ours.shape == theirs.shape[: len(ours.shape)]
        assert np.array_equal(ours.affine, theirs.affine)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nifti_odd/complex.nii.gz", "complex64"),
        ("nifti_odd/ct_perfusion.nii.gz", "colours"),
        ("nifti_odd/rgb_test_file.nii.gz", "colours"),
        ("tiff_sem_variants/sub-png_sample-8gray_SEM.png", "PNG is not supported"),
    ],
)
def test_refusals_name_the_file_and_the_reason(awkward, name, words) -> None:
    path = awkward(name)
    with pytest.raises(ReadError, match=words) as caught:
        read_volume(path)
    assert str(path) in caught.value.headline


def test_a_dicom_among_other_files_is_not_mixed_with_them(awkward) -> None:
    volume = read_volume(awkward("nifti_odd"))
    assert volume.shape == (6, 64, 64)
    names = dict(volume.source.skipped)
    assert names["AIL.nii.gz"] == "not DICOM"
    assert "enh.dcm" not in names


def test_spacing_of_metaimage_and_nrrd(awkward) -> None:
    assert read_volume(awkward("nifti_odd/mha.mha")).spacing == pytest.approx((3.8, 3.438, 3.438), abs=1e-3)
    assert read_volume(awkward("nifti_odd/FLAIR.nrrd")).spacing == pytest.approx((1, 1, 1))


def test_nan_and_infinity_stay_out_of_the_window(awkward) -> None:
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.intensity import default_window

    volume = read_volume(awkward("nifti_odd/nan.mha"))
    assert (np.isnan(volume.array).sum(), np.isinf(volume.array).sum()) == (1519, 73)
    low, high = default_window(volume, FrameGrid.of(volume))
    assert np.isfinite([low, high]).all()
    assert low < high


def test_the_shear_of_a_tilted_gantry_stays_in_the_affine(awkward) -> None:
    volume = read_volume(awkward("nifti_odd/shear.nii.gz"))
    columns = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    assert abs(columns[:, 0] @ columns[:, 1]) == pytest.approx(0.317, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "axes", "shape"),
    [
        ("anatomical.nii", "zyx", (25, 41, 33)),
        ("reoriented_anat_moved.nii", "zyx", (22, 26, 21)),
        ("resampled_anat_moved.nii", "zyx", (3, 21, 17)),
        ("functional.nii", "tzyx", (20, 3, 21, 17)),
        ("example4d.nii.gz", "tzyx", (2, 24, 96, 128)),
        ("example_nifti2.nii.gz", "tzyx", (2, 12, 20, 32)),
        ("standard.nii.gz", "zyx", (7, 5, 4)),
        ("test.mgz", "tzyx", (2, 3, 4, 5)),
    ],
)
def test_nibabels_own_files(tmp_path, name, axes, shape) -> None:
    from nibabel.testing import data_path

    path = Path(data_path) / name
    volume = read_volume(path)
    assert (volume.axes, volume.shape) == (axes, shape)
    assert volume.array.dtype.isnative
    labels = np.random.default_rng(0).integers(0, 300, volume.shape).astype(np.uint16)
    write_labels(tmp_path / "l.nii.gz", labels, volume)
    assert np.array_equal(read_labels(tmp_path / "l.nii.gz", volume), labels)
    assert np.array_equal(nib.load(tmp_path / "l.nii.gz").affine, nib.load(path).affine)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("analyze.hdr", r"analyze\.img is missing"),
        ("nifti1.hdr", r"nifti1\.img is missing"),
        ("nifti2.hdr", r"nifti2\.img is missing"),
        ("tiny.mnc", "MINC"),
        ("phantom_EPI_asc_CLEAR_2_1.PAR", "PAR/REC"),
        ("scaled+tlrc.HEAD", "AFNI"),
    ],
)
def test_nibabels_foreign_files_are_refused(name, words) -> None:
    from nibabel.testing import data_path

    with pytest.raises(ReadError, match=words):
        read_volume(Path(data_path) / name)


def test_what_is_no_file_in_a_folder_of_dicom_files_is_passed_over(tmp_path) -> None:
    write_series(tmp_path, np.ones((4, 5, 6), np.uint16))
    os.mkfifo(tmp_path / "pipe.dcm")
    (tmp_path / "link.dcm").symlink_to(tmp_path / "gone")
    (tmp_path / "zero.dcm").symlink_to("/dev/zero")
    volume = read_volume(tmp_path)
    assert volume.shape == (4, 5, 6)
    assert dict(volume.source.skipped) == {
        "pipe.dcm": "it is a named pipe",
        "link.dcm": "it is a link to what does not exist",
        "zero.dcm": "it is a device",
    }
    assert len(list_series(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("labels.dcm", "it is no DICOM file"),
        ("labels.xyz", r"its suffix is '\.xyz'"),
        ("labels", "its suffix is 'missing'"),
    ],
)
def test_labels_of_no_known_kind_say_what_is_wrong(tmp_path, name, words) -> None:
    volume = ImageVolume(np.zeros((3, 4, 5)))
    (tmp_path / name).write_bytes(b"no labels at all" * 20)
    with pytest.raises(ReadError, match=words):
        read_labels(tmp_path / name, volume)
    with pytest.raises(ReadError, match="it is a folder"):
        read_labels(tmp_path, volume)
