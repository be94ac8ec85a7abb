"""Image → labels → file → labels: the same voxels at the same places, in every format and orientation.

Places are checked by programs that share nothing with ours: nibabel, SimpleITK and pynrrd.
"""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk

from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import read_labels, read_volume, write_labels
from support.grids import GRIDS, LPS, SHAPE, phantom


def save(path: Path, data: np.ndarray, affine: np.ndarray) -> Path:
    """Write an image with the libraries of others; `affine` is index → RAS."""
    if path.suffix == ".mgz":
        nib.MGHImage(data.astype(np.float32), affine).to_filename(path)
    elif path.name.endswith((".nii", ".nii.gz")):
        image = nib.Nifti1Image(data, affine)
        image.header.set_xyzt_units("mm")
        image.to_filename(path)
    else:
        image = sitk.GetImageFromArray(np.ascontiguousarray(data.transpose()))
        lps = LPS @ affine
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        image.SetSpacing(spacing.tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
        sitk.WriteImage(image, str(path))
    return path


def places(path: Path) -> dict[int, np.ndarray]:
    """Label → sorted LPS positions of its voxels in mm, by somebody else's reader."""
    if path.suffix in (".nrrd", ".mha"):
        image = sitk.ReadImage(str(path))
        values = sitk.GetArrayFromImage(image).transpose()
        points = {
            int(v): np.array([image.TransformIndexToPhysicalPoint(i.tolist()) for i in np.argwhere(values == v)])
            for v in np.unique(values)
            if v
        }
    else:
        image = nib.load(path)
        values = np.asarray(image.dataobj)
        points = {
            int(v): nib.affines.apply_affine(LPS @ image.affine, np.argwhere(values == v))
            for v in np.unique(values)
            if v
        }
    return {v: p[np.lexsort(np.round(p, 3).T)] for v, p in points.items()}


def expected(labels: np.ndarray, volume: ImageVolume) -> dict[int, np.ndarray]:
    found = {int(v): nib.affines.apply_affine(volume.affine, np.argwhere(labels == v)) for v in np.unique(labels) if v}
    return {v: p[np.lexsort(np.round(p, 3).T)] for v, p in found.items()}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".mgz"])
def test_every_orientation_of_every_format(tmp_path, suffix, grid) -> None:
    data = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    path = save(tmp_path / f"image{suffix}", data, GRIDS[grid])
    volume = read_volume(path)
    assert volume.axes == "zyx"
    # Upright: x to the left, y to the back, z up.
    assert nib.aff2axcodes(LPS @ volume.affine[:, [2, 1, 0, 3]]) == ("L", "P", "S")
    labels = phantom(volume.shape)
    # Every voxel keeps its value at its place.
    for index in ((0, 0, 0), (4, 5, 6), (1, 4, 2)):
        lps = LPS @ GRIDS[grid] @ [*index, 1]
        z, y, x = np.rint(np.linalg.solve(volume.affine, lps)[:3]).astype(int)
        assert volume.array[z, y, x] == data[index]
        assert volume.affine @ [z, y, x, 1] == pytest.approx(lps, abs=1e-4)
    for out in (".nii.gz", ".nrrd", ".mha"):
        target = tmp_path / f"labels{out}"
        write_labels(target, labels, volume)
        assert np.array_equal(read_labels(target, volume), labels)
        seen, wanted = places(target), expected(labels, volume)
        assert list(seen) == list(wanted)
        for value, points in wanted.items():
            # NIfTI holds its affine in 32 bits.
            assert seen[value] == pytest.approx(points, abs=1e-4)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_labels_get_the_grid_of_the_images_file(tmp_path, suffix, grid) -> None:
    path = save(tmp_path / f"image{suffix}", np.zeros(SHAPE, np.int16), GRIDS[grid])
    volume = read_volume(path)
    labels = phantom(volume.shape)
    write_labels(tmp_path / f"labels{suffix}", labels, volume)
    ours, theirs = sitk.ReadImage(str(tmp_path / f"labels{suffix}")), sitk.ReadImage(str(path))
    assert ours.GetSize() == theirs.GetSize()
    # Equal to the last bit.
    assert ours.GetOrigin() == theirs.GetOrigin()
    assert ours.GetSpacing() == theirs.GetSpacing()
    assert ours.GetDirection() == theirs.GetDirection()
    if suffix == ".nrrd":
        one, two = nrrd.read_header(str(path)), nrrd.read_header(str(tmp_path / "labels.nrrd"))
        assert two["space"] == one["space"]
        assert np.array_equal(two["space directions"], one["space directions"])
        assert np.array_equal(two["space origin"], one["space origin"])


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_a_volume_from_nowhere_and_its_shear_come_back(tmp_path, suffix) -> None:
    affine = np.array([[0.2, 0, 0.7, 5], [0.4, 0.9, 0, -3], [2.3, 0, 0, 1], [0, 0, 0, 1.0]])
    volume = ImageVolume(np.zeros(SHAPE), units="mm", affine=affine)
    labels = phantom()
    write_labels(tmp_path / f"a{suffix}", labels, volume)
    assert np.array_equal(read_labels(tmp_path / f"a{suffix}", volume), labels)
    seen = places(tmp_path / f"a{suffix}")
    for value, points in expected(labels, volume).items():
        assert seen[value] == pytest.approx(points, abs=1e-4)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".tif", ".ome.tif"])
