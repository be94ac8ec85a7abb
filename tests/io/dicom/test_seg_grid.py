"""The grid of a DICOM-SEG that is opened alone."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume, write_labels
from napari_sam2.io.dicom.seg_grid import is_seg, seg_grid
from support.dicom import dataset, save, write_series


def test_the_grid_is_that_of_the_image_though_only_some_slices_are_segmented(tmp_path, stored):
    write_series(tmp_path / "ct", stored)
    volume = read_volume(tmp_path / "ct")
    labels = np.zeros(volume.shape, np.uint8)
    labels[2:4, 1:4, 2:5] = 1
    write_labels(tmp_path / "seg.dcm", labels, volume)
    assert is_seg(tmp_path / "seg.dcm")
    grid = seg_grid(tmp_path / "seg.dcm")
    assert grid.shape == volume.shape
    assert grid.affine == pytest.approx(volume.affine)
    assert grid.source.notes == ()


def test_an_image_and_a_text_are_no_segmentations(tmp_path, stored):
    assert not is_seg(save(tmp_path, dataset(stored[0])))
    (tmp_path / "notes.txt").write_text("liver")
    assert not is_seg(tmp_path / "notes.txt")
    with pytest.raises(ReadError, match=r"notes\.txt cannot be read"):
        seg_grid(tmp_path / "notes.txt")
