"""A propagation as the dock widget shows it: frames into the labels layer, progress, stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from napari.utils import progress
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.core.formatting import duration, frame_word
from napari_sam2.widgets.workers import FrameRun

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from napari.layers import Labels

    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.layers.stroke_recorder import StrokeRecorder
    from napari_sam2.session.tracking.planning import Direction

    # Called with what stops the run and what takes its progress; gives the finished frames.
    Steps = Callable[[threading.Event, Callable[[int, int, str], None]], Iterator[Any]]

# Drawing a large labels layer costs more than computing a small frame; the eye needs no more than this.
REFRESH_MS = 100


class RunController(QObject):
    """Starts a run, writes its frames as they come, and draws them ten times a second."""

    progressed = Signal(int, int, str)
    finished = Signal(object, str, object, bool)
    # napari is about to close the window.
    cancelled = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run: FrameRun | None = None
        self._stroke_recorder: StrokeRecorder | None = None
        self._worker: SessionWorker | None = None
        self._activity: Any = None
        self._written = 0
        self._dirty = False
        self._end_reason = ""
        self._started = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._draw)

    @property
    def running(self) -> bool:
        """Return whether a run is under way."""
        return self._run is not None

    @property
    def worker(self) -> SessionWorker | None:
        """Return the session that is running."""
        return self._worker

    @property
    def labels(self) -> Labels | None:
        """Return the layer that the run draws into."""
        return None if self._stroke_recorder is None else self._stroke_recorder.labels

    def start(
        self,
        worker: SessionWorker,
        stroke_recorder: StrokeRecorder,
        direction: Direction,
        frames: range,
        steps: Steps | None = None,
    ) -> None:
        """Begin a run, of other steps than those of the session if some are given; one at a time."""
        self._worker, self._stroke_recorder = worker, stroke_recorder
        self._written, self._started, self._end_reason = 0, time.monotonic(), ""
        run = self._run = FrameRun(self)
        run.frame.connect(self._on_frame)
        run.finished.connect(self._on_finished)
        run.cancelled.connect(self.cancelled)
        self.progressed.emit(0, 0, "")
        self._activity = progress(total=len(frames), desc="SAM 2: propagating")
        run.start(steps or (lambda stop, progress: worker.run(direction, frames, stop, progress)))
        self._timer.start()

    def stop(self) -> None:
        """Ask the run to end after the frame being computed; what is finished stays."""
        if self._run is not None:
            self._run.stop()

    def abandon(self, reason: str = "") -> None:
        """Stop, and touch the labels layer no more; what is finished stays in the session.

        For when the image or the labels layer leaves the viewer: nothing that the run makes has a place there any more,
        and redrawing after it was seen to end the process with some software renderers.
        """
        self._timer.stop()
        self._stroke_recorder, self._dirty, self._end_reason = None, False, reason
        self.stop()

    @property
    def _axis(self) -> str | None:
        return None if self._worker is None else self._worker.grid.frame_axis

    @property
    def status(self) -> str:
        """Return the text of the status line on the run; empty without one."""
        if self._run is None:
            return ""
        done, total, _ = self._run.progress
        ending = "Stopping" if self._run.stop_requested.is_set() else "Propagating"
        return f"{ending}, {done} of {total} {frame_word(self._axis, total)}" if total else f"{ending}…"

    def _on_frame(self, frame: Any) -> None:
        self._written += 1
        if self._stroke_recorder is not None:
            self._stroke_recorder.write([frame])
            self._dirty = True

    def _draw(self) -> None:
        if self._dirty and self._stroke_recorder is not None:
            self._dirty = False
            self._stroke_recorder.labels.refresh()
        if self._run is not None:
            done, total, stage = self._run.progress
            left = self._run.seconds_left()
            text = f"{done} of {total} {frame_word(self._axis, total)}"
            if left is not None:
                text += f", {duration(left)} left"
            self.progressed.emit(done, total, text if total else stage)
            self._run.show_progress()
            if self._activity is not None and total:
                self._activity.total = total
                self._activity.update(done - self._activity.n)

    def _on_finished(self, stopped: bool, error: Exception | None) -> None:
        self._timer.stop()
        self._draw()
        if self._activity is not None:
            self._activity.close()
            self._activity = None
        run, worker, axis = self._run, self._worker, self._axis
        self._run = self._worker = self._stroke_recorder = None
        if run is not None:
            run.deleteLater()
        seconds = time.monotonic() - self._started
        each = f", {1000 * seconds / self._written:.0f} ms each" if self._written else ""
        verb = "Stopped after" if stopped else "Computed"
        count = f"{self._written} {frame_word(axis, self._written)}"
        text = f"{verb} {count}{each}." if self._written or stopped else "Nothing was left to compute."
        if self._end_reason:
            text = f"{text} {self._end_reason}"
        self.finished.emit(worker, text, error, stopped)
