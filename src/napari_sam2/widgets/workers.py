"""Work off the main thread: a queue of short jobs, one after the other, and a run that yields frames."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
from napari.qt.threading import GeneratorWorker, create_worker
from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Job = Callable[[], Any]


class NamedCall(partial[Any]):
    """A call that napari names by ``title`` where it lists running workers, for instance before it closes a window."""

    title: Callable[[], str]

    @classmethod
    def of(cls, call: Callable[..., Any], title: Callable[[], str]) -> NamedCall:
        """Name a call; the title is asked for each time it is shown."""
        named = cls(call)
        named.title = title
        return named

    def __repr__(self) -> str:
        return f"SAM 2: {self.title()}"


class JobQueue(QObject):
    """Runs jobs in a worker thread in the order in which they came; results arrive on the main thread.

    A job with the key of the one that came last and still waits replaces it, which is how a burst of clicks becomes
    one answer.

    Parameters
    ----------
    parent
        Owner in Qt.
    title
        What a job without a text is doing, for napari's list of running workers.
    first
        Called before a job is queued: what has to be done, or queued, ahead of everything that the user asks for.
    """

    busy_changed = Signal(str)
    failed = Signal(object)

    def __init__(
        self, parent: QObject | None = None, title: str = "at work", first: Callable[[], None] | None = None
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._first = first
        self._waiting: OrderedDict[tuple[Any, int], tuple[Job, Callable[[Any], None], str]] = OrderedDict()
        self._current: Any = None
        self._done: Callable[[Any], None] | None = None
        self._closed = False
        self._count = 0

    @property
    def busy(self) -> bool:
        """Return whether something runs or waits."""
        return self._current is not None or bool(self._waiting)

    @property
    def has_waiting(self) -> bool:
        """Return whether something waits for what runs now."""
        return bool(self._waiting)

    def submit(self, job: Job, done: Callable[[Any], None], text: str, key: Any = None) -> None:
        """Queue a job.

        Parameters
        ----------
        job
            Called in a worker thread.
        done
            Called on the main thread with its result.
        text
            What the status line says meanwhile.
        key
            A job of the same key that came last and has not begun is replaced; None: never. One with another job
            behind it stays where it is, because that one may build on it.
        """
        if self._first is not None:
            self._first()
        if self._closed:
            return
        last = next(reversed(self._waiting), None)
        if key is None or last is None or last[0] != key:
            self._count += 1
            last = (key, self._count)
        self._waiting[last] = (job, done, text)
        self._start_next()

    def close(self) -> None:
        """Forget what waits; what runs ends by itself and is not reported."""
        self._closed = True
        self._waiting.clear()

    def _start_next(self) -> None:
        if self._current is not None or not self._waiting:
            return
        _, (job, done, text) = self._waiting.popitem(last=False)
        title = text.rstrip("….") or self._title
        self._current, self._done = create_worker(NamedCall.of(_outcome, lambda: title), job), done
        self.busy_changed.emit(text)
        # A method of a QObject, so that every Qt binding delivers it on the main thread.
        self._current.returned.connect(self._finish)
        self._current.start()

    def _finish(self, outcome: tuple[Any, Exception | None]) -> None:
        done, self._current, self._done = self._done, None, None
        if self._closed or done is None:
            return
        value, error = outcome
        try:
            if error is not None:
                self.failed.emit(error)
            else:
                done(value)
        finally:
            if not self._waiting:
                self.busy_changed.emit("")
            self._start_next()


class _Cancellable(GeneratorWorker):
    """Tells when napari cancels it, which it does only when its window closes, before it waits for all workers."""

    on_quit: Callable[[], None] | None = None

    def quit(self) -> None:
        """Stop at the next frame."""
        on_quit, self.on_quit = self.on_quit, None
        super().quit()
        if on_quit is not None:
            on_quit()


class FrameRun(QObject):
    """A generator of finished frames in a worker thread, with a stop that lets the current frame finish."""

    frame = Signal(object)
    finished = Signal(bool, object)
    cancelled = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.stop_requested = threading.Event()
        self.progress: tuple[int, int, str] = (0, 0, "")
        self._started = time.monotonic()
        self._shown = ""
        self._worker: Any = None
        self._error: Exception | None = None

    @property
    def running(self) -> bool:
        """Return whether the worker still lives."""
        return self._worker is not None

    def start(self, make: Callable[[threading.Event, Callable[[int, int, str], None]], Iterator[Any]]) -> None:
        """Begin; ``make(stop, progress)`` is called in the worker and returns the generator."""

        def frames() -> Iterator[Any]:
            try:
                yield from make(self.stop_requested, self._note)
            except Exception as error:  # noqa: BLE001 - reported on the main thread, in finished
                self._error = error

        self._started = time.monotonic()
        self._worker = create_worker(NamedCall.of(frames, self._title), _worker_class=_Cancellable)
        self._worker.on_quit = self._cancel
        self._worker.yielded.connect(self._pass_on)
        self._worker.finished.connect(self._end)
        self._worker.start()

    def stop(self) -> None:
        """Ask the run to end after the frame it computes."""
        self.stop_requested.set()

    def show_progress(self) -> None:
        """Let napari's list of running workers say how far the run is."""
        if self._worker is not None and self._title() != self._shown:
            self._shown = self._title()
            # napari asks for the name when a worker says that it began, and has no other public way to be told.
            self._worker.started.emit()

    def seconds_left(self) -> float | None:
        """Estimate from the frames done so far; None before there are any."""
        done, total, _ = self.progress
        if not done or total <= done:
            return None
        return (time.monotonic() - self._started) / done * (total - done)

    def _note(self, done: int, total: int, stage: str) -> None:
        # Called in the worker; the main thread looks at it when it redraws.
        self.progress = (done, total, stage)

    def _cancel(self) -> None:
        self.stop_requested.set()
        self.cancelled.emit()

    def _title(self) -> str:
        done, total, _ = self.progress
        return f"propagating {done} of {total}" if total else "propagating"

    def _pass_on(self, value: Any) -> None:
        self.frame.emit(value)

    def _end(self) -> None:
        # napari cancels those that have ended as well.
        self._worker.on_quit = None
        self._worker = None
        self.finished.emit(self.stop_requested.is_set(), self._error)


def _outcome(job: Job) -> tuple[Any, Exception | None]:
    try:
        return job(), None
    except Exception as error:  # noqa: BLE001 - carried to the main thread, where the queue reports it
        return None, error


def memory_in_use() -> int:
    """Bytes of main memory that this process takes."""
    return int(psutil.Process().memory_info().rss)
