"""Headers with small errors are put right, and large ones are sentences."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_sam2.errors import ReadError
from napari_sam2.io import read_labels, read_volume, write_labels
from support.nifti import SHAPE, affine_of


def _with_fields(path, data, place, forms, fields) -> Path:
    """A file whose header has these values at these bytes: ``{offset: (format, values)}``."""
    image = nib.Nifti1Image(data, place)
    image.set_sform(place, forms[0])
    image.set_qform(place, forms[1])
    image.to_filename(path)
    content = bytearray(path.read_bytes())
    for offset, (form, *values) in fields.items():
        struct.pack_into(f"<{form}", content, offset, *values)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("forms", "fields", "spacing", "note"),
    [
        ((0, 1), {256: ("3f", 0, 0, 1.0000008)}, (3, 2, 1), ""),
        ((0, 1), {256: ("3f", 0, 0, 1.00004)}, (3, 2, 1), ""),
        ((1, 1), {256: ("3f", 0, 9.0, 0)}, (3, 2, 1), ""),
        ((0, 1), {76: ("f", 0.0)}, (3, 2, 1), ""),
        ((0, 1), {84: ("f", -2.0)}, (3, 2, 1), ""),
        ((0, 1), {84: ("f", 0.0)}, (3, 1, 1), "spacing 0 along y"),
        ((1, 1), {84: ("f", 0.0)}, (3, 2, 1), ""),
        ((1, 1), {280: ("f", float("nan"))}, (3, 2, 1), "sform is singular"),
        ((1, 0), {108: ("f", 0.0)}, (3, 2, 1), "352 was taken"),
        ((1, 0), {112: ("2f", 1.0, float("nan"))}, (3, 2, 1), "intercept"),
        ((1, 0), {112: ("2f", float("inf"), 0.0)}, (3, 2, 1), "slope"),
        ((1, 0), {40: ("8h", 4, *SHAPE, 0, 1, 1, 1)}, (3, 2, 1), "no length"),
        ((1, 0), {40: ("8h", 4, *SHAPE, 1, 1, 1, 1)}, (3, 2, 1), ""),
        ((1, 0), {68: ("h", 9999), 123: ("B", 255)}, (3, 2, 1), "no unit of length"),
    ],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_small_errors_of_a_header_are_put_right(tmp_path, data, forms, fields, spacing, note, suffix) -> None:
    path = _with_fields(tmp_path / "a.nii", data, affine_of("LPS"), forms, fields)
    if suffix == ".nii.gz":
        (tmp_path / "a.nii.gz").write_bytes(gzip.compress(path.read_bytes()))
    volume = read_volume(tmp_path / f"a{suffix}")
    assert volume.spacing == pytest.approx(spacing)
    assert np.array_equal(volume.array, data.transpose())
    assert note in " ".join(volume.source.notes)
    labels = (data.transpose() > 0).astype(np.uint8)
    write_labels(tmp_path / "l.nii.gz", labels, volume)
    assert np.array_equal(read_labels(tmp_path / "l.nii.gz", volume), labels)


def test_a_pair_is_put_right_too(tmp_path, data) -> None:
    image = nib.Nifti1Pair(data, affine_of("LPS"))
    image.set_sform(None, 0)
    image.set_qform(affine_of("LPS"), 1)
    image.to_filename(tmp_path / "a.img")
    content = bytearray((tmp_path / "a.hdr").read_bytes())
    struct.pack_into("<3f", content, 256, 0, 0, 1.0000008)
    (tmp_path / "a.hdr").write_bytes(content)
    for name in ("a.img", "a.hdr"):
        volume = read_volume(tmp_path / name)
        assert volume.spacing == pytest.approx((3, 2, 1))
        assert np.array_equal(volume.array, data.transpose())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({256: ("3f", 0, 1.01, 0)}, "quaternion"),
        ({80: ("f", float("nan"))}, "neither an affine nor a spacing"),
        ({40: ("h", 0)}, "no axes"),
        ({70: ("h", 999)}, "999"),
        ({40: ("8h", 3, 400, 5, 6, 1, 1, 1, 1)}, "before its last voxel"),
        ({344: ("4s", b"what")}, "no NIfTI"),
    ],
)
def test_large_errors_of_a_header_are_sentences(tmp_path, data, fields, words) -> None:
    path = _with_fields(tmp_path / "a.nii", data, affine_of("LPS"), (0, 1), fields)
    with pytest.raises(ReadError, match=words) as caught:
        read_volume(path)
    assert str(path) in caught.value.headline
    assert "is whole" not in str(caught.value)
