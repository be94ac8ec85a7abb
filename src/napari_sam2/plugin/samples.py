"""The samples of *File ▸ Open Sample*, as napari layer data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.readers import make_room
from napari_sam2.samples import sample_path, sample_title

if TYPE_CHECKING:
    LayerData = tuple[Any, dict[str, Any], str]


def ct_abdomen() -> list[LayerData]:
    """Abdominal CT phantom (DICOM series), as napari layer data."""
    return [_layer("ct_abdomen")]


def brain_mr() -> list[LayerData]:
    """Brain MR phantom (NIfTI), as napari layer data."""
    return [_layer("brain_mr")]


def dividing_cells() -> list[LayerData]:
    """Time-lapse of dividing nuclei (ImageJ TIFF), as napari layer data."""
    return [_layer("dividing_cells")]


def _layer(name: str) -> LayerData:
    from napari_sam2.io import read_volume
    from napari_sam2.layers.volume_layers import layer_data

    make_room()
    return layer_data(read_volume(sample_path(name)), sample_title(name))
