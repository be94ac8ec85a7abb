"""Series from scanners on which naive readers fail."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from napari_sam2.errors import ReadError
from napari_sam2.io import list_series, read_volume


@pytest.mark.parametrize(
    ("name", "axes", "shape", "spacing", "limits"),
    [
        ("ct_20slices_jpeg2000_lossless", "zyx", (20, 512, 512), (2.0, 0.9766, 0.9766), (-1024, 1839)),
        ("ct_3slice", "zyx", (3, 512, 512), (1.0, 0.8105, 0.8105), (-3024, 1381)),
        ("sts003_mr_dicom_rtstruct", "zyx", (47, 138, 121), (3.27, 0.9766, 0.9766), (0, 1227)),
        ("mr_irregular_dz_jitter", "zyx", (20, 256, 256), (7.0005, 0.8594, 0.8594), (0, 1059)),
        ("mr_4d_150files", "tzyx", (10, 15, 64, 64), (5.0, 3.75, 3.75), (0, 9733)),
        ("mr_siemens_mosaic_jpeglossless", "tzyx", (2, 36, 86, 86), (3.6, 2.6977, 2.6977), (0, 2078)),
        ("mr_siemens_xa10_enhanced_multiframe", "tzyx", (4, 6, 64, 64), (2.4, 3.375, 3.375), (0, 1199)),
        ("ct_enhanced_multiframe_tiny", "zyx", (3, 38, 24), (2.5, 0.7, 0.7), (0, 1)),
        ("nifti_odd/enh.dcm", "zyx", (6, 64, 64), (2.4, 3.375, 3.375), (0, 1195)),
    ],
)
def test_geometry_and_values(awkward, name, axes, shape, spacing, limits) -> None:
    volume = read_volume(awkward(name))
    assert volume.axes == axes
    assert volume.shape == shape
    assert volume.spacing == pytest.approx(spacing, abs=2e-4)
    assert (volume.array.min(), volume.array.max()) == limits
    assert volume.units == "mm"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ct_ge_gantry_tilt_nonuniform_dz", r"tilted by 18\.5° .*1\.081.*4\.002.*6\.999"),
        ("mr_prostatex_missing_slice", r"1 slice missing: .*1-07.dcm and 1-05.dcm"),
        ("ct_philips_bolustrack_same_position_plus_sc", "at one position"),
        ("ct_3slice_seg", "no DICOM image"),
        ("mr_philips_enhanced_multiframe", "holds 2 series"),
        ("dwv/dwv-test_no-number-rows.dcm", "Rows"),
    ],
)
def test_refusals_name_the_folder_and_the_reason(awkward, name, words) -> None:
    path = awkward(name)
    with pytest.raises(ReadError, match=words) as caught:
        read_volume(path)
    assert str(path) in caught.value.headline
    assert "\n" in str(caught.value)


def test_the_spine_ct_equals_its_training_copy(awkward) -> None:
    folder = awkward("ct_3slice")
    copy = folder.parents[1] / "train" / "ct_liver3_dcmqi.npz"
    if not copy.exists():
        pytest.skip("needs ct_liver3_dcmqi.npz from ../shared/data/train")
    volume = read_volume(folder)
    with np.load(copy) as case:
        assert np.array_equal(volume.array, case["image"])
    assert volume.padding_value == -3024
    assert volume.is_hu
    assert volume.window == (-160, 240)


def test_the_sarcoma_mr_equals_its_validation_copy(awkward) -> None:
    folder = awkward("sts003_mr_dicom_rtstruct")
    copy = folder.parents[1] / "val" / "mr_sarcoma_STS003_MR_T1.npz"
    if not copy.exists():
        pytest.skip("needs mr_sarcoma_STS003_MR_T1.npz from ../shared/data/val")
    volume = read_volume(folder)
    with np.load(copy) as case:
        assert np.array_equal(volume.array, case["image"])
    assert volume.source.skipped == (("mask/RS.dcm", "RTSTRUCT, not an image"),)


def test_time_runs_with_the_instance_number(awkward) -> None:
    volume = read_volume(awkward("mr_4d_150files"))
    numbers = [int(pydicom.dcmread(p, stop_before_pixels=True).InstanceNumber) for p in volume.source.paths]
    at_one_position = numbers[::15]
    assert at_one_position == sorted(at_one_position)
    assert set(np.diff(at_one_position)) == {15}


def test_the_lazy_stack_equals_the_eager_one(awkward) -> None:
    for name in ("mr_siemens_mosaic_jpeglossless", "ct_enhanced_multiframe_tiny", "ct_20slices_jpeg2000_lossless"):
        folder = awkward(name)
        eager, lazy = read_volume(folder), read_volume(folder, lazy=True)
        assert lazy.array.decoded == 0
        assert lazy.array.dtype == eager.array.dtype
        assert np.array_equal(lazy.array[..., 1, :, :], eager.array[..., 1, :, :])
        assert 0 < lazy.array.decoded <= 2
        assert np.array_equal(np.asarray(lazy.array), eager.array)
        assert np.array_equal(lazy.affine, eager.affine)


def test_a_film_is_time_with_its_interval_and_a_note(awkward) -> None:
    volume = read_volume(awkward("dwv/multiframe-test1.dcm"))
    assert (volume.axes, volume.shape, volume.units) == ("tyx", (16, 256, 256), None)
    assert volume.spacing_of("t") == pytest.approx(0.06947)
    assert "taken for time points" in " ".join(volume.source.notes)


def test_a_broken_file_does_not_keep_the_others_from_opening(awkward) -> None:
    volume = read_volume(awkward("dwv"))
    assert volume.shape == (16, 256, 256)
    assert volume.source.skipped[0][0] == "dwv-test_no-number-rows.dcm"


def test_the_skipped_files_are_named(awkward) -> None:
    with pytest.raises(ReadError):
        read_volume(awkward("ct_philips_bolustrack_same_position_plus_sc"))
    (series,) = list_series(awkward("ct_philips_bolustrack_same_position_plus_sc"))
    assert series.shape == (3, 256, 512)
    assert read_volume(awkward("mr_4d_150files")).source.skipped == (("README-Series.txt", "not DICOM"),)
