"""Menu commands: labels onto an image, and an object as a surface."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtWidgets import QFileDialog

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError
from napari_sam2.io import read_label_names, read_volume, write_labels
from napari_sam2.layers.label_table import label_names, set_label_name
from napari_sam2.plugin.commands import add_labels, add_surface
from napari_sam2.plugin.writers import write_labels_layer
from support.dicom import write_series

SHAPE = (8, 9, 10)
VOLUME = ImageVolume(np.zeros(SHAPE), spacing=(3.0, 1.0, 0.5), units="mm")


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint16)
    labels[2:6, 3:7, 1:5] = 4
    return labels


@pytest.fixture
def image() -> Image:
    return Image(
        VOLUME.array, name="ct", scale=VOLUME.spacing, translate=(5, 6, 7), metadata={"napari_sam2_volume": VOLUME}
    )


def test_labels_lie_on_their_image(tmp_path, labels, image) -> None:
    write_labels(tmp_path / "liver.nii.gz", labels, VOLUME)
    viewer = ViewerModel()
    viewer.add_layer(image)
    layer = add_labels(viewer, image, tmp_path / "liver.nii.gz")
    assert isinstance(layer, Labels)
    assert layer.name == "liver"
    assert np.array_equal(layer.data, labels)
    assert layer.scale.tolist() == [3.0, 1.0, 0.5]
    assert layer.translate.tolist() == [5, 6, 7]
    with pytest.raises(ReadError, match="does not exist"):
        add_labels(viewer, image, tmp_path / "gone.nii.gz")


def test_a_surface_lies_on_its_labels(labels) -> None:
    viewer = ViewerModel()
    layer = viewer.add_labels(labels, scale=(3.0, 1.0, 0.5), translate=(5, 6, 7))
    layer.selected_label = 4
    surface = add_surface(viewer, layer)
    centre = surface.vertices.mean(axis=0)
    assert centre == pytest.approx([3.5, 4.5, 2.5], abs=0.01)
    assert surface.data_to_world(centre) == pytest.approx(
        layer.data_to_world(np.argwhere(labels).mean(axis=0)), abs=0.05
    )
    layer.selected_label = 5
    with pytest.raises(ValueError, match="no object 5"):
        add_surface(viewer, layer)


def test_the_surface_of_a_time_series_is_that_of_the_time_shown(labels) -> None:
    viewer = ViewerModel()
    layer = viewer.add_labels(np.stack([labels * 0, labels]), scale=(1, 3.0, 1.0, 0.5))
    layer.selected_label = 4
    viewer.dims.set_current_step(0, 1)
    assert add_surface(viewer, layer).ndim == 3
    viewer.dims.set_current_step(0, 0)
    with pytest.raises(ValueError, match="no object 4"):
        add_surface(viewer, layer)


def test_a_name_goes_into_the_table_and_the_file(tmp_path, labels) -> None:
    write_series(tmp_path / "ct", np.zeros(SHAPE, np.uint16))
    volume = read_volume(tmp_path / "ct")
    layer = Labels(labels, metadata={"napari_sam2_volume": volume})
    set_label_name(layer, 4, "Kidney, left")
    set_label_name(layer, 2, "odd thing")
    set_label_name(layer, 2, "other thing")
    assert label_names(layer) == {4: "Kidney, left", 2: "other thing"}
    _, attributes, _ = layer.as_layer_data_tuple()
    write_labels_layer(str(tmp_path / "seg.dcm"), labels, attributes)
    assert read_label_names(tmp_path / "seg.dcm") == {4: "Kidney, left"}
    again = add_labels(
        ViewerModel(), Image(volume.array, metadata={"napari_sam2_volume": volume}), tmp_path / "seg.dcm"
    )
    assert label_names(again)[4] == "Kidney, left"
    set_label_name(again, 4, "Liver")
    assert label_names(again) == {0: "background", 4: "Liver"}


def test_the_menu_commands_find_the_viewer(make_napari_viewer_proxy, tmp_path, labels, image, monkeypatch) -> None:
    from napari._app_model import get_app_model

    write_labels(tmp_path / "liver.nrrd", labels, VOLUME)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "liver.nrrd"), ""))
    viewer = make_napari_viewer_proxy()
    viewer.add_layer(image)
    commands = get_app_model().commands
    commands.execute_command("napari-sam2.open_labels").result()
    assert [layer.name for layer in viewer.layers] == ["ct", "liver"]
    viewer.layers.selection.active = viewer.layers["liver"]
    viewer.layers["liver"].selected_label = 4
    commands.execute_command("napari-sam2.show_surface").result()
    assert viewer.layers[-1].name == "liver 4"
    assert viewer.dims.ndisplay == 3
