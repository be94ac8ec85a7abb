"""Objects that overlap: whole in DICOM, a file for each elsewhere, or one label image by a rule."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import WriteError
from napari_sam2.io import read_label_names
from napari_sam2.io.label_files import read_label_file
from support.dicom_grids import GRIDS, SHAPE, grid_series

NAMES = {2: "tumour", 5: "liver / left", 9: "empty"}
IDS = (5, 2, 9)


def _masks(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """A large mask (5), a small one that lies half inside it (2), and none (9)."""
    masks = np.zeros((3, *shape), bool)
    masks[0, ..., 1:4, 1:6] = True
    masks[1, ..., 3:5, 4:] = True
    return masks


@pytest.mark.parametrize("kind", [None, "seg", "rtstruct"])
@pytest.mark.parametrize("name", ["012+++", "201-+-", "oblique"])
def test_dicom_keeps_every_object_whole(tmp_path, kind, name) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS[name])
    masks, path = _masks(), tmp_path / "objects.dcm"
    assert ns.write_labels(path, masks, volume, NAMES, kind=kind, objects=IDS) == [path]
    notes: list[str] = []
    again = ns.read_label_masks(path, volume, notes)
    assert list(again) == [2, 5]
    assert np.array_equal(again[5], masks[0])
    assert np.array_equal(again[2], masks[1])
    assert notes == []
    assert {k: v for k, v in read_label_names(path).items() if k in again} == {2: "tumour", 5: "liver / left"}
    # Written from what was read, they are the same.
    ns.write_labels(path, np.stack(list(again.values())), volume, kind=kind, objects=list(again))
    assert all(np.array_equal(m, again[k]) for k, m in ns.read_label_masks(path, volume).items())


def test_a_segmentation_says_that_its_segments_overlap(tmp_path) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    masks = _masks()
    ns.write_labels(tmp_path / "both.dcm", masks, volume, objects=IDS)
    ds = pydicom.dcmread(tmp_path / "both.dcm")
    assert (ds.SegmentationType, ds.SegmentsOverlap, len(ds.SegmentSequence)) == ("BINARY", "YES", 2)
    frames = ds.pixel_array.astype(bool)
    assert int(frames.sum()) == int(masks.sum())


@pytest.mark.parametrize("kind", ["seg", "rtstruct"])
def test_as_one_label_image_the_higher_number_wins_and_a_note_says_so(tmp_path, kind) -> None:
    volume = grid_series(tmp_path / "ct", GRIDS["012+++"])
    masks = _masks()
    ns.write_labels(tmp_path / "both.dcm", masks, volume, objects=IDS, kind=kind)
    notes: list[str] = []
    labels = ns.read_labels(tmp_path / "both.dcm", volume, notes)
    several = masks[0] & masks[1]
    assert (labels[several] == 5).all()
    assert (labels[masks[1] & ~several] == 2).all()
    assert notes == [f"{int(several.sum())} voxels belong to several segments; the higher number was taken"]
    if kind == "seg":
        own = read_label_file(tmp_path / "both.dcm")
        assert own is not None
        assert notes[0] in own.grid.source.notes


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".tif", ".ome.tif", ".zarr"])
def test_other_formats_have_a_file_for_each_object(tmp_path, suffix) -> None:
    volume = ImageVolume(np.zeros(SHAPE, np.uint8), spacing=(2, 1, 1), units="mm")
    masks = _masks()
    written = ns.write_labels(tmp_path / f"case{suffix}", masks, volume, NAMES, objects=IDS)
    middle, end = ("case.ome", ".tif") if suffix == ".ome.tif" else ("case", suffix)
    wanted = [f"{middle}_5_liver_left{end}", f"{middle}_2_tumour{end}", f"{middle}_9_empty{end}"]
    assert [p.name for p in written] == wanted
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(wanted)
    for path, obj_id, mask in zip(written, IDS, masks, strict=True):
        assert np.array_equal(ns.read_labels(path, volume), mask * obj_id)
        assert read_label_names(path) == {obj_id: NAMES[obj_id]}


def test_inside_an_image_of_ome_zarr_each_object_is_a_label_image(tmp_path) -> None:
    volume = ImageVolume(np.zeros(SHAPE, np.uint8), spacing=(2, 1, 1), units="mm")
    ns.write_labels(tmp_path / "image.zarr", np.zeros(SHAPE, np.uint8), volume)
    written = ns.write_labels(tmp_path / "image.zarr" / "labels" / "organs", _masks(), volume, objects=IDS)
    assert [p.name for p in written] == ["organs_5", "organs_2", "organs_9"]
    assert np.array_equal(ns.read_labels(written[0], volume), _masks()[0] * 5)


@pytest.mark.parametrize(("rule", "winner"), [("keep", 5), ("overwrite", 2)])
def test_one_label_image_by_a_rule(tmp_path, caplog, rule, winner) -> None:
    volume = ImageVolume(np.zeros(SHAPE, np.uint8))
    masks, path = _masks(), tmp_path / "case.nii"
    assert ns.write_labels(path, masks, volume, objects=IDS, overlap=rule) == [path]
    labels = ns.read_labels(path, volume)
    several = masks[0] & masks[1]
    assert (labels[several] == winner).all()
    assert np.array_equal(labels > 0, masks.any(axis=0))
    assert f"{int(several.sum())} voxels belong to several objects" in caplog.text


def test_masks_without_numbers_are_1_2_3(tmp_path) -> None:
    volume = ImageVolume(np.zeros(SHAPE, np.uint8))
    written = ns.write_labels(tmp_path / "case.nii", _masks(), volume)
    assert [p.name for p in written] == ["case_1.nii", "case_2.nii", "case_3.nii"]


def test_a_name_leads_to_no_other_folder(tmp_path) -> None:
    volume = ImageVolume(np.zeros(SHAPE, np.uint8))
    written = ns.write_labels(tmp_path / "case.nii", _masks()[:1], volume, {1: "../../etc: x?"})
    assert [p.parent for p in written] == [tmp_path]
    assert written[0].name == "case_1_etc_x.nii"


@pytest.mark.parametrize(
    ("labels", "objects", "words"),
    [
        (_masks(), (1, 2), "3 masks, but 2 objects"),
        (_masks(), (1, 1, 2), "each once"),
        (_masks(), (0, 1, 2), "above zero"),
        (_masks().astype(np.uint8), (1, 2, 3), "no booleans"),
        (_masks()[:, 1:], (1, 2, 3), "on the volume's grid"),
        (_masks().astype(np.uint8), None, "do not fit the volume's grid"),
    ],
)
def test_masks_that_do_not_fit_are_refused(tmp_path, labels, objects, words) -> None:
    volume = ImageVolume(np.zeros(SHAPE, np.uint8))
    with pytest.raises(WriteError, match=words):
        ns.write_labels(tmp_path / "case.nii", labels, volume, objects=objects)
    with pytest.raises(WriteError, match="'layers', 'keep' or 'overwrite'"):
        ns.write_labels(tmp_path / "case.nii", _masks(), volume, overlap="score")
    assert list(tmp_path.iterdir()) == []


def test_masks_of_a_label_image_are_those_of_its_labels(tmp_path) -> None:
    volume = ImageVolume(np.zeros((2, 3), np.uint8), axes="yx")
    labels = np.array([[0, 4, 4], [7, 0, 4]], np.uint8)
    ns.write_labels(tmp_path / "l.tif", labels, volume)
    masks = ns.read_label_masks(tmp_path / "l.tif", volume)
    assert {k: m.tolist() for k, m in masks.items()} == {v: (labels == v).tolist() for v in (4, 7)}
