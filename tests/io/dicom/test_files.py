"""Which files are looked at: folders, archives, a DICOMDIR."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.errors import ReadError
from napari_sam2.io import list_series, read_volume
from support.dicom import refusal, write_series


def test_a_zipped_folder_opens_like_the_folder(big_series, tmp_path) -> None:
    folder, values = big_series
    (folder / "notes.txt").write_text("hello")
    archive = Path(shutil.make_archive(str(tmp_path / "case"), "zip", folder.parent, "ct"))
    volume = read_volume(archive)
    assert np.array_equal(volume.array, values)
    assert volume.source.skipped == (("ct/notes.txt", "not DICOM"),)
    assert np.array_equal(read_volume(archive, lazy=True).array[3], values[3])
    assert len(list_series(archive)) == 1
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(ReadError, match=r"case\.zip cannot be unpacked"):
        read_volume(archive)


def test_names_in_a_zip_do_not_lead_out_of_its_folder(tmp_path, stored) -> None:
    import zipfile

    path = write_series(tmp_path / "a", stored[:1])[0]
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.write(path, "../../../escaped.dcm")
        archive.write(path, "/absolute.dcm")
    files = [s.path for info in list_series(tmp_path / "evil.zip") for s in info.slices]
    assert len(files) == 2
    assert {f.name for f in files} == {"escaped.dcm", "absolute.dcm"}
    assert len({f.parent for f in files}) == 1
    assert not (tmp_path / "escaped.dcm").exists()
    assert not (tmp_path.parent / "escaped.dcm").exists()


def test_a_dicomdir_opens_the_files_that_it_lists(tmp_path, stored) -> None:
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

    names = [f"IM{i}" for i in range(5)]
    write_series(tmp_path / "DATA", stored, names=names)
    write_series(tmp_path / "UNLISTED", stored, series="1.2.3.99")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MediaStorageDirectoryStorage, "1.2.3.5"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    records = []
    for parts in [["DATA", n] for n in names] + [["DATA", "GONE"]]:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", parts
        records.append(record)
    ds.DirectoryRecordSequence = records
    ds.save_as(tmp_path / "DICOMDIR", enforce_file_format=True)
    volume = read_volume(tmp_path / "DICOMDIR")
    assert np.array_equal(volume.array, stored.astype(np.int32) - 1024)
    assert dict(volume.source.skipped) == {"DATA/GONE": "listed in the DICOMDIR, but not there"}
    # The same length, so that the file stays whole: a name that leads out of the folder is not followed.
    raw = (tmp_path / "DICOMDIR").read_bytes().replace(b"DATA\\IM0", b"..\\..\\IM")
    (tmp_path / "DICOMDIR").write_bytes(raw)
    (reason,) = [r for n, r in read_volume(tmp_path / "DICOMDIR").source.skipped if n.startswith("..")]
    assert reason == "the DICOMDIR points outside its folder"


def test_a_folder_without_images_and_a_missing_path(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("no")
    with pytest.raises(ReadError, match="no DICOM image"):
        read_volume(tmp_path)
    with pytest.raises(ReadError, match="does not exist"):
        read_volume(tmp_path / "nowhere")


STORED = np.random.default_rng(0).integers(0, 3000, (3, 6, 7)).astype(np.uint16)


def test_a_damaged_and_an_encrypted_archive_get_advice_of_their_own(tmp_path) -> None:
    path = write_series(tmp_path / "ct", STORED)[0]
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "a.dcm")
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    (tmp_path / "short.zip").write_bytes(raw[:-30])
    assert refusal(tmp_path / "short.zip")[1] == "Get a whole copy of it."
    raw[60:120] = bytes(60)
    (tmp_path / "damaged.zip").write_bytes(raw)
    assert refusal(tmp_path / "damaged.zip")[1] == "Get a whole copy of it."
    encrypted = bytearray((tmp_path / "a.zip").read_bytes())
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "encrypted.zip").write_bytes(encrypted)
    headline, advice = refusal(tmp_path / "encrypted.zip")
    assert "encrypted" in headline
    assert "another program" in advice
