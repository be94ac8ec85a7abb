"""Where session files lie, which ones were used lately, and which were not closed in good order. No Qt."""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from napari_sam2.core.atomic_write import replacing
from napari_sam2.errors import SessionFileError, WriteError
from napari_sam2.samples import sample_folder
from napari_sam2.session.storage import image_identity
from napari_sam2.session.storage.session_file import SUFFIX, SessionFile

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_sam2.core.volume import ImageVolume

logger = logging.getLogger(__name__)
# Moves everything that the widget keeps for the user.
FOLDER_VARIABLE = "NAPARI_SAM2_DATA"
RECENT_COUNT = 12
_IMAGE_SUFFIXES = (".nii.gz", ".ome.tif", ".ome.tiff", ".ome.zarr")


def user_folder() -> Path:
    """The user's folder for sessions of images that came from no file, and for the list of recent files."""
    moved = os.environ.get(FOLDER_VARIABLE)
    return Path(moved) if moved else Path(platformdirs.user_data_dir("napari-sam2", appauthor=False))


def beside(volume: ImageVolume) -> Path | None:
    """The session file beside the image.

    None where the image came from no file or is a sample of this package, or where nothing may be written.
    """
    image = image_identity.place(volume)
    if image is None:
        return None
    place = Path(image)
    if place.parent == sample_folder() or not os.access(place.parent, os.W_OK):
        return None
    name = place.name
    for suffix in (*_IMAGE_SUFFIXES, "" if place.is_dir() else place.suffix):
        if suffix and name.lower().endswith(suffix.lower()):
            name = name[: -len(suffix)]
            break
    return place.with_name(name + SUFFIX)


def new_place(volume: ImageVolume, folder: Path | None = None) -> Path:
    """A file for a new session in a folder, by default beside the image where possible; never one that exists."""
    first = beside(volume) if folder is None else None
    if first is None:
        folder = folder or user_folder() / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        first = folder / ((re.sub(r"[^\w.-]+", "-", volume.name).strip("-.") or "image") + SUFFIX)
    names = itertools.chain([first.name], (f"{first.stem}-{i}{SUFFIX}" for i in itertools.count(2)))
    return next(place for name in names if not (place := first.with_name(name)).exists())


@dataclass(frozen=True)
class SessionSummary:
    """What a session file says about itself."""

    path: Path
    image: dict[str, Any]
    settings: dict[str, Any]
    model: str
    closed: bool


def peek(path: Path) -> SessionSummary:
    """Look into a session file.

    Raises
    ------
    SessionFileError
        If it cannot be opened, for instance because another session has it open.
    """
    file = SessionFile.open(path)
    try:
        found = file.settings()
    finally:
        file.abandon()
    try:
        return SessionSummary(
            path, found["image"], found["settings"], found["model"]["name"], not found.get("open", False)
        )
    except (KeyError, TypeError) as error:
        raise SessionFileError(f"{path} is damaged: {error} is missing. It was left as it is.") from error


class Recent:
    """The session files that were used lately, newest first, in a small JSON file."""

    def paths(self) -> list[Path]:
        """Those that still exist."""
        try:
            found = json.loads(self._file().read_text(encoding="utf-8"))
            return [path for path in map(Path, found) if path.exists()]
        except (OSError, ValueError, TypeError):
            # A list that cannot be read is worth nothing, and no reason to stop.
            return []

    def note(self, path: Path) -> None:
        """Put a file first."""
        paths = [path, *(p for p in self.paths() if p != path)][:RECENT_COUNT]
        try:
            self._file().parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._file()) as part:
                part.write_text(json.dumps([str(p) for p in paths], indent=1), encoding="utf-8")
        except (OSError, WriteError) as error:
            # The session itself is kept; only the menu will not show it.
            logger.warning("%s", error)

    def unclosed(self, in_use: Collection[Path] = ()) -> list[Path]:
        """Those that were not closed in good order and that no living session has open.

        ``in_use`` are files that are known to be open; asking them would take a while.
        """
        found = []
        for path in self.paths():
            if path in in_use:
                continue
            try:
                if not peek(path).closed:
                    found.append(path)
            except SessionFileError:
                continue
        return found

    def _file(self) -> Path:
        return user_folder() / "recent.json"
