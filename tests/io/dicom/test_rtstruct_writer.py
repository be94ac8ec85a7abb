"""RT-STRUCT out and in: by plain arithmetic from the standard's equations, by our reader, by the standard's tables."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from scipy import ndimage
from skimage.measure import points_in_poly

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import WriteError
from napari_sam2.io import read_label_names, read_labels, read_volume, write_labels
from napari_sam2.io.dicom.terminology import search_codes
from support.dicom import write_series
from support.dicom_grids import GRIDS, SHAPE, grid_series
from support.grids import phantom

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FINER = 9


def _contours(path: Path, images: dict[str, Any]) -> Iterator[tuple[int, str, np.ndarray, float]]:
    """ROI, image, outline in its (row, column), and the distance from its plane in mm, from the standard's equation."""
    for item in pydicom.dcmread(path).ROIContourSequence:
        for contour in item.ContourSequence:
            (reference,) = contour.ContourImageSequence
            image = images[str(reference.ReferencedSOPInstanceUID)]
            points = np.array(contour.ContourData, float).reshape(-1, 3) - np.array(image.ImagePositionPatient, float)
            right, down = np.array(image.ImageOrientationPatient, float).reshape(2, 3)
            between_rows, between_columns = (float(v) for v in image.PixelSpacing)
            outline = np.c_[points @ down / between_rows, points @ right / between_columns]
            assert contour.NumberOfContourPoints == len(points)
            yield (
                int(item.ReferencedROINumber),
                str(reference.ReferencedSOPInstanceUID),
                outline,
                float(np.abs(points @ np.cross(right, down)).max()),
            )


def _images(volume: ImageVolume) -> dict[str, Any]:
    return {str(ds.SOPInstanceUID): ds for ds in map(pydicom.dcmread, volume.source.paths)}


def _filled(path: Path, volume: ImageVolume) -> dict[int, np.ndarray]:
    """The masks of the structures on the finer grid of `FINER` parts a pixel, by the even-odd rule."""
    images = _images(volume)
    order = list(volume.source.header["sop_instance_uids"])
    rows, columns = volume.shape[-2:]
    # Centres of the parts, in pixels.
    fine = [(np.arange(n * FINER) + 0.5) / FINER - 0.5 for n in (rows, columns)]
    places = np.stack(np.meshgrid(*fine, indexing="ij"), axis=-1).reshape(-1, 2)
    masks: dict[int, np.ndarray] = {}
    for roi, uid, outline, beside in _contours(path, images):
        assert beside < 1e-3
        mask = masks.setdefault(roi, np.zeros((len(order), rows * FINER, columns * FINER), bool))
        mask[order.index(uid)] ^= points_in_poly(places, outline).reshape(mask.shape[1:])
    return masks


def worst_edge_distance(fine: np.ndarray, mask: np.ndarray) -> float:
    """How far, in pixels, the filled contours reach over or stay behind the edge of the voxels, slice by slice."""
    wanted = np.kron(mask, np.ones((1, FINER, FINER), bool)).astype(bool)
    worst = 0.0
    for found, right in zip(fine, wanted, strict=True):
        wrong = found != right
        if wrong.any():
            padded = np.pad(right, 1)
            depth = np.where(padded, ndimage.distance_transform_edt(padded), ndimage.distance_transform_edt(~padded))[
                1:-1, 1:-1
            ]
            worst = max(worst, float(depth[wrong].max()) / FINER)
    return worst


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2.0 * float((a & b).sum()) / float(a.sum() + b.sum())


