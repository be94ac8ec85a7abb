"""DICOM-SEG out and in: the same voxels at the same places, by highdicom, by plain arithmetic, and by our reader."""

from __future__ import annotations

import logging
import shutil
import subprocess
from typing import TYPE_CHECKING

import highdicom as hd
import numpy as np
import pydicom
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import read_label_names, read_labels, read_volume, write_labels
from napari_sam2.io.dicom.seg_writer import write_dicom_seg
from napari_sam2.io.dicom.terminology import search_codes
from support.dicom import write_series
from support.dicom_grids import GRIDS, SHAPE, grid_series
from support.grids import phantom

if TYPE_CHECKING:
    from pathlib import Path


def _by_arithmetic(path: Path) -> dict[int, set[tuple[float, ...]]]:
    """Segment → positions of its voxels in LPS micrometres, from the standard's equation alone."""
    ds = pydicom.dcmread(path)
    shared = ds.SharedFunctionalGroupsSequence[0]
    spacing = [float(s) for s in shared.PixelMeasuresSequence[0].PixelSpacing]
    frames = ds.pixel_array.reshape(int(ds.NumberOfFrames), ds.Rows, ds.Columns)
    found: dict[int, set[tuple[float, ...]]] = {}
    for picture, groups in zip(frames, ds.PerFrameFunctionalGroupsSequence, strict=True):
        direction = (groups if "PlaneOrientationSequence" in groups else shared).PlaneOrientationSequence[0]
        right, down = np.array(direction.ImageOrientationPatient, float).reshape(2, 3)
        origin = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        number = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        for row, column in np.argwhere(picture):
            place = origin + right * spacing[1] * column + down * spacing[0] * row
            found.setdefault(number, set()).add(tuple(np.rint(place * 1e3).astype(int).tolist()))
    return found


def _wanted(labels: np.ndarray, volume: ImageVolume) -> dict[int, set[tuple[float, ...]]]:
    found = {}
    for number, value in enumerate(np.unique(labels[labels > 0]), start=1):
        index = np.argwhere(labels == value)
        places = (volume.affine @ np.c_[index, np.ones(len(index))].T)[:3].T
        found[number] = {tuple(np.rint(p * 1e3).astype(int).tolist()) for p in places}
    return found


@pytest.mark.parametrize("name", GRIDS)
def test_every_orientation(tmp_path, name) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS[name])
    labels = phantom(SHAPE)
    path = tmp_path / "seg.dcm"
    write_labels(path, labels, volume, {1: "liver"})
    again = read_labels(path, volume)
    assert again.dtype == np.uint16
    assert np.array_equal(again, labels)
    assert _by_arithmetic(path) == _wanted(labels, volume)


def test_highdicom_finds_the_same_volume(tmp_path) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["oblique"])
    labels = phantom(SHAPE)
    write_labels(tmp_path / "seg.dcm", labels, volume)
    theirs = hd.seg.segread(tmp_path / "seg.dcm").get_volume(combine_segments=True)
    place = np.argwhere(theirs.array == 3)[0]
    index = np.argwhere(labels == 300)[0]
    assert (theirs.affine @ [*place, 1])[:3] == pytest.approx((volume.affine @ [*index, 1])[:3], abs=1e-6)
    assert {int(v): int((theirs.array == v).sum()) for v in (1, 2, 3)} == {
        n: int((labels == v).sum()) for n, v in enumerate((1, 2, 300), start=1)
    }


