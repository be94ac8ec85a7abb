"""RT-STRUCT as labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError
from napari_sam2.io import read_label_names, read_labels, read_volume

if TYPE_CHECKING:
    from pathlib import Path

AFFINE = np.array([[0, 0, 0.5, 10.0], [0, 0.8, 0, -20], [2.0, 0, 0, 30], [0, 0, 0, 1]])
VOLUME = ImageVolume(np.zeros((4, 12, 14)), units="mm", affine=AFFINE)


def _write(path: Path, rois: dict[int, list[tuple[str, np.ndarray]]]) -> Path:
    """Contours in (z, y, x) data coordinates of VOLUME."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = RTStructureSetStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.Modality = "RTSTRUCT"
    ds.StructureSetROISequence, ds.ROIContourSequence = [], []
    for number, contours in rois.items():
        roi, item = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, f"organ {number}", "1.2.9"
        item.ReferencedROINumber, item.ContourSequence = number, []
        for kind, points in contours:
            contour = Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(points)
            places = (AFFINE @ np.c_[points, np.ones(len(points))].T)[:3].T
            contour.ContourData = [f"{v:.6f}" for v in places.ravel()]
            item.ContourSequence.append(contour)
        ds.StructureSetROISequence.append(roi)
        ds.ROIContourSequence.append(item)
    ds.save_as(path, enforce_file_format=True)
    return path


def _square(z: float, y0: float, x0: float, y1: float, x1: float) -> np.ndarray:
    return np.array([[z, y0, x0], [z, y0, x1], [z, y1, x1], [z, y1, x0]])


def test_contours_fill_the_voxels_whose_centres_they_enclose(tmp_path) -> None:
    path = _write(
        tmp_path / "rs.dcm",
        {
            3: [("CLOSED_PLANAR", _square(1, 1.5, 2.5, 5.5, 8.5)), ("CLOSED_PLANAR", _square(1, 2.5, 4.5, 3.5, 6.5))],
            8: [("CLOSED_PLANAR", _square(2, 6.5, 0.5, 9.5, 3.5)), ("POINT", np.array([[0, 1, 1]]))],
        },
    )
    labels = read_labels(path, VOLUME)
    expected = np.zeros((4, 12, 14), np.uint8)
    expected[1, 2:6, 3:9] = 3
    # A contour inside another cuts a hole.
    expected[1, 3:4, 5:7] = 0
    expected[2, 7:10, 1:4] = 8
    assert np.array_equal(labels, expected)
    assert read_label_names(path) == {3: "organ 3", 8: "organ 8"}


def test_overlap_goes_to_the_higher_number_and_is_logged(tmp_path, caplog) -> None:
    square = ("CLOSED_PLANAR", _square(1, 1.5, 2.5, 5.5, 8.5))
    labels = read_labels(_write(tmp_path / "rs.dcm", {1: [square], 2: [square]}), VOLUME)
    assert set(np.unique(labels)) == {0, 2}
    assert "24 voxels belong to several segments" in caplog.text


@pytest.mark.parametrize(
    ("z", "words"), [(1.4, "between the volume's slices"), (7, "outside the volume"), (-3, "outside the volume")]
)
def test_a_file_that_lies_wholly_between_slices_or_outside_is_refused(tmp_path, z, words) -> None:
    path = _write(tmp_path / "rs.dcm", {1: [("CLOSED_PLANAR", _square(z, 1, 2, 5, 8))]})
    with pytest.raises(ReadError, match=words) as caught:
        read_labels(path, VOLUME)
    assert "rs.dcm" in caught.value.headline


INSIDE = _square(1, 1.5, 2.5, 5.5, 8.5)


