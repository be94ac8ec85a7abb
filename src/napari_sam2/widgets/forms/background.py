"""A long computation in a worker thread that says how far it is and can be stopped."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from napari_sam2.widgets.workers import NamedCall

if TYPE_CHECKING:
    from collections.abc import Callable

Steps = Generator[tuple[int, int], None, Any]
"""Yields ``(done, total)``, and returns the result."""


class Task(QObject):
    """Runs one generator at a time; what it yields is its progress, what it returns its result.

    Parameters
    ----------
    parent
        Owner in Qt.
    """

    progressed = Signal(int, int)
    finished = Signal()
    """Whatever happened, after the caller of :meth:`start` was told."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker: Any = None
        self._stopped = False
        self._outcome: tuple[Any, Exception | None] | None = None
        self._tell: Callable[[Any, Exception | None], None] | None = None

    @property
    def running(self) -> bool:
        """Whether the worker still lives."""
        return self._worker is not None

    def start(self, title: str, steps: Callable[[], Steps], tell: Callable[[Any, Exception | None], None]) -> None:
        """Begin.

        Parameters
        ----------
        title
            What is going on, for napari's list of running workers.
        steps
            Called in the worker; yields ``(done, total)`` and returns the result.
        tell
            Called on the main thread with the result or the error; not at all after :meth:`stop`.
        """
        assert self._worker is None
        self._stopped, self._outcome, self._tell = False, None, tell

        def watched() -> Steps:
            try:
                result = yield from steps()
            except Exception as error:  # noqa: BLE001 - told on the main thread
                self._outcome = None, error
            else:
                self._outcome = result, None

        self._worker = create_worker(NamedCall.of(watched, lambda: title))
        self._worker.yielded.connect(self._pass_on)
        self._worker.finished.connect(self._end)
        self._worker.start()

    def stop(self) -> None:
        """Let the computation end at its next step; its result is dropped."""
        self._stopped = True
        if self._worker is not None:
            self._worker.quit()

    def _pass_on(self, progress: tuple[int, int]) -> None:
        if not self._stopped:
            self.progressed.emit(*progress)

    def _end(self) -> None:
        self._worker = None
        outcome, tell = self._outcome, self._tell
        self._outcome = self._tell = None
        try:
            if tell is not None and outcome is not None and not self._stopped:
                tell(*outcome)
        finally:
            self.finished.emit()
