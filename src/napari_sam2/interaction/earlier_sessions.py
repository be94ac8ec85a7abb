"""Earlier sessions of an image, and whether the user chose to go on with one of them or to start anew. No Qt."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_sam2.errors import ReadError, SessionFileError
from napari_sam2.session.storage.image_identity import content_hash
from napari_sam2.session.storage.locations import beside, peek, user_folder
from napari_sam2.session.storage.session_file import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.session.storage.locations import Recent, SessionSummary

# Each file that is looked into takes some milliseconds.
MOST_FILES = 100
SessionKey = tuple["str | None", tuple[tuple[str, int], ...]]


def undecided_folder() -> Path:
    """Return the folder of the sessions that were begun before the user chose; each is an ordinary session file."""
    return user_folder() / "undecided"


def earlier_sessions(
    volume: ImageVolume, recent: Iterable[Path] = (), in_use: Collection[Path] = ()
) -> list[SessionSummary]:
    """Find the sessions of an image that are not open, the one worked on last first.

    They lie beside the image, in the user's folder, or where the user saved them.
    """
    paths = {path.resolve() for path in itertools.chain(_near(volume), recent) if path.is_file()}
    newest = sorted(paths.difference(in_use), key=_last_change, reverse=True)[:MOST_FILES]
    shape, ours, found = tuple(volume.array.shape), "", []
    for path in newest:
        try:
            known = peek(path)
        except SessionFileError:
            continue  # Damaged, or open elsewhere: it is nothing to go on with.
        image = known.header.image
        # Of other axes too: the user may have said what they are.
        if image.shape != shape:
            continue
        try:
            ours = ours or content_hash(volume)
        except ReadError:
            return []  # Whoever looks at the image is told.
        if image.content_hash == ours:
            found.append(known)
    return found


def _near(volume: ImageVolume) -> Iterator[Path]:
    first = beside(volume)
    if first is not None:
        yield first
        yield from first.parent.glob(f"*{SUFFIX}")
    for folder in (user_folder() / "sessions", undecided_folder()):
        yield from folder.glob(f"*{SUFFIX}")


def _last_change(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def session_key(grid: FrameGrid) -> SessionKey:
    """Return what tells the sessions of one image apart: the frame axis, and the indices of the fixed axes."""
    return grid.frame_axis, tuple(sorted((str(a), int(i)) for a, i in grid.at))


def key_in(known: SessionSummary) -> SessionKey:
    """Return :func:`session_key` of the grid of an earlier session."""
    settings = known.header.settings
    return settings.frame_axis, tuple(sorted((str(a), int(i)) for a, i in settings.at.items()))


@dataclass
class ImageSessions:
    """The earlier sessions of one image in the viewer, and what the user chose.

    Asked in workers and on the main thread.
    """

    recent: Recent
    anew: bool = False
    decided: set[SessionKey] = field(default_factory=set)
    _found: dict[SessionKey, list[SessionSummary]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, volume: ImageVolume, grid: FrameGrid, in_use: Collection[Path] = ()) -> list[SessionSummary]:
        """Look for sessions that the user should be asked about, newest first; none after he chose.

        Those of this axis and these fixed indices; before anything was chosen for the image, else any.
        """
        here = session_key(grid)
        with self._lock:
            if self.anew or here in self.decided:
                return []
            found = earlier_sessions(volume, self.recent.paths(), in_use)
            same = [known for known in found if key_in(known) == here]
            self._found[here] = same or ([] if self.decided else found)
            return self._found[here]

    def asks(self, volume: ImageVolume, grid: FrameGrid) -> bool:
        """Return whether there is something to choose that was not chosen yet."""
        here = session_key(grid)
        if self.anew or here in self.decided:
            return False
        return bool(self._found[here] if here in self._found else self.look(volume, grid))

    def start_anew(self) -> None:
        """Ask no more about this image."""
        self.anew = True

    def go_on(self, grid: FrameGrid) -> None:
        """Ask no more about this axis and these indices: one of their sessions was opened."""
        self.decided.add(session_key(grid))
