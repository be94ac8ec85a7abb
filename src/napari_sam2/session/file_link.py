"""The file of a session: written with every step, opened again, and left behind."""

from __future__ import annotations

import logging
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2._version import __version__
from napari_sam2.core.paths import check_file, checked_path
from napari_sam2.errors import SessionFileError
from napari_sam2.session.storage import image_identity
from napari_sam2.session.storage.session_file import SessionFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.session.state import SessionState

_log = logging.getLogger(__name__)


class FileLink:
    """Between a session and its file; its methods are called with the session's lock held.

    ``file`` is None as long as the session is kept in memory only.
    """

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self.file: SessionFile | None = None

    def save(self, path: Path) -> None:
        """Write the session to a file and keep it there; to its own only what a refused write left out."""
        if self.file is not None and self.file.path == path and path.exists():
            self._state.history.catch_up()
            self.keep_settings(window=list(self._state.contrast_limits), overlap=self._state.overlap)
            self.keep_model()
            return
        self._bind(SessionFile.create(path, self._described(), self._state.history))

    def take_up(self, file: SessionFile) -> None:
        """Go on with what a file holds."""
        file.load(self._state.history)
        self._bind(file)
        stored = file.settings()["model"]["hash"]
        if stored is not None and self._model()["hash"] != stored:
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
        if self.file is not None:
            self._state.history.bind(None)
            self.file.close()
            self.file = None

    def keep_settings(self, **changed: Any) -> None:
        """Write settings that changed."""
        if self.file is not None:
            kept = self.file.settings()["settings"]
            if kept != {**kept, **changed}:
                self.file.set(settings={**kept, **changed})

    def keep_model(self) -> None:
        """Write which model is used now, if it is another one."""
        model = self._model()
        if self.file is not None and self.file.settings()["model"] != model:
            self.file.set(model=model)

    def _bind(self, file: SessionFile) -> None:
        if self.file is not None:
            self.file.close()
        file.set(open=True)
        self.file = file
        self._state.history.bind(file)

    def _described(self) -> dict[str, Any]:
        """Return what the file says of the session beside its steps."""
        state, grid = self._state, self._state.grid
        return {
            "image": image_identity.describe(state.volume),
            "settings": {
                "frame_axis": grid.frame_axis,
                "at": dict(grid.at),
                "channel": list(grid.channels),
                "zoom": state.zoom,
                "exact": state.exact,
                "window": list(state.contrast_limits),
                "overlap": state.overlap,
            },
            "model": self._model(),
            "versions": {"napari-sam2": __version__, "python": platform.python_version(), "numpy": np.__version__},
        }

    def _model(self) -> dict[str, Any]:
        # A predictor that is not ours may have no fingerprint.
        predictor = self._state.predictor
        return {"name": predictor.name, "hash": predictor.fingerprint}


@contextmanager
def opening(path: str | Path) -> Iterator[SessionFile]:
    """Open a session file; it is left as it was if the block fails."""
    source = checked_path(path, SessionFileError)
    check_file(source, SessionFileError)
    source = source.resolve()
    file = SessionFile.open(source)
    try:
        yield file
    except KeyError as error:
        file.abandon()
        raise SessionFileError(f"{source} is damaged: {error} is missing. It was left as it is.") from error
    except BaseException:
        file.abandon()
        raise


def arguments_of(file: SessionFile, predictor: VideoPredictor | None, volume: ImageVolume | None) -> dict[str, Any]:
    """Return what to make the session of a file with; model and image are found where they are not given."""
    settings = file.settings()
    image, how = settings["image"], settings["settings"]
    if volume is None:
        volume = image_identity.find(image, file.path)
    else:
        image_identity.check(image, volume, file.path)
    if predictor is None:
        from napari_sam2.engine import load_predictor

        predictor = load_predictor(settings["model"]["name"])
    return {
        "predictor": predictor,
        "volume": volume,
        "frame_axis": how["frame_axis"],
        "window": how["window"],
        "at": how["at"],
        "channel": how["channel"] or None,
        "zoom": how["zoom"],
        "overlap": how["overlap"],
        "exact": how["exact"],
    }