@pytest.mark.parametrize(
    ("kind", "points", "words"),
    [
        ("CLOSED_PLANAR", _square(9, 1, 2, 5, 8), r"contour 2 of 'organ 1' lies outside the volume \(at slice 9"),
        ("CLOSED_PLANAR", _square(2, 50, 2, 60, 8), r"contour 2 of 'organ 1' lies outside .*beside the image"),
        ("CLOSED_PLANAR", _square(2.4, 1, 2, 5, 8), r"contour 2 of 'organ 1' lies between"),
        ("CLOSED_PLANAR", _square(2, 1, 2, 5, 8) * [[1, 1, 1], [1, 1, 1], [1.7, 1, 1], [1.7, 1, 1]], "is tilted"),
        ("CLOSED_PLANAR", _square(2, 1, 2, 5, 8)[:2], "has 2 points, which enclose nothing"),
        ("POINT", np.array([[2, 1, 1]]), r"contour 2 of 'organ 1' \(at slice 2.00\) is a point"),
        ("OPEN_PLANAR", _square(2, 1, 2, 5, 8), r"contour 2 of 'organ 1' \(at slice 2.00\) is an open line"),
        ("CLOSED_PLANAR", _square(2, 1.1, 2.1, 1.4, 2.4), "'organ 1' encloses no voxel's centre in slice 2"),
    ],
)
def test_one_contour_that_cannot_be_drawn_is_left_out_by_name(tmp_path, caplog, kind, points, words) -> None:
    path = _write(tmp_path / "rs.dcm", {1: [("CLOSED_PLANAR", INSIDE), (kind, points)]})
    expected = np.zeros(VOLUME.shape, np.uint8)
    expected[1, 2:6, 3:9] = 1
    notes: list[str] = []
    assert np.array_equal(read_labels(path, VOLUME, notes), expected)
    assert re.search(words, caplog.text)
    (note,) = notes
    assert re.search(f"left out: .*{words}", note)


def test_a_contour_without_points_is_left_out_by_name(tmp_path, caplog) -> None:
    path = _write(tmp_path / "rs.dcm", {1: [("CLOSED_PLANAR", INSIDE)] * 2})
    ds = dcmread(path)
    del ds.ROIContourSequence[0].ContourSequence[1].ContourData
    ds.save_as(path)
    assert np.count_nonzero(read_labels(path, VOLUME)) == 24
    assert "contour 2 of 'organ 1' is damaged" in caplog.text


def test_a_structure_told_in_two_places_is_one(tmp_path) -> None:
    path = _write(tmp_path / "rs.dcm", {1: [("CLOSED_PLANAR", INSIDE)], 2: [("CLOSED_PLANAR", _square(2, 1, 2, 5, 8))]})
    ds = dcmread(path)
    ds.ROIContourSequence[1].ReferencedROINumber = 1
    ds.save_as(path)
    labels = read_labels(path, VOLUME)
    assert np.count_nonzero(labels[1] == 1) == 24
    assert np.count_nonzero(labels[2] == 1) == 35


def test_a_structure_numbered_0_is_not_lost_in_the_background(tmp_path) -> None:
    square = ("CLOSED_PLANAR", INSIDE)
    path = _write(tmp_path / "rs.dcm", {0: [square], 3: [("CLOSED_PLANAR", _square(2, 1, 2, 5, 8))]})
    assert np.count_nonzero(read_labels(path, VOLUME)[1] == 4) == 24
    assert read_label_names(path) == {4: "organ 0", 3: "organ 3"}


def test_a_structure_of_others_equals_its_validation_copy(awkward) -> None:
    folder = awkward("sts003_mr_dicom_rtstruct")
    copy = folder.parents[1] / "val" / "mr_sarcoma_STS003_MR_T1.npz"
    if not copy.exists():
        pytest.skip("needs mr_sarcoma_STS003_MR_T1.npz from ../shared/data/val")
    labels = read_labels(folder / "mask" / "RS.dcm", read_volume(folder))
    with np.load(copy) as case:
        assert np.array_equal(labels > 0, case["label"] > 0)
    assert np.count_nonzero(labels) == 25_693
