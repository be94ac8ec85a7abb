"""RT-STRUCT as labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from napari_sam2.errors import ReadError
from napari_sam2.io import read_label_names, read_labels, read_volume
from napari_sam2.volume import ImageVolume

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


def test_contours_between_slices_or_outside_are_refused(tmp_path) -> None:
    for z, words in ((1.4, "between the volume's slices"), (7, "outside the volume")):
        path = _write(tmp_path / "rs.dcm", {1: [("CLOSED_PLANAR", _square(z, 1, 2, 5, 8))]})
        with pytest.raises(ReadError, match=words) as caught:
            read_labels(path, VOLUME)
        assert "rs.dcm" in caught.value.headline


def test_a_structure_of_others_equals_its_validation_copy(awkward) -> None:
    folder = awkward("sts003_mr_dicom_rtstruct")
    copy = folder.parents[1] / "val" / "mr_sarcoma_STS003_MR_T1.npz"
    if not copy.exists():
        pytest.skip("needs mr_sarcoma_STS003_MR_T1.npz from ../shared/data/val")
    labels = read_labels(folder / "mask" / "RS.dcm", read_volume(folder))
    with np.load(copy) as case:
        assert np.array_equal(labels > 0, case["label"] > 0)
    assert np.count_nonzero(labels) == 25_693
