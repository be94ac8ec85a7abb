"""What can be wrong with an NRRD or MetaImage header, found before ITK, whose errors name other causes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_sam2.core.paths import check_file, why_no_file
from napari_sam2.errors import ReadError

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = 2**16
# Names of many labels make the header of a MetaImage long.
_META_HEAD = 2**22
_META_DATA = re.compile(rb"^ElementDataFile\s*=\s*(.*?)\s*$", re.MULTILINE)
_NRRD_DATA = re.compile(rb"^data ?file:\s*(.*?)\s*$", re.MULTILINE | re.IGNORECASE)


def check_header(path: Path) -> None:
    """Refuse a file that is of another format than its name says, or whose data file is missing.

    Raises
    ------
    ReadError
        With the reason and what to do about it.
    """
    check_file(path)
    nrrd = path.suffix.lower() in (".nrrd", ".nhdr")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD if nrrd else _META_HEAD)
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror or error}.\nCheck that its drive is there.") from error
    if not head:
        raise ReadError(f"{path} cannot be read: it is empty.\nCopy or download it again.")
    if not (head.startswith(b"NRRD") if nrrd else re.search(rb"^\s*NDims\s*=", head, re.MULTILINE)):
        raise ReadError(
            f"{path} cannot be read: it is no {'NRRD' if nrrd else 'MetaImage'} file, whatever its name says.\n"
            "Give it the suffix of its own format."
        )
    found = (_NRRD_DATA if nrrd else _META_DATA).search(head.partition(b"\n\n")[0] if nrrd else head)
    if found is None and not nrrd:
        raise ReadError(f"{path} is damaged: its header ends early.\nCopy or download it again.")
    name = "" if found is None else found[1].decode("utf-8", "replace")
    # A list or a pattern names many files; ITK says which of them it misses.
    if name and name.upper() != "LOCAL" and not name.upper().startswith("LIST") and "%" not in name:
        why = why_no_file(path.parent / name)
        if why:
            raise ReadError(f"{path} cannot be read without its {name}: {why}.\nPut the data file beside it.")
