"""Files that are damaged or hostile, or no DICOM."""

from __future__ import annotations

import pytest

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume
from support.dicom import dataset, write_series


def test_files_that_are_no_slices_are_skipped_by_name(tmp_path, stored) -> None:
    write_series(tmp_path, stored)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden").write_text("hello")
    dataset(stored[0], Modality="RTSTRUCT").save_as(tmp_path / "rs.dcm")
    dataset(stored[0], Rows=None).save_as(tmp_path / "norows.dcm")
    dataset(stored[0], SamplesPerPixel=3, PhotometricInterpretation="RGB").save_as(tmp_path / "screen.dcm")
    volume = read_volume(tmp_path)
    reasons = dict(volume.source.skipped)
    assert set(reasons) == {"notes.txt", "rs.dcm", "norows.dcm", "screen.dcm"}
    assert "RTSTRUCT" in reasons["rs.dcm"]
    assert "Rows" in reasons["norows.dcm"]


def test_a_deflated_bomb_is_refused_before_it_is_parsed(tmp_path, stored) -> None:
    import time
    import zlib

    from pydicom.uid import DeflatedExplicitVRLittleEndian

    # 1.2 GB of zeros after a valid header; read as usual it takes minutes and gigabytes.
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    zeros = bytes(2**24)
    body = b"".join(squeezer.compress(zeros) for _ in range(72)) + squeezer.flush()
    ds = dataset(stored[0])
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    raw = (tmp_path / "a.dcm").read_bytes()
    start = 144 + int.from_bytes(raw[140:144], "little")
    (tmp_path / "a.dcm").write_bytes(raw[:start] + body)
    began = time.monotonic()
    with pytest.raises(ReadError, match="inflates to more than 1 GiB"):
        read_volume(tmp_path / "a.dcm")
    assert time.monotonic() - began < 30