@pytest.mark.parametrize("axes", ["yx", "tyx", "tzyx", "xyz", "czyx"])
def test_other_axes_come_back(tmp_path, axes, suffix) -> None:
    shape = (3, 4, 5, 6)[4 - len(axes) :]
    volume = ImageVolume(np.zeros(shape), axes=axes, units="mm")
    labels = np.random.default_rng(1).integers(0, 400, volume.label_shape).astype(np.uint16)
    write_labels(tmp_path / f"a{suffix}", labels, volume)
    assert np.array_equal(read_labels(tmp_path / f"a{suffix}", volume), labels)


def test_another_space_of_nrrd_is_kept(tmp_path) -> None:
    data = np.zeros(SHAPE, np.uint8)
    header = {
        "space": "right-anterior-superior",
        "space directions": [[0.7, 0.1, 0], [-0.1, 0.9, 0], [0, 0, 2.3]],
        "space origin": [1, 2, 3],
        "kinds": ["domain"] * 3,
    }
    nrrd.write(str(tmp_path / "a.nrrd"), data, header)
    volume = read_volume(tmp_path / "a.nrrd")
    assert sorted(volume.affine[:3, 3] != 0) == [True] * 3
    labels = phantom(volume.shape)
    write_labels(tmp_path / "l.nrrd", labels, volume)
    assert nrrd.read_header(str(tmp_path / "l.nrrd"))["space"] == "right-anterior-superior"
    seen = places(tmp_path / "l.nrrd")
    for value, points in expected(labels, volume).items():
        assert seen[value] == pytest.approx(points, abs=1e-9)


def test_a_time_series_in_nrrd(tmp_path) -> None:
    data = np.random.default_rng(0).integers(0, 99, (2, 3, 4, 5)).astype(np.uint16)
    sitk.WriteImage(sitk.GetImageFromArray(data, isVector=False), str(tmp_path / "a.nrrd"))
    volume = read_volume(tmp_path / "a.nrrd")
    assert volume.axes == "tzyx"
    assert np.array_equal(volume.array, data)
    write_labels(tmp_path / "l.nrrd", data, volume)
    assert np.array_equal(read_labels(tmp_path / "l.nrrd", volume), data)


@pytest.mark.parametrize(
    ("name", "kind", "is_time"), [("a.nrrd", "time", True), ("a.nrrd", "", False), ("a.mha", "", False)]
)
def test_a_fourth_axis_is_time_where_nrrd_says_so(tmp_path, name, kind, is_time) -> None:
    image = sitk.GetImageFromArray(np.zeros((2, 3, 4, 5), np.uint16), isVector=False)
    if kind:
        image.SetMetaData("NRRD_kinds[3]", kind)
    sitk.WriteImage(image, str(tmp_path / name))
    volume = read_volume(tmp_path / name)
    assert volume.is_time_declared == is_time
    assert any("fourth axis (2 long)" in note for note in volume.source.notes) != is_time


def test_colours_in_nrrd_are_channels(tmp_path) -> None:
    data = np.random.default_rng(0).integers(0, 255, (3, 4, 5, 3)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(data, isVector=True), str(tmp_path / "a.nrrd"))
    volume = read_volume(tmp_path / "a.nrrd")
    assert volume.axes == "zyxc"
    assert np.array_equal(volume.array, data)
    write_labels(tmp_path / "l.nrrd", data[..., 0], volume)
    assert np.array_equal(read_labels(tmp_path / "l.nrrd", volume), data[..., 0])


def test_names_are_written_the_way_of_3d_slicer(tmp_path) -> None:
    volume = ImageVolume(np.zeros(SHAPE), units="mm")
    write_labels(tmp_path / "a.seg.nrrd", phantom(), volume, {1: "liver", 300: "cyst"})
    header = nrrd.read_header(str(tmp_path / "a.seg.nrrd"))
    assert (header["Segment0_Name"], header["Segment0_LabelValue"]) == ("liver", "1")
    assert (header["Segment1_Name"], header["Segment1_LabelValue"]) == ("cyst", "300")
