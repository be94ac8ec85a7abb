"""What a folder holds, from a look at its files."""

from __future__ import annotations

from napari_sam2.io.folders import LOOKED_AT, holds_dicom, tiff_files


def test_tiff_files_come_by_name_without_hidden_ones_and_folders(tmp_path):
    for name in ("b.tif", "a.TIFF", ".c.tif", "d.png"):
        (tmp_path / name).touch()
    (tmp_path / "e.tif").mkdir()
    assert [p.name for p in tiff_files(tmp_path)] == ["a.TIFF", "b.tif"]


def test_dicom_is_known_by_suffix_or_content_in_subfolders_too(tmp_path):
    inner = tmp_path / "one" / "two"
    inner.mkdir(parents=True)
    (inner / "notes").write_bytes(b"x" * 200)
    assert not holds_dicom(tmp_path)
    (inner / "IM1").write_bytes(bytes(128) + b"DICM")
    assert holds_dicom(tmp_path)
    (inner / "IM1").rename(inner / "empty.dcm")
    assert holds_dicom(tmp_path)


def test_only_the_first_files_are_looked_at(tmp_path):
    for number in range(LOOKED_AT):
        (tmp_path / f"{number}").touch()
    assert not holds_dicom(tmp_path)
