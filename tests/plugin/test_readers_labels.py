"""Labels that we wrote open as a Labels layer, dropped onto the window, with their grid and names."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels
from npe2 import PluginManager

from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import read_label_names, read_labels, read_volume, write_labels
from napari_sam2.layers.image import VOLUME_KEY
from napari_sam2.layers.volume_layers import read_layers
from napari_sam2.plugin.commands import label_names
from support.dicom import write_series
from support.zarr import write_store

STORED = np.random.default_rng(0).integers(0, 3000, (5, 6, 7)).astype(np.uint16)
LABELS = np.where(STORED > 1500, np.uint16(1), np.uint16(0))
LABELS[1:3, 2:4] = 300
FORMATS = ["l.nii", "l.nii.gz", "l.nrrd", "l.seg.nrrd", "l.mha", "l.tif", "l.ome.tif", "l.zarr"]


def volume_of(axes: str) -> ImageVolume:
    spacing = {"z": 2.0, "y": 0.5, "x": 0.25, "t": 30.0}
    shape = {"z": 5, "y": 6, "x": 7, "t": 3}
    return ImageVolume(
        np.zeros([shape[a] for a in axes], np.uint16), axes, tuple(spacing[a] for a in axes), "micrometer"
    )


@pytest.fixture(autouse=True)
def _plugins() -> None:
    PluginManager.instance().discover()


def opened(path: Path) -> Labels | Image:
    viewer = ViewerModel()
    (layer,) = viewer.open(str(path), plugin="napari-sam2")
    return layer


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("axes", ["yx", "zyx", "tyx", "tzyx"])
@pytest.mark.parametrize("names", [None, {1: "nucleus", 300: "Zellwand, außen"}])
def test_labels_of_every_format_open_as_labels(qtbot, tmp_path, name, axes, names) -> None:
    volume = volume_of(axes)
    labels = np.random.default_rng(1).choice(np.array([0, 1, 300], np.uint16), volume.shape)
    write_labels(tmp_path / name, labels, volume, names)
    layer = opened(tmp_path / name)
    assert isinstance(layer, Labels)
    assert np.array_equal(np.squeeze(layer.data), labels)
    millimetres = {"micrometer": 1e-3, "millimeter": 1.0}
    scale = dict(zip(layer.axis_labels, layer.scale, strict=True))
    unit = millimetres[str(layer.units[-1])]
    for axis in volume.spatial_axes:
        assert scale[axis] * unit == pytest.approx(volume.spacing_of(axis) * 1e-3, rel=1e-5)
    if "t" in axes:
        assert scale["t"] == pytest.approx(30.0)
    assert {k: v for k, v in label_names(layer).items() if k} == (names or {})
    assert read_label_names(tmp_path / name) == (names or {})


@pytest.mark.parametrize("name", FORMATS)
def test_opened_labels_are_corrected_and_saved_over_themselves(qtbot, tmp_path, name) -> None:
    volume = volume_of("zyx")
    write_labels(tmp_path / name, LABELS, volume, {300: "nucleus"})
    layer = opened(tmp_path / name)
    layer.data[0, 0, 0] = 7
    assert layer.save(str(tmp_path / name), plugin="napari-sam2")
    found = read_labels(tmp_path / name, volume)
    assert found[0, 0, 0] == 7
    assert np.array_equal(found[1:], LABELS[1:])
    assert label_names(opened(tmp_path / name))[300] == "nucleus"


def test_labels_lie_on_their_image_whatever_its_orientation(qtbot, tmp_path) -> None:
    affine = np.array([[0, 0, -2.0, 9], [0.7, 0, 0, -4], [0, -0.9, 0, 5], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(STORED.astype(np.int16), affine), tmp_path / "image.nii.gz")
    volume = read_volume(tmp_path / "image.nii.gz")
    labels = np.random.default_rng(1).integers(0, 4, volume.shape).astype(np.uint8)
    for name in FORMATS[:5]:
        write_labels(tmp_path / name, labels, volume)
        viewer = ViewerModel()
        image, layer = viewer.open([str(tmp_path / "image.nii.gz"), str(tmp_path / name)], plugin="napari-sam2")
        assert np.array_equal(layer.data, labels)
        assert layer.scale == pytest.approx(image.scale)
        assert layer.metadata[VOLUME_KEY].affine == pytest.approx(volume.affine, abs=1e-5)


def test_a_dicom_seg_has_the_slices_of_its_series(qtbot, tmp_path) -> None:
    write_series(tmp_path / "ct", STORED)
    volume = read_volume(tmp_path / "ct")
    # Slices without a segment are not in the file.
    labels = np.zeros(volume.shape, np.uint16)
    labels[2, 1:4, 2:5] = 300
    labels[3, 4, 4] = 2
    write_labels(tmp_path / "seg.dcm", labels, volume, {300: "liver", 2: "something odd"})
    layer = opened(tmp_path / "seg.dcm")
    assert isinstance(layer, Labels)
    assert np.array_equal(layer.data, labels)
    assert layer.scale == pytest.approx((2.0, 0.8, 0.7))
    assert label_names(layer) == {0: "background", 300: "liver", 2: "something odd"}
    assert layer.metadata[VOLUME_KEY].affine == pytest.approx(volume.affine)


def test_label_images_inside_an_ome_zarr_open_as_labels(qtbot, tmp_path) -> None:
    path = write_store(tmp_path / "a.zarr")
    volume = read_volume(path)
    labels = np.random.default_rng(1).integers(0, 4, volume.label_shape).astype(np.uint8)
    write_labels(path / "labels" / "cells", labels, volume, {1: "big"})
    layer = opened(path / "labels" / "cells")
    assert isinstance(layer, Labels)
    assert np.array_equal(layer.data, labels)
    assert all(isinstance(x, Image) for x in ViewerModel().open(str(path), plugin="napari-sam2"))


def test_files_of_the_version_before_open_as_labels_where_they_say_so(tmp_path) -> None:
    text = '{"labels": {"1": "cell"}}'
    tifffile.imwrite(tmp_path / "a.tif", LABELS, imagej=True, metadata={"axes": "ZYX", "Info": text})
    tifffile.imwrite(tmp_path / "a.ome.tif", LABELS, ome=True, metadata={"axes": "ZYX", "Description": text})
    image = nib.Nifti1Image(LABELS, np.eye(4))
    image.header.set_intent("label")
    nib.save(image, tmp_path / "a.nii.gz")
    segments = sitk.GetImageFromArray(LABELS)
    for key, value in (("ID", "Segment_1"), ("Name", "cell"), ("LabelValue", "1"), ("Layer", "0")):
        segments.SetMetaData(f"Segment0_{key}", value)
    sitk.WriteImage(segments, str(tmp_path / "a.seg.nrrd"))
    for name in ("a.tif", "a.ome.tif", "a.nii.gz", "a.seg.nrrd"):
        ((_, options, kind),) = read_layers(str(tmp_path / name))
        assert kind == "labels"
        if name != "a.nii.gz":
            assert options["features"] == {"index": [0, 1], "name": ["background", "cell"]}


def test_whole_numbers_alone_are_an_image(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", LABELS, imagej=True, metadata={"axes": "ZYX", "Info": '{"stage": 3}'})
    tifffile.imwrite(tmp_path / "b.tif", LABELS)
    tifffile.imwrite(tmp_path / "a.ome.tif", LABELS, ome=True, metadata={"axes": "ZYX", "Description": "labels"})
    nib.save(nib.Nifti1Image(LABELS, np.eye(4)), tmp_path / "a.nii.gz")
    for name in ("a.nrrd", "a.mha"):
        sitk.WriteImage(sitk.GetImageFromArray(LABELS), str(tmp_path / name))
    write_series(tmp_path / "ct", STORED)
    store = write_store(tmp_path / "a.zarr", LABELS, "zyx")
    group = zarr.open_group(str(store), mode="r+")
    group.attrs.update({"note": "labels"})
    for name in ("a.tif", "b.tif", "a.ome.tif", "a.nii.gz", "a.nrrd", "a.mha", "a.zarr", "ct"):
        assert [kind for *_, kind in read_layers(str(tmp_path / name))] == ["image"], name


def test_a_mark_on_values_that_are_no_labels_is_not_believed(tmp_path) -> None:
    image = nib.Nifti1Image(STORED / np.float32(7), np.eye(4))
    image.header.set_intent("label")
    nib.save(image, tmp_path / "a.nii.gz")
    ((_, _, kind),) = read_layers(str(tmp_path / "a.nii.gz"))
    assert kind == "image"
