"""Headers of NRRD and MetaImage that are wrong."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.mha", b"no image at all " * 100, "no MetaImage file"),
        ("a.mha", b"", "it is empty"),
        ("a.mha", b"ObjectType = Image\nNDims = 3\n", "header ends early"),
        ("a.nrrd", b"no image at all " * 100, "no NRRD file"),
        ("a.nii", b"no image at all " * 100, "no NIfTI"),
    ],
)
def test_what_is_another_format_than_its_name_says(tmp_path, name, content, words) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReadError, match=words) as caught:
        read_volume(tmp_path / name)
    assert "Success" not in str(caught.value)


def test_a_cut_metaimage_is_not_a_success(tmp_path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((3, 4, 5), np.int16)), str(tmp_path / "a.mha"))
    content = (tmp_path / "a.mha").read_bytes()
    (tmp_path / "a.mha").write_bytes(content[:-20])
    with pytest.raises(ReadError, match="ends before its last voxel"):
        read_volume(tmp_path / "a.mha")
