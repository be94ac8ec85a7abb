"""What a file says about labels in it."""

from __future__ import annotations

import numpy as np

from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import write_labels
from napari_sam2.io.label_grid import LabelNote
from napari_sam2.io.label_notes import label_note_of
from support.nifti import LPS, save_nifti, values

VOLUME = ImageVolume(np.zeros((3, 4, 5)), axes="zyx", units="mm")


def test_names_that_we_wrote_are_found(tmp_path):
    labels = np.ones((3, 4, 5), np.uint8)
    for name in ("l.nii.gz", "l.nrrd", "l.tif"):
        write_labels(tmp_path / name, labels, VOLUME, names={1: "liver"})
        assert label_note_of(tmp_path / name) == LabelNote({1: "liver"}), name


def test_images_and_files_of_no_format_say_nothing(tmp_path):
    assert label_note_of(save_nifti(tmp_path / "image.nii", values(), LPS)) is None
    (tmp_path / "notes.txt").write_text("liver")
    assert label_note_of(tmp_path / "notes.txt") is None
    assert label_note_of(tmp_path) is None
