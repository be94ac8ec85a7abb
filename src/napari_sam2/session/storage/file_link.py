"""The file of a session: written with every step, opened again, and left behind."""

from __future__ import annotations

import logging
import platform
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2._version import __version__
from napari_sam2.core.paths import check_file, checked_path
from napari_sam2.errors import SessionFileError
from napari_sam2.session.storage import image_identity
from napari_sam2.session.storage.header import ModelHeader, SessionHeader, SettingsHeader
from napari_sam2.session.storage.session_file import SessionFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.session.state.session_state import SessionState

_log = logging.getLogger(__name__)


class FileLink:
    """Between a session and its file; its methods are called with the session's lock held.

    ``file`` is None as long as the session is kept in memory only.
    """

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self.file: SessionFile | None = None

    @property
    def path(self) -> Path | None:
        """Return the path of the file, or None."""
        return None if self.file is None else self.file.path

    def save(self, path: Path) -> None:
        """Write the session to a file and keep it there; to its own only what a refused write left out."""
        if self.file is not None and self.file.path == path and path.exists():
            self._state.history.catch_up()
            self.keep_settings()
            self.keep_model()
            return
        self._bind(SessionFile.create(path, self._header(), self._state.history))

    def take_up(self, file: SessionFile) -> None:
        """Go on with what a file holds."""
        file.load(self._state.history)
        self._bind(file)
        stored = file.header().model.content_hash
        if stored is not None and self._model().content_hash != stored:
            _log.warning(
                "%s was made with other weights than those of %s; its masks stay, new ones and a replay may differ.",
                file.path,
                self._state.predictor.name,
            )

    def detach(self) -> None:
        """Go on without the file, which stays as it is."""
        if self.file is not None:
            self._state.history.bind(None)
            self.file.abandon()
            self.file = None

    def close(self) -> None:
        """Close the file for good."""
        file, self.file = self.file, None
        if file is not None:
            self._state.history.bind(None)
            file.close()

    def keep_settings(self) -> None:
        """Write the settings of the session that can change, where they did."""
        if self.file is not None:
            known, state = self.file.header(), self._state
            now = replace(
                known.settings,
                mapping=state.mapping,
                overlap=state.overlap,
                rules=state.rules,
                log_times=state.log_times,
            )
            self.file.write_header(replace(known, settings=now))

    def keep_model(self) -> None:
        """Write the model that is used now, if it is another one."""
        if self.file is not None:
            self.file.write_header(replace(self.file.header(), model=self._model()))

    def _bind(self, file: SessionFile) -> None:
        try:
            file.mark_open(True)
        except SessionFileError:
            file.abandon()
            raise
        old, self.file = self.file, file
        self._state.history.bind(file)
        if old is None:
            return
        if old.path == file.path:
            old.abandon()  # It was removed; what SQLite writes beside it would be taken for that of the new one.
            return
        try:
            old.close()
        except SessionFileError as error:
            # The reason to save elsewhere may be that nothing can be written there.
            _log.warning("%s", error)

    def _header(self) -> SessionHeader:
        state, grid = self._state, self._state.grid
        return SessionHeader(
            image_identity.describe(state.volume),
            SettingsHeader(
                grid.frame_axis,
                dict(grid.at),
                tuple(grid.channels),
                state.zoom,
                state.exact,
                state.mapping,
                state.overlap,
                state.rules,
                state.log_times,
            ),
            self._model(),
            {"napari-sam2": __version__, "python": platform.python_version(), "numpy": np.__version__},
        )

    def _model(self) -> ModelHeader:
        # A predictor that is not ours may have no fingerprint.
        return ModelHeader(self._state.predictor.name, self._state.predictor.fingerprint)


@contextmanager
def opening(path: str | Path) -> Iterator[SessionFile]:
    """Open a session file; it is left as it was if the block fails."""
    source = checked_path(path, SessionFileError)
    check_file(source, SessionFileError)
    source = source.resolve()
    file = SessionFile.open(source)
    try:
        yield file
    except BaseException:
        file.abandon()
        raise


def arguments_of(file: SessionFile, predictor: VideoPredictor | None, volume: ImageVolume | None) -> dict[str, Any]:
    """Return what to make the session of a file with; model and image are found where they are not given."""
    header = file.header()
    settings = header.settings
    if volume is None:
        volume = image_identity.find(header.image, file.path)
    else:
        image_identity.check(header.image, volume, file.path)
    if predictor is None:
        from napari_sam2.engine import load_predictor

        predictor = load_predictor(header.model.name)
    return {
        "predictor": predictor,
        "volume": volume,
        "frame_axis": settings.frame_axis,
        "contrast_limits": settings.mapping,
        "at": settings.at,
        "channel": settings.channel or None,
        "zoom": settings.zoom,
        "overlap": settings.overlap,
        "exact": settings.exact,
        **settings.rules._asdict(),
        "log_times": settings.log_times,
    }
