"""Where session files lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import napari_sam2 as ns
from napari_sam2.core.volume import VolumeSource
from napari_sam2.samples import sample_path
from napari_sam2.session.storage.locations import Recent, new_place, user_folder


def test_new_places_never_exist(tmp_path):
    folder = tmp_path / "a.b"
    folder.mkdir()
    image = folder / "ct.abdomen.tif"
    image.write_bytes(b"")
    volume = ns.ImageVolume(np.zeros((3, 4, 5)), source=VolumeSource((image,)))
    assert new_place(volume) == folder / "ct.abdomen.sam2"
    (folder / "ct.abdomen.sam2").write_bytes(b"")
    assert new_place(volume) == folder / "ct.abdomen-2.sam2"


def test_a_sample_is_not_written_beside():
    volume = ns.read_volume(sample_path("brain_mr"))
    assert new_place(volume).parent == user_folder() / "sessions"


def test_a_broken_list_of_recent_files_is_an_empty_one(tmp_path):
    user_folder().mkdir(parents=True)
    (user_folder() / "recent.json").write_text("{")
    assert Recent().paths() == []
    Recent().note(tmp_path)
    assert Recent().paths() == [Path(tmp_path)]
