"""The choice of a model and a device, and the one predictor that is loaded. No Qt."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_sam2.errors import SessionBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.engine.protocols import VideoPredictor


class ModelChoice(NamedTuple):
    """A model by its name, and the device that it computes on: the arguments of ``load_predictor``."""

    name: str
    device: str


class ModelCache:
    """Keeps the choice, and at most one loaded model: memory is scarce, and loading again takes seconds.

    Parameters
    ----------
    load
        ``load(name, device)`` gives a predictor.
    """

    def __init__(self, load: Callable[[str, str], VideoPredictor]) -> None:
        self._choice = ModelChoice("starter", "auto")
        self._load = load
        self._loaded: tuple[ModelChoice, VideoPredictor] | None = None
        self._returned_notes = 0
        self._lock = threading.Lock()

    @property
    def choice(self) -> ModelChoice:
        """Return the model and the device that are chosen."""
        return self._choice

    def choose(self, choice: ModelChoice) -> None:
        """Choose another model or device, which is loaded when it is first used."""
        self._choice = choice

    @property
    def loaded(self) -> VideoPredictor | None:
        """Return the predictor in memory; None if there is none."""
        return None if self._loaded is None else self._loaded[1]

    @property
    def is_ready(self) -> bool:
        """Return whether the chosen model is the loaded one."""
        return self._loaded is not None and self._loaded[0] == self.choice

    def get(self) -> VideoPredictor:
        """Load the chosen model, or hand out the loaded one; the first call imports torch. Called in a worker."""
        with self._lock:
            if self._loaded is None or self._loaded[0] != self.choice:
                # Before the new one comes: two large ones may not fit.
                self._unload()
                self._loaded = self.choice, self._load(*self.choice)
            return self._loaded[1]

    def unload(self) -> None:
        """Free the memory of the loaded model; it is loaded again when it is wanted."""
        with self._lock:
            self._unload()

    def new_notes(self) -> list[str]:
        """Return the notes of the predictor that were not returned before, see :attr:`VideoPredictor.notes`."""
        notes = [] if self.loaded is None else list(self.loaded.notes)
        new, self._returned_notes = notes[self._returned_notes :], len(notes)
        return new

    def _unload(self) -> None:
        loaded, self._loaded, self._returned_notes = self._loaded, None, 0
        if loaded is not None:
            loaded[1].unload()


class UnloadedModel:
    """Stands for a model in a session that only keeps marks.

    Parameters
    ----------
    name
        Of the model that was chosen.
    """

    device = "cpu"
    notes: tuple[str, ...] = ()
    fingerprint = None

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self, frames: Any, *, zoom: Any = "auto", exact: bool = False, options: Any = None) -> Any:
        """Refuse: nothing can be computed without a model."""
        raise SessionBusyError(f"The model {self.name} is not loaded; this session only keeps marks.")

    def unload(self) -> None:
        """Do nothing, because nothing is loaded."""
