"""A labels layer whose labels live on disk, and are shown and painted from there."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_sam2.io import read_labels, read_volume
from napari_sam2.io.label_store import LabelStore
from napari_sam2.layers import labels as labels_module
from napari_sam2.layers.image import volume_from_layer
from napari_sam2.layers.labels import LabelPlace, make_labels
from napari_sam2.layers.layer_group import LayerCallbacks, LayerGroup
from napari_sam2.layers.stroke_recorder import StrokeRecorder
from napari_sam2.layers.volume_layers import read_layers
from support.zarr import write_store

SHAPE = (6, 30, 40)


@pytest.fixture
def image():
    return Image(np.zeros(SHAPE, np.uint8), scale=(3, 0.5, 0.5), name="scan")


@pytest.fixture
def place(tmp_path):
    return LabelPlace(tmp_path / "scan.sam2", on_disk=True)


def test_large_labels_go_beside_the_session_and_small_ones_stay_in_memory(image, tmp_path, monkeypatch):
    automatic = LabelPlace(tmp_path / "scan.sam2")
    assert isinstance(make_labels(image, automatic).data, np.ndarray)
    monkeypatch.setattr(labels_module, "ON_DISK_BYTES", 2 * np.prod(SHAPE) - 1)
    assert isinstance(make_labels(image, LabelPlace()).data, np.ndarray), "there is no place for them"
    assert isinstance(make_labels(image, LabelPlace(tmp_path / "scan.sam2", on_disk=False)).data, np.ndarray)
    layer = make_labels(image, automatic, "z")
    assert isinstance(layer.data, LabelStore)
    assert layer.data.path == tmp_path / "scan_labels.zarr"
    assert layer.data.levels[0].chunks == (1, 30, 40)
    assert np.allclose(layer.extent.world, image.extent.world)


def test_the_layer_shows_and_paints_what_is_on_the_disk(image, place):
    layer = make_labels(image, place, "z")
    viewer = ViewerModel()
    viewer.add_layer(layer)
    layer.data[2] = np.full((30, 40), 5, np.uint16)
    viewer.dims.set_current_step(0, 2)
    layer.refresh()
    assert (layer._slice.image.raw == 5).all()
    layer.brush_size = 1
    layer.paint((2, 7, 8), 9)
    assert layer._slice.image.raw[7, 8] == 9
    layer.fill((3, 1, 1), 4)
    on_disk = read_labels(place.session_file.with_name("scan_labels.zarr"), volume_from_layer(image))
    assert on_disk[2, 7, 8] == 9
    assert np.count_nonzero(on_disk[2] == 5) == 30 * 40 - 1
    assert (on_disk[3] == 4).all()


def test_strokes_are_found_and_lie_above_what_is_written_under_them(image, place):
    layer = make_labels(image, place, "z")
    recorder = StrokeRecorder(layer, lambda: None)
    recorder.watch(2, (2,), "owner")
    layer.brush_size = 1
    layer.paint((2, 3, 4), 5)
    recorder.write([((2,), np.full((30, 40), 7, np.uint16))])
    assert layer.data[2, 3, 4] == 5, "the stroke that is being drawn stays"
    assert layer.data[2, 3, 5] == 7
    (stroke,) = recorder.take()
    assert np.argwhere(stroke.painted[5]).tolist() == [[3, 4]]
    recorder.redraw(lambda data: data.__setitem__(1, np.full((30, 40), 3, np.uint16)))
    assert not layer.data[2].any()
    assert (layer.data[1] == 3).all()
    assert recorder.take() == []


def test_a_group_puts_the_labels_of_an_ome_zarr_image_into_it(tmp_path):
    path = write_store(tmp_path / "a.zarr")
    viewer = ViewerModel()
    data, options, _ = read_layers(str(path))[0]
    options["metadata"] = {"napari_sam2_volume": options["metadata"]["napari_sam2_volume"]}
    image = viewer.add_image(data, **options)
    group = LayerGroup(viewer, image, LayerCallbacks(*(lambda *_: None,) * 4))
    group.follow("t")
    group.label_place.session_file, group.label_place.on_disk = tmp_path / "case.sam2", True
    labels = group.ensure_labels()
    assert labels.data.path == path / "labels" / "case"
    assert group.fits()
    plane = np.full((20, 24), 6, np.uint16)
    group.write_frames([((1, 2), plane)])
    assert (read_labels(path / "labels" / "case", read_volume(path))[1, 2] == 6).all()
    # Opened anew, the same session goes on with them.
    again = LayerGroup(ViewerModel(), image, LayerCallbacks(*(lambda *_: None,) * 4))
    again.viewer.add_layer(image)
    again.follow("t")
    again.label_place = group.label_place
    assert (again.ensure_labels().data[1, 2] == 6).all()


def test_a_channel_axis_of_the_image_is_one_voxel_of_the_layer(place):
    image = Image(np.zeros((4, 2, 8, 9)), axis_labels=("z", "channel", "y", "x"), name="scan", rgb=False)
    layer = make_labels(image, place, "z")
    assert isinstance(layer, Labels)
    assert layer.data.shape == (4, 1, 8, 9)
    recorder = StrokeRecorder(layer, lambda: None, channel=1)
    recorder.write([((2,), np.full((8, 9), 7, np.uint16))])
    assert (layer.data[2, 0] == 7).all()
    assert recorder.array.shape == (4, 8, 9)
