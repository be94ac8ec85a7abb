"""The places of session files, those that were used lately, and those that were not closed in good order. No Qt."""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.user_folders import data_folder
from napari_sam2.errors import SessionFileError, WriteError
from napari_sam2.io.formats import stems_of
from napari_sam2.samples import sample_folder
from napari_sam2.session.storage import image_identity
from napari_sam2.session.storage.session_file import SUFFIX, SessionFile

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.session.storage.header import SessionHeader

logger = logging.getLogger(__name__)
# Moves everything that the widget keeps for the user.
FOLDER_VARIABLE = "NAPARI_SAM2_DATA"
RECENT_COUNT = 12
_RECENT = "recent.json"


def user_folder() -> Path:
    """Return the user's folder for sessions of images that came from no file, and for the list of recent files."""
    moved = os.environ.get(FOLDER_VARIABLE)
    return Path(moved) if moved else data_folder()


def beside(volume: ImageVolume) -> Path | None:
    """Return the session file beside the image.

    None where the image came from no file or is a sample of this package, or where nothing may be written.
    """
    image = image_identity.image_path(volume)
    if image is None:
        return None
    path = Path(image)
    if path.parent == sample_folder() or not os.access(path.parent, os.W_OK):
        return None
    return path.with_name(stems_of(path)[0] + SUFFIX)


def new_place(volume: ImageVolume, folder: Path | None = None) -> Path:
    """Return a file for a new session in a folder, by default beside the image if possible; never one that exists."""
    first = beside(volume) if folder is None else None
    if first is None:
        folder = folder or user_folder() / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        first = folder / ((re.sub(r"[^\w.-]+", "-", volume.name).strip("-.") or "image") + SUFFIX)
    names = itertools.chain([first.name], (f"{first.stem}-{i}{SUFFIX}" for i in itertools.count(2)))
    return next(path for name in names if not (path := first.with_name(name)).exists())


@dataclass(frozen=True)
class SessionSummary:
    """A session file and what it says about itself."""

    path: Path
    header: SessionHeader


def peek(path: Path) -> SessionSummary:
    """Look into a session file.

    Raises
    ------
    SessionFileError
        If it cannot be opened, for instance because another session has it open.
    """
    file = SessionFile.open(path)
    try:
        return SessionSummary(path, file.header())
    finally:
        file.abandon()


def read_user_file(name: str) -> Any:
    """Return what a small JSON file of the user holds; OSError or ValueError where it cannot be read."""
    return json.loads((user_folder() / name).read_text(encoding="utf-8"))


def write_user_file(name: str, value: Any) -> None:
    """Keep a value in a small JSON file of the user; where the disk refuses, a warning is logged.

    For what is a help alone: no work is lost where it is not kept.
    """
    path = user_folder() / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_text(json.dumps(value, indent=1), encoding="utf-8")
    except (OSError, WriteError) as error:
        logger.warning("%s", error)


class Recent:
    """The session files that were used lately, newest first, in a small JSON file."""

    def paths(self) -> list[Path]:
        """List those that still exist."""
        try:
            return [path for path in map(Path, read_user_file(_RECENT)) if path.exists()]
        except (OSError, ValueError, TypeError):
            # A list that cannot be read is worth nothing, and no reason to stop.
            return []

    def note(self, path: Path) -> None:
        """Put a file first."""
        paths = [path, *(p for p in self.paths() if p != path)][:RECENT_COUNT]
        write_user_file(_RECENT, [str(p) for p in paths])

    def unclosed(self, in_use: Collection[Path] = ()) -> list[Path]:
        """List those that were not closed in good order and that no living session has open.

        ``in_use`` are files that are known to be open; asking them would take a while.
        """
        found = []
        for path in self.paths():
            if path in in_use:
                continue
            try:
                if peek(path).header.is_open:
                    found.append(path)
            except SessionFileError:
                continue
        return found
