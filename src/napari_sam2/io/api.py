"""Read images and labels, by the suffix of the path or by what the file holds.

The formats' libraries are imported when a file of the format is opened, so that importing this module is light.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.paths import check_file, checked_path, is_folder
from napari_sam2.core.volume import ImageVolume, check_volume
from napari_sam2.errors import ReadError
from napari_sam2.io.formats import (
    DICOM,
    FOREIGN,
    NAMED_FORMATS,
    NIFTI,
    TIFF,
    ZARR,
    by_suffix,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from numpy.typing import NDArray

    from napari_sam2.io.dicom.series import DicomFolder, SeriesInfo
    from napari_sam2.io.formats import Format

__all__ = [
    "list_series",
    "read_label_masks",
    "read_label_names",
    "read_labels",
    "read_series",
    "read_volume",
    "scan_dicom",
]

_log = logging.getLogger(__name__)


def read_volume(path: str | PathLike[str], series: str | int | None = None, *, lazy: bool = False) -> ImageVolume:
    """Read DICOM, NIfTI, NRRD, MetaImage, Analyze, FreeSurfer, TIFF (plain, ImageJ, OME) or OME-Zarr.

    Parameters
    ----------
    path
        A folder of DICOM files (read with its subfolders), a zipped one, a DICOMDIR, an OME-Zarr folder, a folder of
        numbered TIFF files, or one file.
    series
        Which series of a folder: its SeriesInstanceUID, or its index in ``list_series(path)``.
    lazy
        Of a DICOM series, read the headers now and each slice when it is first looked at. The array then slices
        like NumPy's, and ``volume.array.load()`` decodes the rest.

    Returns
    -------
    ImageVolume
        Values in the unit of the image (HU for CT), axes and spacing in array order.

    Raises
    ------
    SeveralSeriesError
        If a folder holds several series and `series` is None.
    ReadError
        If the file is missing, damaged, of another format, or no regular volume.
    """
    path = _existing(path)
    _check_series(series)
    reader = _reader_of(path)
    return _opened(path, DICOM.read_volume(path, series, lazy) if reader is None else reader(path))


def scan_dicom(path: str | PathLike[str]) -> DicomFolder | None:
    """Read the headers of what `read_volume` takes for DICOM; None for any other format.

    Parameters
    ----------
    path
        A folder of DICOM files, a zipped one, a DICOMDIR, or one file.

    Returns
    -------
    DicomFolder or None
        The series in it, and the files that were skipped.

    Raises
    ------
    ReadError
        If it is missing, of a format that is not read, or holds no DICOM image.
    """
    from napari_sam2.io.dicom.series import DicomFolder

    path = _existing(path)
    return DicomFolder.scan(path) if _reader_of(path) is None else None


def read_series(folder: DicomFolder, series: str | int | None = None, *, lazy: bool = False) -> ImageVolume:
    """Read one series of a folder whose headers have been read, as `read_volume` does from its path.

    Parameters
    ----------
    folder
        Of `scan_dicom`.
    series, lazy
        As in `read_volume`.

    Returns
    -------
    ImageVolume
        As of `read_volume`.

    Raises
    ------
    SeveralSeriesError
        If there are several and `series` is None.
    ReadError
        If it is no regular volume, or cannot be decoded.
    """
    _check_series(series)
    return _opened(folder.path, folder.read(series, lazy=lazy))


def _check_series(series: Any) -> None:
    if isinstance(series, bool) or not isinstance(series, str | Integral | None):
        raise ReadError(f"series={series!r} must be the UID of a series, or its number in list_series(path).")


def _opened(path: Path, volume: ImageVolume) -> ImageVolume:
    """Return the volume with the path that was opened in its source, and log what was assumed and left out."""
    if volume.source is not None:
        volume = replace(volume, source=replace(volume.source, opened=path.resolve()))
        assert volume.source is not None
        for note in volume.source.notes:
            _log.info("%s: %s", path, note)
        for name, reason in volume.source.skipped:
            _log.info("%s: skipped %s (%s)", path, name, reason)
    return volume


def list_series(folder: str | PathLike[str]) -> list[SeriesInfo]:
    """Return the image series in a DICOM folder and its subfolders, in a stable order.

    Parameters
    ----------
    folder
        A folder, or one DICOM file.

    Returns
    -------
    list of SeriesInfo
        With the UID, description, size, spacing and date of each.

    Raises
    ------
    ReadError
        If it does not exist or holds no DICOM image.
    """
    from napari_sam2.io.dicom.series import list_dicom_series

    return list_dicom_series(_existing(folder, "folder"))


def read_labels(path: str | PathLike[str], volume: ImageVolume, notes: list[str] | None = None) -> NDArray[Any]:
    """Read labels onto a volume's grid.

    Parameters
    ----------
    path
        A NIfTI, NRRD, MetaImage, FreeSurfer, TIFF, DICOM-SEG or RT-STRUCT file, or an OME-Zarr label image.
    volume
        The volume that the labels belong to.
    notes
        Gets a sentence about everything that was left out (contours that enclose nothing, …) or decided (which object
        has a voxel that belongs to several); the log has them too.

    Returns
    -------
    ndarray
        Unsigned integers, of the volume's shape without channels. Where the segments of a DICOM-SEG or the structures
        of an RT-STRUCT overlap, the higher number has the voxel; `read_label_masks` keeps them whole.

    Raises
    ------
    ReadError
        If the file is unreadable, holds no labels, or lies on another grid.
    """
    path = _existing(path)
    check_volume(volume)
    found = _labels_format(path)
    labels: NDArray[Any]
    labels = found.read_labels(path, volume, notes) if found is DICOM else found.read_labels(path, volume)
    return labels


def read_label_masks(
    path: str | PathLike[str], volume: ImageVolume, notes: list[str] | None = None
) -> dict[int, NDArray[np.bool_]]:
    """Read labels onto a volume's grid as one mask for each object, whole where objects overlap.

    Parameters
    ----------
    path, volume, notes
        As in `read_labels`.

    Returns
    -------
    dict
        The mask of each label, ascending, of the volume's shape without channels. `write_labels` takes them as
        ``np.stack(list(masks.values()))`` with ``objects=list(masks)``.

    Raises
    ------
    ReadError
        If the file is unreadable, holds no labels, or lies on another grid.
    """
    path = _existing(path)
    check_volume(volume)
    found = _labels_format(path)
    if found is DICOM:
        from napari_sam2.io.dicom.label_reader import read_dicom_masks

        return read_dicom_masks(path, volume, notes)
    labels = found.read_labels(path, volume)
    return {int(label): labels == label for label in np.unique(labels) if label}


def read_label_names(path: str | PathLike[str]) -> dict[int, str]:
    """Return the label names in a file of ours, of 3D Slicer, a DICOM-SEG or RT-STRUCT; empty without any.

    Parameters
    ----------
    path
        A file or folder of labels.

    Returns
    -------
    dict
        The name of each label that has one.

    Raises
    ------
    ReadError
        If the file is missing or damaged.
    """
    from napari_sam2.io.dicom.label_reader import read_dicom_names
    from napari_sam2.io.dicom.opening import looks_like_dicom
    from napari_sam2.io.label_notes import label_note_of

    path = _existing(path)
    if path.is_file() and looks_like_dicom(path):
        return read_dicom_names(path)
    note = label_note_of(path)
    return {} if note is None else {label: name for label, name in note.names.items() if name}


def _reader_of(path: Path) -> Callable[[Path], ImageVolume] | None:
    """Return the function that reads a volume of the path; None for DICOM, which takes all that no other format does.

    Raises
    ------
    ReadError
        If it is of a format that is known and not read.
    """
    name = path.name.lower()
    found = _format_of(path)
    if found is not None and found is not DICOM:
        return found.read_volume
    foreign = FOREIGN.get(Path(name.removesuffix(".gz")).suffix)
    if path.is_file() and foreign is not None:
        raise ReadError(
            f"{path} cannot be read: the format {foreign} is not supported.\n"
            f"Convert it to {NIFTI.name}, {DICOM.name} or {TIFF.name}, or wrap the array in ImageVolume."
        )
    if path.is_dir():
        from napari_sam2.io.folders import holds_dicom, tiff_files

        if tiff_files(path) and not holds_dicom(path):
            from napari_sam2.io.tiff.folder import read_tiff_folder

            return read_tiff_folder
    return None


def _labels_format(path: Path) -> Format:
    """Return the format of a file or folder of labels, or raise a ReadError that says why it is none."""
    found = _format_of(path)
    if found is not None:
        return found
    suffix = path.suffix.lower()
    if path.is_dir():
        why = "it is a folder, and no OME-Zarr"
    elif suffix in DICOM.suffixes:
        why = "it is no DICOM file, whatever its name says"
    else:
        why = f"its suffix is {path.suffix or 'missing'!r}, and it is no DICOM file"
    suffixes = (s for f in NAMED_FORMATS if f.labels_reader for s in f.suffixes)
    raise ReadError(
        f"{path} cannot be read as labels: {why}.\n"
        f"Labels are read from {', '.join(suffixes)}, from {DICOM.labels_name}, RT-STRUCT and {ZARR.name}."
    )


def _format_of(path: Path) -> Format | None:
    """Return the format of a file or folder, by its suffix or what it holds; None where neither says it."""
    if not path.is_file():
        from napari_sam2.io.ome_zarr import is_zarr

        return ZARR if is_zarr(path) else None
    found = by_suffix(path.name, NAMED_FORMATS)
    if found is None:
        from napari_sam2.io.dicom.opening import looks_like_dicom

        return DICOM if looks_like_dicom(path) else None
    return found


def _existing(path: Any, called: str = "path") -> Path:
    """Return the path of a folder, or of a file that can be opened."""
    found = checked_path(path, ReadError, called)
    if not is_folder(found):
        check_file(found)
    return found
