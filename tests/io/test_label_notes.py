"""What a file says about labels in it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import read_labels, write_labels
from napari_sam2.io.label_grid import LabelNote
from napari_sam2.io.label_notes import label_note_of
from support.nifti import LPS, save_nifti, values

VOLUME = ImageVolume(np.zeros((3, 4, 5)), axes="zyx", units="mm")


def test_names_that_we_wrote_are_found(tmp_path):
    labels = np.ones((3, 4, 5), np.uint8)
    for name in ("l.nii.gz", "l.nrrd", "l.tif"):
        write_labels(tmp_path / name, labels, VOLUME, names={1: "liver"})
        assert label_note_of(tmp_path / name) == LabelNote({1: "liver"}), name


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_names_of_any_number_come_back(tmp_path, suffix):
    """MetaIO refuses a file with a line of 32,768 characters."""
    names = {label: f"nucleus {label} of the left hippocampus, Größe" for label in range(1, 3001)}
    path = tmp_path / f"l{suffix}"
    write_labels(path, np.ones((3, 4, 5), np.uint16), VOLUME, names=names)
    assert label_note_of(path) == LabelNote(names)
    assert (read_labels(path, VOLUME) == 1).all()


def test_names_without_room_in_a_metaimage_are_left_out_and_told(tmp_path, caplog):
    path = tmp_path / "l.mha"
    names = {1: "liver", 2: "x" * 40_000, 3: "spleen"} | dict.fromkeys(range(4, 254), "y" * 20000)
    write_labels(path, np.ones((3, 4, 5), np.uint8), VOLUME, names=names)
    found = label_note_of(path).names
    assert (found[1], found[3], len(found)) == ("liver", "spleen", 2 + 100)
    assert "151 of 253 names of labels do not fit" in caplog.text
    assert (read_labels(path, VOLUME) == 1).all()


def test_images_and_files_of_no_format_say_nothing(tmp_path):
    assert label_note_of(save_nifti(tmp_path / "image.nii", values(), LPS)) is None
    (tmp_path / "notes.txt").write_text("liver")
    assert label_note_of(tmp_path / "notes.txt") is None
    assert label_note_of(tmp_path) is None
