"""What we write we read back: labels on every kind of grid, in every format, with step, interval and names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import read_label_names, read_labels, write_labels
from napari_sam2.io.label_files import read_label_file
from napari_sam2.plugin.writers import write_labels_layer

FORMATS = ["l.tif", "l.ome.tif", "l.nii.gz", "l.nrrd", "l.mha", "l.zarr"]
SIZES = {"t": 3, "z": 4, "y": 5, "x": 6, "c": 2}
# Axes of one voxel, and of as many as a picture has colours.
THIN: list[dict[str, int]] = [{}, {"t": 1}, {"z": 1}, {"y": 1}, {"x": 1}, {"y": 1, "x": 1}, {"t": 1, "z": 1}, {"x": 3}]
UNITS = [(None, 1.0), ("pixel", 2.0), ("um", 0.123456), ("nm", 350.0), ("inch", 0.01), ("m", 1e-4)]


def volume_of(axes: str, sizes: dict[str, int], unit: str | None, step: float, interval: bool) -> ImageVolume:
    steps = {"z": 3 * step, "y": step, "x": 1.1 * step, **({"t": 12.5} if interval else {})}
    shape = tuple({**SIZES, **sizes}[a] for a in axes)
    return ImageVolume(np.zeros(shape, np.uint8), axes, tuple(steps[a] for a in axes if a in steps), unit)


def in_millimetres(volume: ImageVolume, axis: str) -> float:
    return volume.spacing_of(axis) * (millimetres_per_unit(volume.units) or 1.0)


def check(path, labels: np.ndarray, volume: ImageVolume) -> None:
    write_labels(path, labels, volume, {3: "Zelle, groß"})
    assert np.array_equal(read_labels(path, volume), labels)
    assert read_label_names(path) == {3: "Zelle, groß"}
    own = read_label_file(path)
    assert own is not None
    order = [volume.label_axes.index(a) for a in "tzyx" if a in volume.label_axes]
    assert np.array_equal(np.squeeze(own.labels), np.squeeze(labels.transpose(order)))
    for axis in (a for a in volume.spatial_axes if a in own.grid.axes):
        assert in_millimetres(own.grid, axis) == pytest.approx(in_millimetres(volume, axis), rel=1e-4)
    if volume.has_frame_interval and "t" in own.grid.axes:
        assert own.grid.spacing_of("t") == pytest.approx(12.5)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("axes", ["yx", "xy", "zyx", "tyx", "tzyx", "xyz", "czyx", "zyxc", "tczyx"])
def test_labels_of_every_grid_come_back(tmp_path, name, axes) -> None:
    random = np.random.default_rng(0)
    grids = [(thin, "um", 0.25) for thin in THIN if set(thin) <= set(axes)] + [({}, u, s) for u, s in UNITS]
    for (sizes, unit, step), interval in itertools.product(grids, (False, True) if "t" in axes else (False,)):
        volume = volume_of(axes, sizes, unit, step, interval)
        check(tmp_path / name, random.integers(0, 300, volume.label_shape).astype(np.uint16), volume)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int16, np.uint32, np.int64])
def test_labels_of_every_type_come_back(tmp_path, name, dtype) -> None:
    volume = volume_of("zyx", {}, "um", 0.25, False)
    highest = {np.dtype(bool): 1, np.dtype(np.uint8): 255, np.dtype(np.int16): 32767}.get(np.dtype(dtype), 60_000)
    labels = np.random.default_rng(0).integers(0, highest, volume.shape, endpoint=True).astype(dtype)
    check(tmp_path / name, labels, volume)


@pytest.mark.parametrize("name", FORMATS)
def test_a_grid_that_runs_backwards_comes_back(tmp_path, name) -> None:
    affine = np.array([[0, 0, 0.3, 5], [0, 0.2, 0, -3], [-0.6, 0, 0, 8], [0, 0, 0, 1.0]])
    volume = ImageVolume(np.zeros((4, 5, 6)), units="mm", affine=affine)
    labels = np.random.default_rng(0).integers(0, 300, volume.shape).astype(np.uint16)
    write_labels(tmp_path / name, labels, volume)
    assert np.array_equal(read_labels(tmp_path / name, volume), labels)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("shape", "attributes", "axes", "steps"),
    [
        ((5, 6), {"scale": (0.5, 0.25), "units": ("um", "nm")}, "yx", {"y": 0.5e-3, "x": 0.25e-6}),
        ((4, 5, 6), {"scale": (-2.0, 0.5, 0.5), "units": ("micrometer",) * 3, "translate": (9.0, 0.0, 1.0)}, "zyx",
         {"z": 2e-3, "y": 0.5e-3}),
        ((3, 5, 6), {"scale": (2.0, 0.5, 0.5), "units": ("minute", "mm", "mm")}, "tyx", {"t": 120.0, "x": 0.5}),
        ((3, 5, 6), {"scale": (2.0, 0.5, 0.5), "axis_labels": ("time", "y", "x")}, "tyx", {"x": 0.5}),
        ((3, 4, 5, 6), {"scale": (1.0, 3.0, 1.0, 1.0), "units": ("second", "inch", "inch", "inch")}, "tzyx",
         {"t": 1.0, "z": 76.2}),
        ((5, 4, 6), {"scale": (1.0, 3.0, 1.0), "axis_labels": ("x", "z", "y")}, "zyx", {"z": 3.0, "x": 1.0}),
        ((4, 5, 6), {"scale": (0.0, 1.0, 1.0), "units": ("pixel",) * 3}, "zyx", {"z": 1.0}),
    ],
)  # fmt: skip
def test_a_layer_without_an_image_is_written_as_it_lies(tmp_path, name, shape, attributes, axes, steps) -> None:
    labels = np.random.default_rng(0).integers(0, 300, shape).astype(np.uint16)
    assert write_labels_layer(str(tmp_path / name), labels, attributes) == [str(tmp_path / name)]
    own = read_label_file(tmp_path / name)
    assert own is not None
    assert own.grid.axes == axes
    named = "".join(str(a)[0] for a in attributes.get("axis_labels", axes))
    expected = labels.transpose([named.index(a) for a in axes])
    found = own.labels[::-1] if name in FORMATS[2:5] and attributes["scale"][0] < 0 else own.labels
    assert np.array_equal(found, expected)
    for axis, step in steps.items():
        assert (own.grid.spacing_of(axis) if axis == "t" else in_millimetres(own.grid, axis)) == pytest.approx(step)


def test_the_finest_level_of_a_layer_is_written(tmp_path) -> None:
    labels = np.random.default_rng(0).integers(0, 300, (4, 6)).astype(np.uint16)
    write_labels_layer(str(tmp_path / "l.tif"), [labels, labels[::2, ::2]], {"multiscale": True, "scale": (1.0, 1.0)})
    assert np.array_equal(read_labels(tmp_path / "l.tif", ImageVolume(labels, axes="yx")), labels)
