"""The table of formats, and all that is said of formats elsewhere."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import yaml

import napari_sam2 as ns
from napari_sam2.cli.main import build_parser
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import WriteError
from napari_sam2.evaluation import find_sets, label_file
from napari_sam2.io import formats
from napari_sam2.io.formats import (
    FORMATS,
    by_suffix,
    label_format,
    label_formats,
    label_suffixes,
    stems_of,
    without_suffix,
)


@pytest.fixture(scope="module")
def manifest():
    return yaml.safe_load((files("napari_sam2") / "napari.yaml").read_text(encoding="utf-8"))["contributions"]


def test_the_manifest_reads_the_suffixes_of_the_table(manifest):
    (reader,) = [r for r in manifest["readers"] if r["command"] == "napari-sam2.read"]
    suffixes = {f"*{s}" for f in FORMATS for s in f.suffixes}
    assert set(reader["filename_patterns"]) == suffixes | {"DICOMDIR", "*.zip"}
    (command,) = [c for c in manifest["commands"] if c["id"] == "napari-sam2.read"]
    assert command["title"] == f"Open {formats.volume_names()}"


def test_the_manifest_writes_the_suffixes_of_the_table(manifest):
    (writer,) = [w for w in manifest["writers"] if w["command"] == "napari-sam2.write_labels"]
    assert tuple(writer["filename_extensions"]) == label_suffixes()


@pytest.mark.parametrize(
    ("name", "stems"),
    [
        ("a.nii.gz", ["a", "a.nii"]),
        ("a.tif", ["a"]),
        ("ct.abdomen.tif", ["ct.abdomen"]),
        ("a.OME.TIF", ["a", "a.OME"]),
        ("a.ome.tiff", ["a", "a.ome"]),
        ("a.companion.ome", ["a", "a.companion"]),
        ("photo.png", ["photo", "photo.png"]),
        ("a.zarr/", ["a", "a.zarr"]),
        ("a.ome.zarr/", ["a", "a.ome", "a.ome.zarr"]),
        ("scan 1.5 mm/", ["scan 1.5 mm"]),
    ],
)
def test_an_image_and_the_files_beside_it_share_a_name(tmp_path, name, stems):
    path = tmp_path / name
    path.mkdir() if name.endswith("/") else path.write_bytes(b"")
    assert stems_of(path) == stems


def test_labels_beside_an_ome_tiff_are_found_under_either_name(tmp_path):
    image = tmp_path / "a.ome.tif"
    image.write_bytes(b"")
    for name in ("a_labels.ome.tif", "a.ome_labels.tif"):
        (tmp_path / name).write_bytes(b"")
        assert label_file(image) == tmp_path / name
        assert label_file(tmp_path / name) is None


def test_the_name_of_the_plugin_needs_no_escape():
    text = (files("napari_sam2") / "napari.yaml").read_text(encoding="utf-8")
    assert "&" not in yaml.safe_load(text)["display_name"]


@pytest.mark.parametrize("kind", FORMATS, ids=lambda f: f.name)
def test_every_function_of_the_table_is_there(kind):
    assert callable(kind.read_volume)
    assert callable(kind.read_labels)
    assert not kind.writes or callable(kind.write_labels)
    assert set(kind.writes) <= set(kind.suffixes)


def test_no_suffix_belongs_to_two_formats():
    suffixes = [s for f in FORMATS for s in f.suffixes]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("suffix", [s for s in label_suffixes() if s != ".dcm"])
def test_labels_come_back_from_every_suffix_that_can_be_written(suffix, tmp_path):
    volume = ImageVolume(np.zeros((3, 6, 7), np.uint8), spacing=(2, 1, 1), units="mm")
    labels = np.zeros((3, 6, 7), np.uint16)
    labels[1, 2:4, 3:6] = 5
    ns.write_labels(tmp_path / f"a{suffix}", labels, volume)
    assert np.array_equal(ns.read_labels(tmp_path / f"a{suffix}", volume), labels)


def test_help_of_the_command_line_names_every_suffix(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["segment", "--help"])
    text = capsys.readouterr().out
    assert all(suffix in text for suffix in label_suffixes())
    assert all(f.name in text for f in FORMATS)


def test_the_error_for_an_unknown_suffix_names_every_suffix(tmp_path):
    with pytest.raises(WriteError) as error:
        ns.write_labels(tmp_path / "a.png", np.zeros((2, 3), np.uint8), ImageVolume(np.zeros((2, 3)), axes="yx"))
    assert all(suffix in str(error.value) for suffix in label_suffixes())


@pytest.mark.parametrize(
    ("name", "kind"),
    [("A.NII.GZ", "NIfTI"), ("a.b.tiff", "TIFF"), ("a.mhd", "MetaImage"), ("a.png", None), ("a", None)],
)
def test_the_end_of_a_name_says_the_format(name, kind):
    found = by_suffix(name)
    assert (None if found is None else found.name) == kind


def test_an_ordinary_folder_called_labels_is_no_zarr(tmp_path):
    (tmp_path / "labels").mkdir()
    assert label_format(tmp_path / "labels" / "a.tif") is formats.TIFF
    assert label_format(tmp_path / "labels" / "a.png") is None
    assert label_format(Path("image.zarr/labels/cells")) is formats.ZARR


def test_the_format_of_the_image_comes_first_and_dicom_only_for_dicom():
    assert label_formats("dicom")[0] is formats.DICOM
    assert label_formats("tiff")[0] is formats.TIFF
    assert label_formats()[0] is formats.NIFTI
    assert formats.DICOM not in label_formats("nifti")
    assert {f.name for f in label_formats("dicom")} == {f.name for f in FORMATS if f.writes}


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".tiff", ".mha", ".mgz"])
def test_labelled_sets_are_found_in_every_format(suffix, tmp_path):
    for name in (f"scan.1{suffix}", f"scan.1_labels{suffix}", f"alone{suffix}", "notes.txt"):
        (tmp_path / name).touch()
    assert find_sets(tmp_path) == [tmp_path / f"scan.1{suffix}"]


def test_labels_of_another_format_belong_to_the_image_too(tmp_path):
    for name in ("cells.tif", "cells_label.nii.gz"):
        (tmp_path / name).touch()
    assert label_file(tmp_path / "cells.tif") == tmp_path / "cells_label.nii.gz"
    assert without_suffix("cells_label.nii.gz") == "cells_label"
