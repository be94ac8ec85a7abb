"""Files that say themselves that they hold labels: read on their own grid, with the names of the labels.

What says so is the standard's own mark where there is one (NIfTI's intent, OME-Zarr's ``image-label``, DICOM-SEG,
the segments of 3D Slicer), else the text that our writers leave in the header. Whole numbers alone say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.paths import check_file
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import ReadError
from napari_sam2.io.formats import NAMED_FORMATS, by_suffix
from napari_sam2.io.label_grid import LabelNote, as_labels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelFile:
    """Labels of a file, on a grid of its own.

    Parameters
    ----------
    labels
        Unsigned integers, of the grid's shape.
    grid
        Axes, spacing and place; its source names no file, so that the labels may be written over theirs.
    names
        Names of the labels, as far as they have one.
    """

    labels: NDArray[Any]
    grid: ImageVolume
    names: dict[int, str]


def label_note_of(path: Path) -> LabelNote | None:
    """Return what a file says about the labels in it; None where it does not say that it holds any.

    Raises
    ------
    ReadError
        If the metadata of an OME-Zarr or DICOM file are damaged.
    """
    from napari_sam2.io.ome_zarr import attributes_of, is_zarr

    if path.is_dir():
        about = attributes_of(path).get("image-label") if is_zarr(path) else None
        return LabelNote(_zarr_names(about)) if isinstance(about, dict) else None
    check_file(path)
    found = by_suffix(path.name, NAMED_FORMATS)
    if found is not None:
        return found.read_label_note(path)
    from napari_sam2.io.dicom.opening import looks_like_dicom

    if looks_like_dicom(path):
        from napari_sam2.io.dicom.label_reader import read_dicom_names
        from napari_sam2.io.dicom.seg_grid import is_seg

        return LabelNote(read_dicom_names(path)) if is_seg(path) else None
    return None


def read_label_file(path: Path) -> LabelFile | None:
    """Read a file that says it holds labels, on its own grid; None for any other file.

    Raises
    ------
    ReadError
        If it is damaged.
    """
    from napari_sam2.io.api import read_volume

    note = label_note_of(path)
    if note is None:
        return None
    if path.is_file() and by_suffix(path.name, NAMED_FORMATS) is None:
        from napari_sam2.io.dicom.label_reader import read_dicom_labels
        from napari_sam2.io.dicom.seg_grid import seg_grid

        grid = seg_grid(path)
        return LabelFile(read_dicom_labels(path, grid), grid, note.names)
    volume = read_volume(path)
    try:
        # Channels, fractions and values below zero are no labels, whatever the header says.
        labels = as_labels(np.asarray(volume.array), path) if "c" not in volume.axes else None
    except ReadError:
        labels = None
    if labels is None or volume.source is None:
        return None
    grid = replace(volume, array=labels, source=replace(volume.source, paths=()))
    if note.axes and grid.axes.replace("z", "") == note.axes and "z" in grid.axes and grid.size_of("z") == 1:
        grid = _without_z(grid)
    return LabelFile(np.asarray(grid.array), grid, note.names)


def _without_z(grid: ImageVolume) -> ImageVolume:
    """Return a grid without the z of one voxel that the format has added; it is no longer the file's own."""
    labels = np.asarray(grid.array).take(0, grid.axes.index("z"))
    axes = grid.axes.replace("z", "")
    spacing = tuple(grid.spacing_of(a) for a in axes if a != "t" or grid.has_frame_interval)
    source = VolumeSource(opened=grid.source.opened, notes=grid.source.notes) if grid.source is not None else None
    return replace(grid, array=labels, axes=axes, spacing=spacing, source=source)


def _zarr_names(about: dict[str, Any]) -> dict[int, str]:
    """Return the names that our writer puts into the properties of a label image."""
    names = {}
    for item in about.get("properties") or []:
        try:
            names[int(item["label-value"])] = str(item["name"])
        except (KeyError, TypeError, ValueError):
            continue
    return names
