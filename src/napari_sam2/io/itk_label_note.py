"""The names of labels in the header of NRRD and MetaImage, as fields that ITK can read again."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from napari_sam2.io.label_grid import LabelNote, label_note_in, label_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Where our labels have their names; its presence says that these are labels.
LABELS_KEY = "napari_sam2_labels"
# MetaIO reads no line of 32,768 characters or more; the name of the field is a part of it.
_LONGEST_META_TEXT = 32_000
# More would make a header so long that other programs read it slowly, or not at all.
_MOST_META_FIELDS = 100

_log = logging.getLogger(__name__)


def label_fields(path: Path, names: Mapping[int, str] | None, **more: Any) -> dict[str, str]:
    """Return the fields of a header that say that a file holds labels, and their names.

    Parameters
    ----------
    path
        Of the file to be written. Fields of MetaImage are limited in length: there the names go on in further ones,
        and those for which there is no room are left out with a warning.
    names
        Names of the labels.
    more
        What else is to be kept, in the first field.
    """
    names = {label: str(name) for label, name in (names or {}).items()}
    if path.suffix.lower() == ".nrrd":
        return {LABELS_KEY: label_text(names, **more)}
    room = _LONGEST_META_TEXT - len(label_text(None, **more))
    parts: list[dict[int, str]] = [{}]
    used = left_out = 0
    for label, name in names.items():
        # Braces count here as long as the comma and space between two names.
        size = len(json.dumps({str(label): name}))
        if used + size > room and size <= room and len(parts) < _MOST_META_FIELDS:
            parts.append({})
            used = 0
        if used + size > room:
            left_out += 1
            continue
        parts[-1][label] = name
        used += size
    if left_out:
        _log.warning("%s: %d of %d names of labels do not fit in its header", path, left_out, len(names))
    further = {_key(number): label_text(part) for number, part in enumerate(parts[1:], 2)}
    return {LABELS_KEY: label_text(parts[0], **more), **further}


def note_in_fields(fields: Mapping[str, str]) -> LabelNote | None:
    """Return what one of our writers put into a header; None where it did not."""
    note = label_note_in(fields.get(LABELS_KEY, ""))
    number = 2
    while note is not None and (further := label_note_in(fields.get(_key(number), ""))) is not None:
        note.names.update(further.names)
        number += 1
    return note


def _key(number: int) -> str:
    return f"{LABELS_KEY}_{number}"
