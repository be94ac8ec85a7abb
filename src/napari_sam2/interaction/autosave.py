"""Give each session a file from its first mark on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.errors import SessionFileError
from napari_sam2.session.storage.locations import Recent, new_place, user_folder

if TYPE_CHECKING:
    from napari_sam2.session import VideoSession


class Autosave:
    """Gives a session its file, unless the user switched that off."""

    def __init__(self, recent: Recent) -> None:
        self.enabled = True
        self.recent = recent

    def __call__(self, session: VideoSession, folder: Path | None = None) -> None:
        """Save a session to a new file in a folder, by default beside its image; called in a worker.

        Raises
        ------
        SessionFileError
            If it cannot be written.
        ReadError
            If the image cannot be read, whose content the file is known by.
        """
        if not self.enabled:
            return
        try:
            session.save(new_place(session.volume, folder))
        except SessionFileError:
            # A folder may refuse although it looked writable, for instance on a share.
            self._save_in_user_folder(session)
        except OSError as error:
            raise SessionFileError(f"{user_folder()} cannot be written: {error.strerror or error}.") from error
        if session.path is not None:
            self.recent.note(session.path)

    def _save_in_user_folder(self, session: VideoSession) -> None:
        try:
            session.save(new_place(session.volume, user_folder() / "sessions"))
        except OSError as error:
            raise SessionFileError(f"{user_folder()} cannot be written: {error.strerror or error}.") from error
