"""napari's writers for Labels layers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import trimesh

from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import read_labels, read_volume
from napari_sam2.plugin.writers import write_labels_layer, write_mesh_layer
from support.dicom import write_series

STORED = np.random.default_rng(0).integers(0, 3000, (5, 6, 7)).astype(np.uint16)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".tif", ".dcm", ".zarr"])
def test_a_labels_layer_is_written_on_the_grid_of_its_image(tmp_path, suffix) -> None:
    write_series(tmp_path / "ct", STORED)
    volume = read_volume(tmp_path / "ct")
    labels = (STORED > 1500).astype(np.uint16) * 3
    attributes = {
        "metadata": {"napari_sam2_volume": volume},
        "features": pd.DataFrame({"index": [3], "name": ["liver"]}),
    }
    path = str(tmp_path / f"l{suffix}")
    assert write_labels_layer(path, labels, attributes) == [path]
    assert np.array_equal(read_labels(path, volume), labels)
    if suffix == ".dcm":
        from napari_sam2.io import read_label_names

        assert read_label_names(tmp_path / "l.dcm") == {3: "liver"}


def test_the_selected_label_is_written_as_a_mesh(tmp_path) -> None:
    labels = np.zeros((5, 6, 7), np.uint8)
    labels[1:4, 2:5, 3:6] = 2
    path = str(tmp_path / "a.stl")
    write_mesh_layer(path, labels, {"scale": (3.0, 1.0, 1.0), "selected_label": 2})
    assert trimesh.load_mesh(path).center_mass == pytest.approx([4, 3, 6], abs=1e-3)


def test_a_layer_without_a_volume_is_written_with_its_own_spacing_and_place(tmp_path) -> None:
    labels = np.ones((4, 6, 7), np.uint8)
    path = str(tmp_path / "l.nii")
    attributes = {"scale": (3.0, 0.5, 0.25), "translate": (6.0, 2.0, -3.0), "units": ("mm",) * 3}
    write_labels_layer(path, labels, attributes)
    volume = read_volume(path)
    assert volume.spacing == pytest.approx((3.0, 0.5, 0.25))
    assert volume.affine[:3, 3] == pytest.approx([-3.0, 2.0, 6.0])


def test_the_names_of_the_axes_of_a_layer_are_kept(tmp_path) -> None:
    path = str(tmp_path / "l.ome.tif")
    attributes = {"scale": (30.0, 0.5, 0.25), "units": ("second", "um", "um"), "axis_labels": ("t", "y", "x")}
    write_labels_layer(path, np.ones((4, 6, 7), np.uint8), attributes)
    volume = read_volume(path)
    assert volume.axes == "tyx"
    assert volume.spacing == pytest.approx((30.0, 0.5, 0.25))


def test_labels_of_an_image_with_channels_are_written_without_them(tmp_path) -> None:
    volume = ImageVolume(np.zeros((4, 3, 6, 7), np.uint8), axes="zcyx", spacing=(3, 1, 1))
    labels = np.ones((4, 1, 6, 7), np.uint8)
    path = str(tmp_path / "l.nii")
    write_labels_layer(path, labels, {"metadata": {"napari_sam2_volume": volume}})
    assert read_labels(path, volume).shape == (4, 6, 7)
