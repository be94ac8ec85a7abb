"""Where session files lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.batch import read_jobs
from napari_sam2.core.volume import VolumeSource
from napari_sam2.review import read_cases
from napari_sam2.review.cases import session_beside
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


@pytest.mark.parametrize(
    ("name", "earlier"),
    [
        ("a.nii.gz", "a"),
        ("a.tif", "a"),
        ("a.ome.tif", "a.ome"),
        ("a.ome.tiff", "a.ome"),
        ("a.zarr", "a.zarr"),
        ("a.ome.zarr", "a.ome"),
    ],
)
def test_batch_and_review_find_a_session_where_the_window_keeps_it(tmp_path, name, earlier):
    image = tmp_path / name
    if name.endswith(".zarr"):
        image.mkdir()
    else:
        image.write_bytes(b"")
    place = new_place(ns.ImageVolume(np.zeros((3, 4, 5)), source=VolumeSource((image,))))
    assert place.name == "a.sam2"
    place.write_bytes(b"")
    for kept in (place, tmp_path / f"{earlier}.sam2"):
        place = place.rename(kept)
        assert session_beside(image) == kept
        assert [job.prompts for job in read_jobs(tmp_path)] == [str(kept)]
        assert [(case.image, case.session) for case in read_cases(tmp_path)] == [(image, kept)]


def test_a_session_is_that_of_the_image_with_its_plain_name(tmp_path):
    for name in ("a.ome.tif", "a.tif", "a.sam2"):
        (tmp_path / name).write_bytes(b"")
    assert [Path(job.image).name for job in read_jobs(tmp_path)] == ["a.tif"]
    found = {case.image.name: case.session for case in read_cases(tmp_path)}
    assert found == {"a.tif": tmp_path / "a.sam2", "a.ome.tif": None}


def test_a_sample_is_not_written_beside():
    volume = ns.read_volume(sample_path("brain_mr"))
    assert new_place(volume).parent == user_folder() / "sessions"


def test_a_broken_list_of_recent_files_is_an_empty_one(tmp_path):
    user_folder().mkdir(parents=True)
    (user_folder() / "recent.json").write_text("{")
    assert Recent().paths() == []
    Recent().note(tmp_path)
    assert Recent().paths() == [Path(tmp_path)]
