"""Labels of DICOM files, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError
from napari_sam2.io import read_labels
from napari_sam2.io.dicom.label_reader import read_dicom_labels
from support.dicom import dataset, save

VOLUME = ImageVolume(np.zeros((3, 6, 7)), units="mm")


def test_an_image_given_for_labels_is_called_an_image(tmp_path) -> None:
    with pytest.raises(ReadError, match="holds no labels but CT, an image") as caught:
        read_labels(save(tmp_path, dataset(np.zeros((6, 7), np.uint16))), VOLUME)
    assert "ns.read_volume" in str(caught.value)


def test_labels_that_are_no_dicom_are_not_sent_back_to_their_suffix(tmp_path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"no labels " * 50)
    with pytest.raises(ReadError, match="is no DICOM file"):
        read_dicom_labels(tmp_path / "a.dcm", VOLUME)