def test_what_the_header_says(tmp_path) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    labels = phantom(SHAPE)
    codes = {2: search_codes("cyst")[0]}
    write_labels(tmp_path / "seg.dcm", labels, volume, {1: "kidney L", 2: "something odd"}, codes)
    ds = pydicom.dcmread(tmp_path / "seg.dcm")
    one, two, three = ds.SegmentSequence
    kind = one.SegmentedPropertyTypeCodeSequence[0]
    assert (one.SegmentLabel, kind.CodeValue, kind.CodeMeaning) == ("kidney L", "64033007", "Kidney")
    assert kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
    assert two.SegmentLabel == "something odd"
    assert two.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Cyst"
    assert three.SegmentLabel == "object 300"
    assert three.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Tissue"
    assert ds.FrameOfReferenceUID == "1.2.9"
    assert ds.StudyInstanceUID == "1.2.3"
    referred = {r.ReferencedSOPInstanceUID for r in ds.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    sources = {pydicom.dcmread(p).SOPInstanceUID for p in volume.source.paths}
    assert referred == sources
    assert ds.SegmentationType == "BINARY"
    assert read_label_names(tmp_path / "seg.dcm") == {1: "kidney L", 2: "something odd", 300: "object 300"}
    # The standard wants the patient of the study; nothing more of the source than its module asks for is there.
    assert ds.PatientID == "4711"
    assert bytes((tmp_path / "seg.dcm").read_bytes()[:128]) == bytes(128)


def test_nothing_of_the_patient_is_logged(tmp_path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    labels = phantom(SHAPE)
    for name in ("seg.dcm", "l.nii.gz", "l.nrrd", "l.mha", "l.tif"):
        write_labels(tmp_path / name, labels, volume, {1: "liver"})
        assert np.array_equal(read_labels(tmp_path / name, volume), labels)
        if name != "seg.dcm":
            import gzip

            raw = (tmp_path / name).read_bytes()
            raw = gzip.decompress(raw) if name.endswith(".gz") else raw
            assert b"4711" not in raw
            assert b"Roe" not in raw
    assert "4711" not in caplog.text
    assert "Roe" not in caplog.text


def test_fractional_objects_are_cut_at_one_half(tmp_path) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    labels = phantom(SHAPE)
    chances = {v: np.where(labels == v, 0.8, 0.3).astype(np.float32) for v in (1, 2, 300)}
    write_dicom_seg(tmp_path / "seg.dcm", labels, volume, probabilities=chances)
    ds = pydicom.dcmread(tmp_path / "seg.dcm")
    assert (ds.SegmentationType, ds.SegmentationFractionalType) == ("FRACTIONAL", "PROBABILITY")
    assert sorted(np.unique(ds.pixel_array)) == [round(0.3 * 255), round(0.8 * 255)]
    assert np.array_equal(read_labels(tmp_path / "seg.dcm", volume), labels)
    for bad in ({1: chances[1]}, {**chances, 2: chances[2] * 2}, {**chances, 2: chances[2][1:]}):
        with pytest.raises(WriteError, match=r"seg\.dcm was not written"):
            write_dicom_seg(tmp_path / "seg.dcm", labels, volume, probabilities=bad)


def test_a_label_map_of_others_is_read(tmp_path) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    labels = phantom(SHAPE)
    write_labels(tmp_path / "ours.dcm", labels, volume)
    ours = hd.seg.segread(tmp_path / "ours.dcm")
    sources = [pydicom.dcmread(p) for p in volume.source.paths]
    for ds in sources:
        ds.PatientBirthDate, ds.PatientSex, ds.StudyTime, ds.StudyID, ds.ReferringPhysicianName = "", "", "", "", ""
    theirs = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=np.searchsorted([0, 1, 2, 300], labels).astype(np.uint8),
        segmentation_type="LABELMAP",
        segment_descriptions=[ours.get_segment_description(n) for n in (1, 2, 3)],
        series_instance_uid=hd.UID(),
        series_number=2,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="others",
        manufacturer_model_name="others",
        software_versions="1",
        device_serial_number="1",
    )
    theirs.save_as(tmp_path / "theirs.dcm")
    assert np.array_equal(read_labels(tmp_path / "theirs.dcm", volume), labels)


def test_many_labels_come_back_with_their_numbers(tmp_path) -> None:
    write_series(tmp_path / "ct", np.zeros((5, 8, 8), np.uint16))
    volume = read_volume(tmp_path / "ct")
    labels = (np.arange(320).reshape(5, 8, 8) * 3 + 7).astype(np.uint16)
    labels[labels > 900] = 0
    write_labels(tmp_path / "seg.dcm", labels, volume)
    assert len(np.unique(labels)) > 256
    assert np.array_equal(read_labels(tmp_path / "seg.dcm", volume), labels)


def test_one_slice_alone(tmp_path) -> None:
    path = write_series(tmp_path / "ct", np.zeros((1, 6, 7), np.uint16))[0]
    volume = read_volume(path)
    labels = phantom((5, 6, 7))[1].astype(np.uint8)
    write_labels(tmp_path / "seg.dcm", labels, volume)
    assert np.array_equal(read_labels(tmp_path / "seg.dcm", volume), labels)


def test_a_segmentation_is_read_onto_another_orientation_of_its_image(tmp_path) -> None:
    series = grid_series(tmp_path / "ct", GRIDS["012+++"])
    labels = phantom(SHAPE)
    write_labels(tmp_path / "seg.dcm", labels, series)
    # The same image as NIfTI has its slices the other way round, and no frame of reference.
    write_labels(tmp_path / "image.nii", labels, series)
    volume = read_volume(tmp_path / "image.nii")
    assert np.array_equal(read_labels(tmp_path / "seg.dcm", volume), volume.array)


def test_another_grid_or_frame_of_reference_is_refused(tmp_path) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    write_labels(tmp_path / "seg.dcm", phantom(SHAPE), volume)
    array = np.zeros(SHAPE)
    moved = volume.affine + np.array([[0, 0, 0, 0.3], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    with pytest.raises(ReadError, match="beside the volume's"):
        read_labels(tmp_path / "seg.dcm", ImageVolume(array, units="mm", affine=moved))
    with pytest.raises(ReadError, match="outside the volume"):
        read_labels(tmp_path / "seg.dcm", ImageVolume(array[:2], units="mm", affine=volume.affine))
    for ds_path in volume.source.paths:
        ds = pydicom.dcmread(ds_path)
        ds.FrameOfReferenceUID = "1.2.77"
        ds.save_as(ds_path)
    with pytest.raises(ReadError, match="frame of reference"):
        read_labels(tmp_path / "seg.dcm", read_volume(tmp_path / "ct"))
    with pytest.raises(ReadError, match="holds no labels but CT"):
        read_labels(volume.source.paths[0], volume)


def test_what_cannot_become_a_segmentation_says_why(tmp_path) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    labels = phantom(SHAPE)
    path = tmp_path / "seg.dcm"
    with pytest.raises(WriteError, match="no object"):
        write_labels(path, labels * 0, volume)
    with pytest.raises(WriteError, match="not read from one"):
        write_labels(path, labels, ImageVolume(np.zeros(SHAPE)))
    shutil.move(tmp_path / "ct", tmp_path / "away")
    with pytest.raises(WriteError, match="where it was opened"):
        write_labels(path, labels, volume)
    assert not path.exists()
    write_series(tmp_path / "anonymous", np.zeros((3, 6, 7), np.uint16), FrameOfReferenceUID=None)
    with pytest.raises(WriteError, match="unique identifiers"):
        write_labels(path, labels[:3], read_volume(tmp_path / "anonymous"))


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    path = tmp_path / "seg.dcm"
    write_labels(path, phantom(SHAPE), volume)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteError, match="No space left"):
        write_labels(path, phantom(SHAPE) // 2, volume)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ct", "seg.dcm"]


def test_a_validator_finds_no_error(tmp_path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy of dicom3tools")
    volume = grid_series(tmp_path / "ct", GRIDS["oblique"])
    write_labels(tmp_path / "seg.dcm", phantom(SHAPE), volume, {1: "left kidney", 2: "odd"})
    done = subprocess.run(["dciodvfy", tmp_path / "seg.dcm"], capture_output=True, text=True, check=False)
    errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
    # The test's own series has made-up identifiers and leaves out what no reader needs.
    assert [e for e in errors if "Patient" not in e and "Study" not in e and "Referring" not in e] == []


# ---------------------------------------------------------------------- files of others


def test_liver_of_others_equals_its_training_copy(awkward) -> None:
    folder = awkward("ct_3slice")
    copy = folder.parents[1] / "train" / "ct_liver3_dcmqi.npz"
    if not copy.exists():
        pytest.skip("needs ct_liver3_dcmqi.npz from ../shared/data/train")
    path = awkward("ct_3slice_seg") / "liver.dcm"
    labels = read_labels(path, read_volume(folder))
    with np.load(copy) as case:
        assert np.array_equal(labels, case["label"] == 1)
    assert sorted(int(n) for n in np.count_nonzero(labels, axis=(1, 2))) == [35220, 35645, 36233]
    assert read_label_names(path) == {1: "Liver"}


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("ct_3slice", None),
        ("ct_enhanced_multiframe_tiny", None),
        ("mr_siemens_xa10_enhanced_multiframe/6_3.dcm", None),
        ("mr_irregular_dz_jitter", None),
        ("sts003_mr_dicom_rtstruct", None),
    ],
)
def test_series_of_scanners_come_back(awkward, tmp_path, name, series) -> None:
    volume = read_volume(awkward(name), series)
    labels = (np.random.default_rng(0).random(volume.label_shape) > 0.7) * np.uint8(3)
    write_labels(tmp_path / "seg.dcm", labels, volume)
    assert np.array_equal(read_labels(tmp_path / "seg.dcm", volume), labels)


@pytest.mark.parametrize(
    ("name", "series", "words"),
    [
        ("ct_20slices_jpeg2000_lossless", None, "unique identifiers"),
        ("mr_4d_150files", None, "axes tzyx"),
        ("mr_siemens_mosaic_jpeglossless/jpg1.dcm", None, "mosaics"),
        ("mr_philips_enhanced_multiframe", 0, "part of the frames"),
    ],
)
def test_series_that_cannot_say_why(awkward, tmp_path, name, series, words) -> None:
    volume = read_volume(awkward(name), series)
    with pytest.raises(WriteError, match=words):
        write_labels(tmp_path / "seg.dcm", np.ones(volume.label_shape, np.uint8), volume)
    # NIfTI always goes.
    write_labels(tmp_path / "l.nii.gz", np.ones(volume.label_shape, np.uint8), volume)
