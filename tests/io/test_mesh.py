"""Meshes: the object's volume and place in patient millimetres, closed and turned outwards."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import WriteError
from napari_sam2.io.mesh import object_mesh
from support.grids import GRIDS, LPS


def _ellipsoid() -> np.ndarray:
    z, y, x = np.mgrid[:20, :24, :28]
    return ((z - 9.0) / 6) ** 2 + ((y - 10.0) / 8) ** 2 + ((x - 16.0) / 10) ** 2 <= 1


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj"])
@pytest.mark.parametrize("grid", ["LPS", "RAS", "PSR", "oblique", "oblique left-handed"])
def test_volume_and_place(tmp_path, suffix, grid) -> None:
    affine = (LPS @ GRIDS[grid])[:, [2, 1, 0, 3]]
    volume = ImageVolume(np.zeros((20, 24, 28), np.uint8), units="mm", affine=affine)
    labels = _ellipsoid().astype(np.uint16) * 7
    path = tmp_path / f"a{suffix}"
    ns.write_mesh(path, labels, volume, obj_id=7)
    mesh = trimesh.load_mesh(path)
    assert mesh.is_watertight
    voxels = np.count_nonzero(labels) * abs(np.linalg.det(affine[:3, :3]))
    # Positive: the triangles face outwards.
    assert mesh.volume == pytest.approx(voxels, rel=0.05)
    assert mesh.center_mass == pytest.approx((affine @ [9, 10, 16, 1])[:3], abs=0.02)


def test_a_single_voxel_at_the_border(tmp_path) -> None:
    volume = ImageVolume(np.zeros((3, 4, 5)), spacing=(2.0, 1.0, 1.0), units="mm")
    labels = np.zeros((3, 4, 5), np.uint8)
    labels[0, 3, 4] = 1
    vertices, _ = object_mesh(labels, volume)
    assert vertices.mean(axis=0) == pytest.approx([4, 3, 0])
    assert np.ptp(vertices, axis=0) == pytest.approx([1, 1, 2])


def test_a_time_point_is_chosen() -> None:
    volume = ImageVolume(np.zeros((2, 3, 4, 5)), axes="tzyx", units="mm")
    labels = np.zeros((2, 3, 4, 5), np.uint8)
    labels[1, 1, 2, 3] = 1
    assert len(object_mesh(labels, volume, at={"t": 1})[0]) == 6
    with pytest.raises(ValueError, match="time point"):
        object_mesh(labels, volume)


def test_what_cannot_be_written_says_why(tmp_path) -> None:
    volume = ImageVolume(np.zeros((3, 4, 5)))
    labels = np.ones((3, 4, 5), np.uint8)
    for name, args, words in (
        ("a.vtk", (labels, volume), "suffixes"),
        ("a.stl", (labels, volume, 2), "no object 2"),
        ("a.stl", (labels[0], volume), "grid"),
        ("a.stl", (labels[0], ImageVolume(np.zeros((4, 5)), axes="yx")), "needs z"),
        ("no/a.stl", (labels, volume), "does not exist"),
    ):
        with pytest.raises(WriteError, match=words) as caught:
            ns.write_mesh(tmp_path / name, *args)
        assert name in caught.value.headline
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    volume, labels = ImageVolume(np.zeros((3, 4, 5))), np.ones((3, 4, 5), np.uint8)
    ns.write_mesh(tmp_path / "a.stl", labels, volume)
    before = (tmp_path / "a.stl").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    labels[0] = 0
    with pytest.raises(WriteError, match="No space left"):
        ns.write_mesh(tmp_path / "a.stl", labels, volume)
    assert (tmp_path / "a.stl").read_bytes() == before
