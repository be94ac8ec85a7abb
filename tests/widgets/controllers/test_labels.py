"""The labels layer: drawn, coloured and saved."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

import napari_sam2 as ns
from napari_sam2.io import read_label_names
from napari_sam2.layers.volume_layers import layer_data
from support.dicom import write_series

PLACE = {"scale": (3, 0.7, 0.7), "translate": (100, -20, 5), "units": ("mm",) * 3}


TURN = {"rotate": np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])}


@pytest.mark.parametrize("place", [PLACE, {**PLACE, **TURN}], ids=["translated", "turned"])
def test_saved_labels_lie_where_the_layer_lies_now(make_driver, volume_data, place, tmp_path):
    driver = make_driver(volume_data, **place)
    driver.click(5, 20, 25)
    driver.image.scale = (5, 1, 1)
    driver.controller.save(tmp_path / "dock.nii.gz")
    driver.settle()
    driver.layer_group.labels.save(str(tmp_path / "layer.nii.gz"), plugin="napari-sam2")
    for name in ("dock", "layer"):
        saved = ns.read_volume(tmp_path / f"{name}.nii.gz")
        assert saved.spacing == pytest.approx((5, 1, 1))
        # The file may have been turned upright; a labelled voxel is at the same place of the world all the same.
        found = np.argwhere(np.asarray(saved.array) == 1)
        there = (np.c_[found, np.ones(len(found))] @ saved.affine.T)[:, 2::-1]
        voxels = np.argwhere(driver.labels == 1)
        wanted = np.array([driver.image.data_to_world(v) for v in voxels])
        assert np.allclose(sorted(there.round(3).tolist()), sorted(wanted.round(3).tolist()), atol=2e-3)


def test_both_ways_of_saving_keep_the_grid_of_the_file(make_napari_viewer, predictor, qtbot, tmp_path):
    import nibabel

    from napari_sam2.layers.volume_layers import layer_data
    from napari_sam2.plugin.dock_widget import SegmentWidget

    affine = np.array([[-0.7, 0, 0, 40], [0, 0, 2.5, -30], [0, -0.7, 0, 12], [0, 0, 0, 1]])
    values = np.random.default_rng(0).integers(0, 1000, (20, 24, 6)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "image.nii.gz")
    data, options, _ = layer_data(ns.read_volume(tmp_path / "image.nii.gz"), "image")
    viewer = make_napari_viewer()
    viewer.add_image(data, **options)
    widget = SegmentWidget(viewer, load=lambda name, device: predictor)
    viewer.window.add_dock_widget(widget)
    controller = widget.controller
    controller.tools.activate("point")
    layer_group = controller.selection.layer_group
    layer_group.points.add([s // 2 for s in data.shape])
    qtbot.waitUntil(lambda: not controller.busy, timeout=10000)
    controller.save(tmp_path / "dock.nii.gz")
    qtbot.waitUntil(lambda: not controller.busy, timeout=10000)
    layer_group.labels.save(str(tmp_path / "layer.nii.gz"), plugin="napari-sam2")
    dock, layer = (nibabel.load(tmp_path / f"{name}.nii.gz") for name in ("dock", "layer"))
    assert np.allclose(layer.affine, affine)
    assert np.allclose(dock.affine, affine)
    assert np.asarray(layer.dataobj).any()
    assert np.array_equal(np.asarray(layer.dataobj), np.asarray(dock.dataobj))
    controller.close()


def test_saved_labels_are_those_of_the_layer(make_driver, volume_data, tmp_path):
    import napari_sam2 as ns

    driver = make_driver(volume_data, scale=(3, 0.7, 0.7))
    driver.click(5, 20, 25)
    path = tmp_path / "labels.nii.gz"
    driver.controller.save(path)
    driver.settle()
    assert driver.labels.any()
    volume = driver.controller.selection.worker.volume
    assert np.array_equal(ns.read_labels(path, volume), driver.labels)
    assert ns.read_volume(path).spacing == pytest.approx((3, 0.7, 0.7))


@pytest.mark.parametrize(("kind", "modality"), [(None, "SEG"), ("rtstruct", "RTSTRUCT")])
def test_names_of_objects_go_into_either_kind_of_dicom(make_driver, volume_data, tmp_path, kind, modality):
    write_series(tmp_path / "ct", (volume_data * 100).astype(np.uint16))
    data, arguments, _ = layer_data(ns.read_volume(tmp_path / "ct"), "ct")
    arguments.pop("name")
    driver = make_driver(data, **arguments)
    driver.click(5, 20, 25)
    driver.session.rename_object(1, "liver")
    driver.settle()
    path = tmp_path / "out.dcm"
    driver.controller.save(path, kind)
    driver.settle()
    assert pydicom.dcmread(path).Modality == modality
    assert read_label_names(path) == {1: "liver"}


def test_labels_layer_that_was_deleted_comes_back(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.viewer.layers.remove(driver.layer_group.labels)
    driver.click(7, 20, 25)
    assert driver.labels[5, 20, 25] == 1
    assert driver.labels[7, 20, 25] == 1
