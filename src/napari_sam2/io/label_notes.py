"""What a file says about the labels in it: whether it holds any, and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.core.paths import check_file
from napari_sam2.io.formats import NAMED_FORMATS, by_suffix
from napari_sam2.io.label_grid import LabelNote

if TYPE_CHECKING:
    from pathlib import Path


def label_note_of(path: Path) -> LabelNote | None:
    """Return what a file says about the labels in it; None where it does not say that it holds any.

    Parameters
    ----------
    path
        A file or folder.

    Returns
    -------
    LabelNote or None
        The names, which may be none.

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


def _zarr_names(about: dict[str, Any]) -> dict[int, str]:
    """Return the names that our writer puts into the properties of a label image."""
    names = {}
    for item in about.get("properties") or []:
        try:
            names[int(item["label-value"])] = str(item["name"])
        except (KeyError, TypeError, ValueError):
            continue
    return names
