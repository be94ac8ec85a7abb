"""Files that say that they hold labels are read on their own grid."""

from __future__ import annotations

import numpy as np

from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import write_labels
from napari_sam2.io.label_files import read_label_file
from support.nifti import LPS, save_nifti, values

VOLUME = ImageVolume(np.zeros((3, 4, 5)), axes="zyx", spacing=(3, 2, 1), units="mm")


def test_labels_come_with_their_grid_and_names(tmp_path):
    labels = np.zeros((3, 4, 5), np.uint8)
    labels[1, 2:, 3:] = 2
    write_labels(tmp_path / "l.nii", labels, VOLUME, names={2: "liver"})
    found = read_label_file(tmp_path / "l.nii")
    assert np.array_equal(found.labels, labels)
    assert found.labels.dtype.kind == "u"
    assert found.names == {2: "liver"}
    assert found.grid.spacing == (3, 2, 1)
    assert found.grid.source.paths == (), "so that the labels may be written over theirs"


def test_an_image_of_whole_numbers_is_none(tmp_path):
    assert read_label_file(save_nifti(tmp_path / "image.nii", np.abs(values()), LPS)) is None
