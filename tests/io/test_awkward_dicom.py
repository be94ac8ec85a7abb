"""Series from scanners on which naive readers fail."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume


@pytest.mark.parametrize(
    ("name", "axes", "shape", "spacing", "limits"),
    [
        ("ct_20slices_jpeg2000_lossless", "zyx", (20, 512, 512), (2.0, 0.9766, 0.9766), (-1024, 1839)),
        ("ct_3slice", "zyx", (3, 512, 512), (1.0, 0.8105, 0.8105), (-3024, 1381)),
        ("sts003_mr_dicom_rtstruct", "zyx", (47, 138, 121), (3.27, 0.9766, 0.9766), (0, 1227)),
        ("mr_irregular_dz_jitter", "zyx", (20, 256, 256), (7.0005, 0.8594, 0.8594), (0, 1059)),
        ("mr_4d_150files", "tzyx", (10, 15, 64, 64), (5.0, 3.75, 3.75), (0, 9733)),
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
        ("mr_siemens_mosaic_jpeglossless", "Siemens mosaic"),
        ("mr_siemens_xa10_enhanced_multiframe", "multi-frame"),
        ("mr_philips_enhanced_multiframe", "multi-frame"),
        ("ct_enhanced_multiframe_tiny", "multi-frame"),
        ("dwv/multiframe-test1.dcm", "multi-frame"),
        ("dwv/dwv-test_no-number-rows.dcm", "Rows"),
        ("nifti_odd/enh.dcm", "multi-frame"),
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
    import pydicom

    volume = read_volume(awkward("mr_4d_150files"))
    numbers = [int(pydicom.dcmread(p, stop_before_pixels=True).InstanceNumber) for p in volume.source.paths]
    at_one_position = numbers[::15]
    assert at_one_position == sorted(at_one_position)
    assert set(np.diff(at_one_position)) == {15}


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("MR_small_bigendian.dcm", (127, 2145)),
        ("MR_small_RLE.dcm", (127, 2145)),
        ("MR_small_padded.dcm", (127, 2145)),
        ("image_dfl.dcm", (0, 255)),
        ("CT_small.dcm", (-896, 1167)),
    ],
)
def test_pydicoms_own_files(name, limits) -> None:
    from pydicom.data import get_testdata_file

    volume = read_volume(get_testdata_file(name, download=False))
    assert (volume.array.min(), volume.array.max()) == limits
    assert volume.array.dtype.isnative


@pytest.mark.parametrize(
    "name",
    [
        *("MR_truncated.dcm", "badVR.dcm", "meta_missing_tsyntax.dcm", "no_meta.dcm", "rtstruct.dcm", "rtplan.dcm"),
        *("test-SR.dcm", "reportsi.dcm", "waveform_ecg.dcm", "liver_1frame.dcm", "DICOMDIR", "README.txt"),
        *("examples_rgb_color.dcm", "examples_palette.dcm", "rtdose.dcm", "examples_ybr_color.dcm"),
        "JPEG2000-embedded-sequence-delimiter.dcm",
    ],
)
def test_pydicoms_broken_and_foreign_files_are_refused_by_name(name) -> None:
    from pydicom.data import get_testdata_file

    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"pydicom ships no {name}")
    with pytest.raises(ReadError) as caught:
        read_volume(path)
    assert name in caught.value.headline
