"""Files and folders are replaced whole, or stay as they were."""

from __future__ import annotations

import errno
import os

import pytest

from napari_sam2.core.atomic_write import replacing, replacing_folder
from napari_sam2.errors import WriteError


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def fail_halfway(target, error):
    with replacing(target) as temporary:
        temporary.write_text("half")
        raise error


def fail_in_folder(target):
    with replacing_folder(target) as temporary:
        temporary.mkdir()
        raise RuntimeError


def test_the_target_is_replaced_at_the_end_and_not_before(tmp_path):
    target = tmp_path / "a.nii.gz"
    target.write_text("old")
    with replacing(target) as temporary:
        assert temporary.name.endswith(".a.nii.gz"), "writers look at suffixes"
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.nii.gz"]


@pytest.mark.parametrize("error", [ValueError("a fault"), KeyboardInterrupt()])
def test_after_an_error_the_old_file_stays_and_nothing_else(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(type(error)):
        fail_halfway(target, error)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_full_disk_is_a_sentence(tmp_path):
    with pytest.raises(WriteError, match=r"a\.txt could not be written: No space left"), replacing(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert names(tmp_path) == []


@pytest.mark.parametrize("write", [replacing, replacing_folder])
def test_a_folder_that_is_not_there_is_named(tmp_path, write):
    with pytest.raises(WriteError, match="does not exist"), write(tmp_path / "none" / "a"):
        pass


def test_a_file_does_not_replace_a_folder_nor_a_folder_a_file(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(WriteError, match="Give the name of a file"), replacing(tmp_path / "folder"):
        pass
    with pytest.raises(WriteError, match="it is a file"), replacing_folder(tmp_path / "file"):
        pass


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "a.zarr"
    for content in ("one", "two"):
        with replacing_folder(target) as temporary:
            (temporary / "deep").mkdir(parents=True)
            (temporary / "deep" / content).write_text(content)
    assert names(target / "deep") == ["two"]
    with pytest.raises(RuntimeError):
        fail_in_folder(target)
    assert names(tmp_path) == ["a.zarr"]
    assert names(target / "deep") == ["two"]
