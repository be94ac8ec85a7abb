"""The calls that read and write: what they take, and what becomes of a path."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import (
    check_label_target,
    list_series,
    read_label_names,
    read_labels,
    read_volume,
    write_labels,
)
from napari_sam2.io.api import scan_dicom
from support.dicom import write_series
from support.nifti import LPS, save_nifti, values

VOLUME = ImageVolume(np.zeros((3, 4, 5)), axes="zyx", units="mm")


def test_a_path_may_be_a_text_and_the_volume_says_where_it_was_opened(tmp_path):
    path = save_nifti(tmp_path / "a.nii", values(), LPS)
    one, other = read_volume(path), read_volume(str(path))
    assert np.array_equal(one.array, other.array)
    assert one.source.opened == other.source.opened == path


def test_a_scan_of_a_folder_serves_for_its_list_and_its_series(tmp_path):
    write_series(tmp_path, values()[:, :, :].transpose(2, 1, 0).astype(np.uint16))
    folder = scan_dicom(tmp_path)
    assert [s.shape for s in list_series(tmp_path)] == [s.shape for s in folder.series]
    assert scan_dicom(save_nifti(tmp_path / "a.nii", values(), LPS)) is None


@pytest.mark.parametrize("call", [read_volume, list_series, lambda path: read_labels(path, VOLUME), read_label_names])
def test_what_is_not_there_is_named(tmp_path, call):
    with pytest.raises(ReadError, match=r"none\.nii"):
        call(tmp_path / "none.nii")


def test_a_target_is_checked_before_work_begins(tmp_path):
    assert check_label_target(tmp_path / "l.nii.gz", VOLUME) == tmp_path / "l.nii.gz"
    with pytest.raises(WriteError, match=r"\.png"):
        check_label_target(tmp_path / "l.png", VOLUME)


def test_labels_and_names_come_back(tmp_path):
    labels = np.zeros((3, 4, 5), np.uint8)
    labels[1, 1:3, 2:] = 4
    write_labels(tmp_path / "l.nii", labels, VOLUME, names={4: "spleen"})
    assert np.array_equal(read_labels(tmp_path / "l.nii", VOLUME), labels)
    assert read_label_names(tmp_path / "l.nii") == {4: "spleen"}
