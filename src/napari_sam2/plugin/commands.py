"""Commands of napari's menus that need no dock widget: labels onto an image, their names, a surface of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import napari.viewer
import numpy as np
from napari.layers import Image, Labels, Surface
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import NapariSam2Error
from napari_sam2.io import read_label_names, read_labels
from napari_sam2.io.mesh import object_mesh
from napari_sam2.layers.axis_names import VOLUME_KEY
from napari_sam2.layers.geometry import geometry_of
from napari_sam2.layers.image import grid_shape, place_on, volume_from_layer
from napari_sam2.layers.label_table import label_names, set_label_name
from napari_sam2.layers.proxy import unwrapped

if TYPE_CHECKING:
    from napari.components import ViewerModel


def open_labels(viewer: napari.viewer.Viewer) -> None:
    """Ask for a file of labels and show it on the grid of the selected image, or of the only one."""
    viewer = unwrapped(viewer)
    images = [layer for layer in viewer.layers if isinstance(layer, Image)]
    active = viewer.layers.selection.active
    image = active if isinstance(active, Image) else images[0] if len(images) == 1 else None
    if image is None:
        show_info("Select the image that the labels belong to first.")
        return
    name, _ = QFileDialog.getOpenFileName(QApplication.activeWindow(), f"Labels of {image.name}")
    if name:
        try:
            add_labels(viewer, image, Path(name))
        except NapariSam2Error as error:
            show_error(str(error))


def add_labels(viewer: ViewerModel, image: Image, path: Path) -> Labels:
    """Add a file's labels as a layer that lies exactly on an image.

    Parameters
    ----------
    path
        NIfTI, NRRD, MetaImage, TIFF, OME-Zarr, DICOM-SEG or RT-STRUCT. Names of the labels go into the layer's
        table.

    Raises
    ------
    ReadError
        If the file holds no labels, or lies on another grid.
    """
    volume = volume_from_layer(image)
    labels = read_labels(path, volume)
    names = {0: "background", **read_label_names(path)}
    layer = Labels(labels.reshape(grid_shape(image)), name=path.name.partition(".")[0], **place_on(image))
    layer.metadata[VOLUME_KEY] = volume
    if len(names) > 1:
        layer.features = {"index": list(names), "name": list(names.values())}
    viewer.add_layer(layer)
    return layer


def name_label(viewer: napari.viewer.Viewer) -> None:
    """Ask for the name of the selected label of the active Labels layer; its table and a DICOM-SEG get it."""
    viewer = unwrapped(viewer)
    from napari_sam2.widgets.views.code_picker import CodePicker

    layer = viewer.layers.selection.active
    if not isinstance(layer, Labels):
        show_info("Select a Labels layer first, and the label in it.")
        return
    label = int(layer.selected_label)
    dialog = CodePicker(label, label_names(layer).get(label, ""), QApplication.activeWindow())
    if dialog.exec():
        set_label_name(layer, label, dialog.name())


def show_surface(viewer: napari.viewer.Viewer) -> None:
    """Show the selected label of the active Labels layer as a surface, and turn to three dimensions."""
    viewer = unwrapped(viewer)
    layer = viewer.layers.selection.active
    if not isinstance(layer, Labels):
        show_info("Select a Labels layer first, and the label in it.")
        return
    try:
        add_surface(viewer, layer)
    except ValueError as error:
        show_error(f"The layer {layer.name!r} has no surface to show: {error}")
        return
    viewer.dims.ndisplay = 3


def add_surface(viewer: ViewerModel, labels: Labels) -> Surface:
    """Add the surface of a layer's selected label, at the same place; of a time series, at the time shown.

    Raises
    ------
    ValueError
        If the layer has no depth, or lacks the label.
    """
    data = np.asarray(labels.data)
    place = geometry_of(labels)
    if data.ndim == 4:
        # Of an image with channels, the labels are one voxel long along these.
        data = data[min(viewer.dims.current_step[0], len(data) - 1)]
        place = {k: place[k][-3:] for k in ("scale", "translate", "units", "axis_labels")}
    # On a grid without a place of its own, positions are indices.
    grid = ImageVolume(data, axes="zyx"[-data.ndim :])
    vertices, faces = object_mesh(data, grid, labels.selected_label)
    name = f"{labels.name} {labels.selected_label}"
    color = labels.get_color(labels.selected_label)
    surface = Surface((vertices[:, ::-1], faces), name=name, shading="smooth", **place)
    if color is not None:
        surface.vertex_colors = np.tile(color, (len(vertices), 1))
    viewer.add_layer(surface)
    return surface
