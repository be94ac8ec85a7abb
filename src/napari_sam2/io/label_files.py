"""Files that say themselves that they hold labels: read on their own grid, with the names of the labels.

What says so is the standard's own mark where there is one (NIfTI's intent, OME-Zarr's ``image-label``, DICOM-SEG,
the segments of 3D Slicer), else the text that our writers leave in the header. Whole numbers alone say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import ReadError
from napari_sam2.io.formats import NAMED_FORMATS, by_suffix
from napari_sam2.io.label_grid import as_labels
from napari_sam2.io.label_notes import label_note_of

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


def read_label_file(path: Path) -> LabelFile | None:
    """Read a file that says it holds labels, on its own grid; None for any other file.

    Parameters
    ----------
    path
        A file or folder.

    Returns
    -------
    LabelFile or None
        Its labels, their grid and their names.

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
        notes: list[str] = []
        found = read_dicom_labels(path, grid, notes)
        assert grid.source is not None
        grid = replace(grid, source=replace(grid.source, notes=(*grid.source.notes, *notes)))
        return LabelFile(found, grid, note.names)
    volume = read_volume(path)
    try:
        # Channels, fractions and values below zero are no labels, whatever the header says.
        labels = as_labels(np.asarray(volume.array), path) if "c" not in volume.axes else None
    except ReadError:
        labels = None
    if labels is None or volume.source is None:
        return None
    grid = replace(volume, array=labels, levels=(), source=replace(volume.source, paths=()))
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