@pytest.mark.parametrize("name", GRIDS)
def test_every_orientation(tmp_path, name) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS[name])
    labels = phantom(SHAPE)
    write_labels(tmp_path / "rs.dcm", labels, volume, {1: "liver"}, kind="rtstruct")
    assert np.array_equal(read_labels(tmp_path / "rs.dcm", volume), labels)
    masks = _filled(tmp_path / "rs.dcm", volume)
    assert set(masks) == {1, 2, 300}
    for label, fine in masks.items():
        assert np.array_equal(fine[:, FINER // 2 :: FINER, FINER // 2 :: FINER], labels == label)
        assert worst_edge_distance(fine, labels == label) <= 0.5


def _shapes() -> np.ndarray:
    """A ball, a hollow ball, a tube with a core, and several parts that touch at corners, through six slices."""
    labels = np.zeros((6, 60, 70), np.uint16)
    z, y, x = np.indices(labels.shape)
    ball = np.hypot(np.hypot((z - 2.5) * 4, y - 15), x - 15)
    labels[ball <= 12] = 1
    shell = np.hypot(np.hypot((z - 2.5) * 4, y - 42), x - 20)
    labels[(shell <= 14) & (shell > 8)] = 2
    tube = np.hypot(y - 28, x - 48)
    labels[(tube <= 18) & (tube > 9)] = 7
    labels[tube <= 4] = 7
    labels[(tube > 5) & (tube <= 7)] = 9
    labels[2, 50:, 40:][np.indices((10, 30)).sum(axis=0) % 2 == 0] = 30
    return labels


@pytest.mark.parametrize("name", ["012+++", "120+-+", "201--+", "oblique", "tilted"])
def test_shapes_with_holes_islands_and_many_parts_come_back(tmp_path, name) -> None:
    labels = _shapes()
    volume = grid_series(tmp_path / "ct", GRIDS[name], labels.shape)
    write_labels(tmp_path / "rs.dcm", labels, volume, kind="rtstruct")
    again = read_labels(tmp_path / "rs.dcm", volume)
    masks = _filled(tmp_path / "rs.dcm", volume)
    for label in (1, 2, 7, 9, 30):
        assert dice(again == label, labels == label) == 1.0
        assert worst_edge_distance(masks[label], labels == label) <= 0.5


def test_what_is_written_of_each_structure(tmp_path) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    codes = {2: search_codes("cyst")[0]}
    names = {1: "kidney L", 2: "something odd", 300: "GTV 1"}
    path = tmp_path / "rs.dcm"
    write_labels(path, phantom(SHAPE), volume, names, codes, kind="rtstruct", colors={1: (1, 0.5, 0)})
    ds = pydicom.dcmread(path)
    assert read_label_names(path) == names
    assert [int(r.ROINumber) for r in ds.StructureSetROISequence] == [1, 2, 300]
    assert {str(r.ReferencedFrameOfReferenceUID) for r in ds.StructureSetROISequence} == {"1.2.9"}
    assert [int(v) for v in ds.ROIContourSequence[0].ROIDisplayColor] == [255, 128, 0]
    assert len({tuple(r.ROIDisplayColor) for r in ds.ROIContourSequence}) == 3
    kidney, odd, target = ds.RTROIObservationsSequence
    assert [str(o.RTROIInterpretedType or "") for o in (kidney, odd, target)] == ["ORGAN", "", "GTV"]
    kind = kidney.RTROIIdentificationCodeSequence[0]
    assert (kind.CodeValue, kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning) == ("64033007", "Left")
    assert odd.RTROIIdentificationCodeSequence[0].CodeMeaning == "Cyst"
    assert (ds.ApprovalStatus, ds.Modality) == ("UNAPPROVED", "RTSTRUCT")
    assert (str(ds.PatientName), ds.PatientID, ds.StudyDate) == ("Roe^Jane", "4711", "20200101")
    assert ds.StudyInstanceUID == "1.2.3"
    (frame,) = ds.ReferencedFrameOfReferenceSequence
    (series,) = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence
    assert (frame.FrameOfReferenceUID, series.SeriesInstanceUID) == ("1.2.9", "1.2.3.4")
    listed = [str(i.ReferencedSOPInstanceUID) for i in series.ContourImageSequence]
    assert listed == list(volume.source.header["sop_instance_uids"])


def test_a_name_that_the_standard_does_not_allow_is_put_right(tmp_path) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    names = {1: "Leber,\nlinker\tLappen", 2: "a\\b", 300: "x" * 80}
    write_labels(tmp_path / "rs.dcm", phantom(SHAPE), volume, names, kind="rtstruct")
    assert read_label_names(tmp_path / "rs.dcm") == {1: "Leber, linker Lappen", 2: "a/b", 300: "x" * 64}


def test_a_contour_of_more_than_64_kib_is_whole(tmp_path) -> None:
    comb = np.zeros((1, 240, 400), np.uint16)
    comb[0, 1:-1, 1::2] = 1
    comb[0, 120, 1:-1] = 1
    (path,) = write_series(tmp_path / "ct", comb)
    volume = read_volume(path)
    write_labels(tmp_path / "rs.dcm", comb[0], volume, kind="rtstruct")
    contour = pydicom.dcmread(tmp_path / "rs.dcm").ROIContourSequence[0].ContourSequence[0]
    assert sum(len(str(v)) + 1 for v in contour.ContourData) > 2**16 - 2**14
    assert np.array_equal(read_labels(tmp_path / "rs.dcm", volume), comb[0])


def _missing(ds: Any, rows: list[dict[str, Any]]) -> set[str]:
    """The elements that a module of the standard wants in `ds` and in the items of its sequences, and are not there."""
    missing = set()
    for row in rows:
        holders = [ds]
        for keyword in row["path"]:
            holders = [item for holder in holders for item in holder.get(keyword) or []]
        for holder in holders:
            # Type 1 needs a value, type 2 may be empty.
            if row["keyword"] not in holder or (row["type"] == "1" and holder[row["keyword"]].is_empty):
                missing.add(".".join([*row["path"], row["keyword"]]))
    return missing


def test_the_tables_of_the_standard_are_kept(tmp_path) -> None:
    folder = files("highdicom") / "_standard"
    modules = json.loads((folder / "module_attribute_map.json").read_text())
    wanted = json.loads((folder / "iod_module_map.json").read_text())["rt-structure-set"]
    volume = grid_series(tmp_path / "ct", GRIDS["oblique"])
    write_labels(tmp_path / "rs.dcm", phantom(SHAPE), volume, {1: "left kidney", 2: "odd"}, kind="rtstruct")
    ds = pydicom.dcmread(tmp_path / "rs.dcm")
    kept = [m["key"] for m in wanted if m["usage"] == "M"] + ["frame-of-reference", "approval"]
    assert {"structure-set", "roi-contour", "rt-roi-observations"} <= set(kept)
    for module in kept:
        rows = [row for row in modules[module] if row["type"] in ("1", "2")]
        assert (module, _missing(ds, rows)) == (module, set())
    del ds.RTROIObservationsSequence[0].RTROIInterpretedType
    assert _missing(ds, modules["rt-roi-observations"]) >= {"RTROIObservationsSequence.RTROIInterpretedType"}


def test_a_validator_finds_no_error(tmp_path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy of dicom3tools")
    volume = grid_series(tmp_path / "ct", GRIDS["oblique"])
    names = {1: "left kidney", 2: "odd", 300: "PTV"}
    write_labels(tmp_path / "rs.dcm", phantom(SHAPE), volume, names, kind="rtstruct")
    done = subprocess.run(["dciodvfy", tmp_path / "rs.dcm"], capture_output=True, text=True, check=False)
    assert "RTStructureSet" in done.stderr
    assert [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")] == []


def test_what_cannot_become_structures_says_why(tmp_path) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    labels = phantom(SHAPE)
    path = tmp_path / "rs.dcm"
    with pytest.raises(WriteError, match="no object"):
        write_labels(path, labels * 0, volume, kind="rtstruct")
    with pytest.raises(WriteError, match="an RT-STRUCT refers to the DICOM series"):
        write_labels(path, labels, ImageVolume(np.zeros(SHAPE)), kind="rtstruct")
    with pytest.raises(WriteError, match="no ROI number"):
        write_labels(path, (labels > 0).astype(np.uint32) * np.uint32(2**31), volume, kind="rtstruct")
    with pytest.raises(WriteError, match="NIfTI has no kinds"):
        write_labels(tmp_path / "l.nii", labels, volume, kind="rtstruct")
    with pytest.raises(WriteError, match="'seg' or 'rtstruct'"):
        write_labels(path, labels, volume, kind="contours")
    far = volume.source.header | {"positions": [(1e12, 0.0, 0.0)] * SHAPE[0]}
    beyond = replace(volume, source=replace(volume.source, header=far))
    with pytest.raises(WriteError, match="too far from the origin"):
        write_labels(path, labels, beyond, kind="rtstruct")
    write_series(tmp_path / "anonymous", np.zeros((3, 6, 7), np.uint16), FrameOfReferenceUID=None)
    with pytest.raises(WriteError, match="unique identifiers"):
        write_labels(path, labels[:3], read_volume(tmp_path / "anonymous"), kind="rtstruct")
    shutil.move(tmp_path / "ct", tmp_path / "away")
    with pytest.raises(WriteError, match="where it was opened"):
        write_labels(path, labels, volume, kind="rtstruct")
    assert not path.exists()


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    path = tmp_path / "rs.dcm"
    write_labels(path, phantom(SHAPE), volume, kind="rtstruct")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteError, match="No space left"):
        write_labels(path, phantom(SHAPE) // 2, volume, kind="rtstruct")
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ct", "rs.dcm"]


# ---------------------------------------------------------------------- series of scanners


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("ct_3slice", "train/ct_liver3_dcmqi.npz"),
        ("sts003_mr_dicom_rtstruct", "val/mr_sarcoma_STS003_MR_T1.npz"),
    ],
)
def test_labels_of_real_images_come_back(awkward, tmp_path, name, copy) -> None:
    folder = awkward(name)
    case = folder.parents[1] / copy
    if not case.exists():
        pytest.skip(f"needs {copy} from ../shared/data")
    with np.load(case) as data:
        labels = data["label"]
    volume = ns.read_volume(folder)
    write_labels(tmp_path / "rs.dcm", labels, volume, kind="rtstruct")
    again = read_labels(tmp_path / "rs.dcm", volume)
    for label in np.unique(labels[labels > 0]):
        assert dice(again == label, labels == label) == 1.0


@pytest.mark.parametrize(
    "name",
    [
        "ct_enhanced_multiframe_tiny",
        "mr_siemens_xa10_enhanced_multiframe/6_3.dcm",
        "mr_irregular_dz_jitter",
        "mr_philips_enhanced_multiframe",
    ],
)
def test_series_of_scanners_come_back(awkward, tmp_path, name) -> None:
    volume = read_volume(awkward(name), 0)
    labels = (np.random.default_rng(0).random(volume.label_shape) > 0.7) * np.uint8(3)
    labels[:, 24:] = labels[:, :, 24:] = 0
    write_labels(tmp_path / "rs.dcm", labels, volume, kind="rtstruct")
    assert np.array_equal(read_labels(tmp_path / "rs.dcm", volume), labels)
    ds = pydicom.dcmread(tmp_path / "rs.dcm")
    several = len(set(volume.source.paths)) == 1
    references = [c.ContourImageSequence[0] for c in ds.ROIContourSequence[0].ContourSequence]
    assert all(("ReferencedFrameNumber" in r) == several for r in references)
    if several:
        assert {int(r.ReferencedFrameNumber) - 1 for r in references} == set(volume.source.header["frames"])
