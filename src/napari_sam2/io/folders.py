"""What a folder holds, told from a quick look at its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.core.held_files import is_held
from napari_sam2.io.formats import DICOM, TIFF

if TYPE_CHECKING:
    from pathlib import Path

# So many files are looked at before a folder is left to others.
LOOKED_AT = 64


def tiff_files(folder: Path) -> list[Path]:
    """Return the TIFF files that lie directly in a folder, by name."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in TIFF.suffixes and p.is_file() and p.name[0] != ".")


def holds_dicom(folder: Path) -> bool:
    """Tell whether one of the first files is DICOM; looks at suffixes and at the four letters after the preamble."""
    seen = 0
    for file in folder.rglob("*"):
        if not file.is_file() or is_held(file):
            continue
        if file.suffix.lower() in DICOM.suffixes:
            return True
        try:
            with file.open("rb") as stream:
                stream.seek(128)
                if stream.read(4) == b"DICM":
                    return True
        except OSError:
            pass
        seen += 1
        if seen >= LOOKED_AT:
            return False
    return False
