"""Where labels are saved: the formats that are offered, and the name that is meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.io.formats import DICOM, FORMATS, NIFTI, TIFF, label_suffixes
from napari_sam2.widgets.views.save_dialog import ask_where_to_save, path_of, suggested_name


@pytest.fixture
def dialog(monkeypatch):
    """What the dialog was given; ``answer`` is what it gives back."""
    seen = {"answer": ("", "")}

    def ask(parent, title, start, filters):
        seen.update(start=Path(start), filters=filters.split(";;"))
        return seen["answer"]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    return seen


def image(kind):
    return ImageVolume(np.zeros((2, 3, 4)), source=VolumeSource(format=kind))


def test_every_format_is_offered_and_dicom_first_for_dicom(qapp, dialog):
    assert ask_where_to_save(QWidget(), "CT", image("dicom")) is None
    assert dialog["filters"][0] == "DICOM-SEG (*.dcm)"
    assert dialog["filters"][-1] == "All files (*)"
    assert "DICOM RT-STRUCT (*.dcm)" in dialog["filters"]
    assert len(dialog["filters"]) == 2 + sum(bool(f.writes) for f in FORMATS)
    assert all(any(f"*{s}" in line for line in dialog["filters"]) for s in label_suffixes())
    assert dialog["start"].name == "CT-labels.dcm"


def test_the_format_of_another_image_comes_first(qapp, dialog):
    ask_where_to_save(QWidget(), "cells.tif", image("tiff"))
    assert dialog["filters"][0].startswith("TIFF")
    assert dialog["start"].name == "cells-labels.tif"
    assert not any("DICOM" in line for line in dialog["filters"])


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("head.nii.gz", "head-labels.nii.gz"),
        ("HEAD.NII.GZ", "HEAD-labels.nii.gz"),
        ("head.mgz", "head-labels.nii.gz"),
        ("cells.ome.tif [2]", "cells.ome [2]-labels.nii.gz"),
        ("a/b:c", "a-b-c-labels.nii.gz"),
        ("dose 1.5 Gy", "dose 1.5 Gy-labels.nii.gz"),
        ("", "image-labels.nii.gz"),
    ],
)
def test_the_suggested_name_has_one_suffix(name, suggested):
    assert suggested_name(name, NIFTI) == suggested


@pytest.mark.parametrize(
    ("typed", "chosen", "first", "path"),
    [
        ("a", TIFF, NIFTI, "a.tif"),
        ("a.v2", TIFF, NIFTI, "a.v2.tif"),
        ("a-labels.nii.gz", TIFF, NIFTI, "a-labels.tif"),
        ("a.tiff", TIFF, NIFTI, "a.tiff"),
        ("a.nrrd", NIFTI, NIFTI, "a.nrrd"),
        ("a.nii", NIFTI, NIFTI, "a.nii"),
        ("a.dcm", NIFTI, DICOM, "a.nii.gz"),
        ("a.mgz", NIFTI, NIFTI, "a.nii.gz"),
        ("a", None, NIFTI, "a.nii.gz"),
        ("a.png", None, NIFTI, "a.png"),
        ("a.tif", None, NIFTI, "a.tif"),
    ],
)
def test_the_chosen_format_says_what_the_name_does_not(typed, chosen, first, path):
    assert path_of(Path("folder") / typed, chosen, first) == Path("folder") / path


@pytest.mark.parametrize("answer", [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No])
def test_a_file_that_the_dialog_did_not_ask_about_is_not_replaced_unasked(qapp, dialog, monkeypatch, tmp_path, answer):
    there = tmp_path / "a.tif"
    there.touch()
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answer)
    dialog["answer"] = (str(tmp_path / "a"), "TIFF (*.tif *.tiff)")
    found = ask_where_to_save(QWidget(), "a", image("nifti"))
    assert found == ((there, None) if answer == QMessageBox.StandardButton.Yes else None)


def test_contours_are_a_choice_of_their_own_for_dicom(qapp, dialog, tmp_path):
    dialog["answer"] = (str(tmp_path / "a.dcm"), "DICOM RT-STRUCT (*.dcm)")
    assert ask_where_to_save(QWidget(), "a", image("dicom")) == (tmp_path / "a.dcm", "rtstruct")
    dialog["answer"] = (str(tmp_path / "a.dcm"), "DICOM-SEG (*.dcm)")
    assert ask_where_to_save(QWidget(), "a", image("dicom")) == (tmp_path / "a.dcm", None)
