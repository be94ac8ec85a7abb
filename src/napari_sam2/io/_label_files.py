"""Files that say themselves that they hold labels: read on their own grid, with the names of the labels.

What says so is the standard's own mark where there is one (NIfTI's intent, OME-Zarr's ``image-label``, DICOM-SEG,
the segments of 3D Slicer), else the text that our writers leave in the header. Whole numbers alone say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError
from napari_sam2.io._labels import as_labels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.volume import ImageVolume


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


def label_names_of(path: Path) -> dict[int, str] | None:
    """Return the names of the labels in a file that says it holds labels; None for any other file.

    Raises
    ------
    ReadError
        If the metadata of an OME-Zarr or DICOM file are damaged.
    """
    from napari_sam2.io import ITK_SUFFIXES, NIFTI_SUFFIXES, TIFF_SUFFIXES
    from napari_sam2.io.ome_zarr import attributes_of, is_zarr

    name = path.name.lower()
    if path.is_dir():
        about = attributes_of(path).get("image-label") if is_zarr(path) else None
        return _zarr_names(about) if isinstance(about, dict) else None
    if name.endswith(NIFTI_SUFFIXES):
        from napari_sam2.io._nifti_labels import read_nifti_label_names

        return read_nifti_label_names(path)
    if name.endswith(ITK_SUFFIXES):
        from napari_sam2.io.itk import read_itk_label_names

        return read_itk_label_names(path)
    if name.endswith(TIFF_SUFFIXES):
        from napari_sam2.io._labels import label_names_in
        from napari_sam2.io._tiff_series import read_description

        return label_names_in(read_description(path))
    from napari_sam2.io._dicom_files import looks_like_dicom

    if looks_like_dicom(path):
        from napari_sam2.io._dicom_seg_grid import is_seg
        from napari_sam2.io.dicom_labels import read_dicom_names

        return read_dicom_names(path) if is_seg(path) else None
    return None


def read_label_file(path: Path) -> LabelFile | None:
    """Read a file that says it holds labels, on its own grid; None for any other file.

    Raises
    ------
    ReadError
        If it is damaged.
    """
    from napari_sam2.io import read_volume

    names = label_names_of(path)
    if names is None:
        return None
    if path.is_file() and not _is_picture(path):
        from napari_sam2.io._dicom_seg_grid import seg_grid
        from napari_sam2.io.dicom_labels import read_dicom_labels

        grid = seg_grid(path)
        return LabelFile(read_dicom_labels(path, grid), grid, names)
    volume = read_volume(path)
    try:
        # Channels, fractions and values below zero are no labels, whatever the header says.
        labels = as_labels(np.asarray(volume.array), path) if "c" not in volume.axes else None
    except ReadError:
        labels = None
    if labels is None or volume.source is None:
        return None
    return LabelFile(labels, replace(volume, array=labels, source=replace(volume.source, paths=())), names)


def _is_picture(path: Path) -> bool:
    from napari_sam2.io import ITK_SUFFIXES, NIFTI_SUFFIXES, TIFF_SUFFIXES

    return path.name.lower().endswith((*NIFTI_SUFFIXES, *ITK_SUFFIXES, *TIFF_SUFFIXES))


def _zarr_names(about: dict[str, Any]) -> dict[int, str]:
    """The names that our writer puts into the properties of a label image."""
    names = {}
    for item in about.get("properties") or []:
        try:
            names[int(item["label-value"])] = str(item["name"])
        except (KeyError, TypeError, ValueError):
            continue
    return names
