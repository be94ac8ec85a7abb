"""Asks where to save labels, and in which format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_sam2.io.formats import DICOM, Format, by_suffix, label_format, label_formats, without_suffix

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.io.writing import DicomKind

ALL_FILES = "All files (*)"
CONTOURS = f"DICOM RT-STRUCT ({' '.join(f'*{s}' for s in DICOM.writes)})"


def ask_where_to_save(parent: QWidget, name: str, volume: ImageVolume) -> tuple[Path, DicomKind | None] | None:
    """Ask for a file for labels and, of DICOM, which kind; None if the user thinks better of it.

    Parameters
    ----------
    name
        What the image is called.
    volume
        The image; the format that it came in is offered first.
    """
    formats = label_formats("" if volume.source is None else volume.source.format)
    filters = {file_filter(f): f for f in formats}
    if DICOM in formats:
        filters[CONTOURS] = DICOM
    start = _folder_of(volume) / suggested_name(name, formats[0])
    text, chosen = QFileDialog.getSaveFileName(parent, "Save labels", str(start), ";;".join([*filters, ALL_FILES]))
    if not text:
        return None
    asked, path = Path(text), path_of(Path(text), filters.get(chosen), formats[0])
    if path != asked and path.exists():
        # The dialog asked about another name.
        answer = QMessageBox.question(parent, "Save labels", f"{path.name} is there already. Replace it?")
        if answer != QMessageBox.StandardButton.Yes:
            return None
    return path, "rtstruct" if chosen == CONTOURS and label_format(path) is DICOM else None


def _folder_of(volume: ImageVolume) -> Path:
    """Return the folder in which an image lies, beside a folder that is the image; else the working folder."""
    paths = volume.source.paths if volume.source is not None else ()
    if not paths:
        return Path.cwd()
    folder = paths[0].parent.parent if len(paths) > 1 else paths[0].parent
    return folder if folder.is_dir() else Path.cwd()


def file_filter(kind: Format) -> str:
    """One line of the dialog's list of formats."""
    return f"{kind.labels_name or kind.name} ({' '.join(f'*{s}' for s in kind.writes)})"


def suggested_name(name: str, kind: Format) -> str:
    """Return a name of a labels file for an image, whose own name may end in the suffix of a file.

    Examples
    --------
    >>> from napari_sam2.io.formats import NIFTI, TIFF
    >>> suggested_name("head.nii.gz", NIFTI), suggested_name("cells.tif [1]", TIFF)
    ('head-labels.nii.gz', 'cells [1]-labels.tif')
    """
    base, bracket, rest = name.partition(" [")
    safe = re.sub(r'[<>:"/\\|?*]', "-", without_suffix(base) + bracket + rest).strip(" .")
    return f"{safe or 'image'}-labels{kind.writes[0]}"


def path_of(typed: Path, chosen: Format | None, first: Format) -> Path:
    """Return the file that the user means.

    Parameters
    ----------
    typed
        What stands in the field of the name.
    chosen
        The format chosen in the list; None for all files.
    first
        The format of the suggested name. Its suffix need not have been typed, so another choice replaces it; any other
        suffix was typed, and stands.
    """
    said = label_format(typed)
    if chosen is None:
        return typed if typed.suffix else typed.with_name(typed.name + first.writes[0])
    if said is chosen or (said is not None and said is not first):
        return typed
    name = without_suffix(typed.name) if by_suffix(typed.name) is not None else typed.name
    return typed.with_name(name + chosen.writes[0])
