"""The time and memory that a run will take, shown before it begins; and encoding ahead while nothing else runs."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_sam2.core.formatting import frame_word
from napari_sam2.errors import NapariSam2Error
from napari_sam2.widgets.workers import JobQueue

if TYPE_CHECKING:
    from napari_sam2.engine.diagnostics.resource_estimate import Calibration, Forecast
    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.interaction.loaded_model import ModelChoice
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.session import VideoSession
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.view_protocols import EncodeAheadView, ForecastView

logger = logging.getLogger(__name__)

REST_MS = 400  # without a change, before anything is computed for the future
CLOSE_S = 1.0


@dataclass(frozen=True)
class RunEstimate:
    """An estimate of the next run of a session; ``forecast`` is None where nothing is to be computed."""

    worker: SessionWorker
    forecast: Forecast | None
    frames_kept: int


class RunEstimator(QObject):
    """Calibrates, forecasts and encodes ahead, one after the other in a worker; all else goes first.

    Parameters
    ----------
    context
        Knows images and sessions.
    run, advanced
        The views.
    """

    def __init__(self, context: ControllerContext, run: ForecastView, advanced: EncodeAheadView) -> None:
        super().__init__(context)
        self._context = context
        self._run, self._advanced = run, advanced
        self._queue = JobQueue(self, "working ahead")
        self._queue.failed.connect(self._on_failed)
        self._calibrations: dict[tuple[ModelChoice, tuple[int, int]], Calibration] = {}
        self._estimate: RunEstimate | None = None
        self._cancel = threading.Event()
        self._paused = threading.Event()
        self._preparing: tuple[int, int] | None = None
        self._model_in_use = context.model_in_use
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._look)
        self._show = QTimer(self)
        self._show.setInterval(200)
        self._show.timeout.connect(self._show_progress)
        self._run.range_changed.connect(self.refresh)
        self._advanced.ahead_changed.connect(lambda on: self.refresh() if on else self._cancel.set())
        self._advanced.prepare_clicked.connect(self.prepare)

    @property
    def busy(self) -> bool:
        """Return whether something is computed for the future, or about to be."""
        return self._queue.busy or self._rest.isActive()

    def refresh(self) -> None:
        """Something may have changed: look again when it has been quiet for a moment."""
        worker = self._context.selection.worker
        known = self._estimate is not None and self._estimate.worker is worker
        if self._context.running or worker is None or not known:
            self._run.set_forecast("", "")
        self._rest.start()

    def pause(self) -> None:
        """Stop working ahead; what was made is kept."""
        self._cancel.set()
        self._paused.set()
        self._rest.stop()

    def close(self) -> None:
        """Stop for good."""
        self.pause()
        self._show.stop()
        self._queue.close()
        # A worker that outlives the window would report to what is gone; most end within a frame.
        if self._model_in_use.acquire(timeout=CLOSE_S):
            self._model_in_use.release()

    def apply(self, worker: SessionWorker) -> None:
        """Let the model do the next run by the plan that fits; called in a worker."""
        estimate = self._estimate
        predictor: Any = self._context.selection.model_cache.loaded
        if estimate is not None and estimate.worker is worker and estimate.forecast is not None:
            estimate.forecast.plan.apply(predictor)

    def prepare(self) -> None:
        """Encode the whole chosen range now; a second call stops it."""
        if self._preparing is not None:
            self.pause()
            return
        worker = self._context.selection.worker
        if worker is None or worker.session is None:
            return
        self.pause()
        self._encode(worker.session, list(self._run.frames()), self._on_prepared)
        self._preparing = (0, 0)
        self._show.start()
        self._advanced.set_preparing(True)

    # ------------------------------------------------------------------ forecast

    def _look(self) -> None:
        context = self._context
        worker, model_cache = context.selection.worker, context.selection.model_cache
        predictor = model_cache.loaded if model_cache.is_ready else None
        session = None if worker is None else worker.session
        if context.running or context.working or self._preparing is not None:
            return
        if worker is None or session is None or predictor is None or session.predictor is not predictor:
            self._run.set_forecast("", "")
            return
        frames, choice = self._run.frames(), model_cache.choice

        if (choice, session.frame_shape) not in self._calibrations:
            self._estimate = None

        def count() -> tuple[int, int]:
            return session.count_stale(frames=frames)

        def estimate(stale: tuple[int, int]) -> None:
            def look() -> RunEstimate | None:
                with self._model_in_use:
                    return self._estimate_run(worker, session, predictor, choice, frames, stale)

            if self._paused.is_set():
                return
            if (choice, session.frame_shape) not in self._calibrations:
                self._show_measuring(stale[1])
            self._queue.submit(look, self._on_estimate, "", key="look")

        self._cancel.set()
        self._paused.clear()
        self._queue.submit(count, estimate, "", key="count")

    def _show_measuring(self, masks: int) -> None:
        """Say what will take a moment; after a run nobody waits for it, only encoding ahead does."""
        if masks:
            self._run.set_forecast("Measuring how fast this model is here …", "Once for each model and size of image.")
        else:
            self._run.set_forecast(self._up_to_date(), "")

    def _estimate_run(
        self,
        worker: SessionWorker,
        session: VideoSession,
        predictor: VideoPredictor,
        choice: ModelChoice,
        frames: range,
        stale: tuple[int, int],
    ) -> RunEstimate | None:
        from napari_sam2.engine.diagnostics.resource_estimate import calibrate, can_calibrate, forecast

        if not can_calibrate(predictor):
            return None
        key = (choice, session.frame_shape)
        if key not in self._calibrations:
            self._calibrations = {key: calibrate(predictor, session.frame_shape, self._paused.is_set)}
        measured = self._calibrations[key]
        budget = predictor.store.budget
        # Nobody asked for files: what is made ahead unasked stays in memory.
        kept = (budget.device + budget.ram) // max(measured.embedding_bytes, 1)
        count, masks = stale
        if not masks:
            return RunEstimate(worker, None, kept)
        objects = max(1, round(masks / count))
        cached = min(count, session.count_encoded(frames))
        found = forecast(predictor, count, objects, session.frame_shape, cached, measured)
        return RunEstimate(worker, found, kept)

    def _on_estimate(self, estimate: RunEstimate | None) -> None:
        self._estimate = estimate
        gone = estimate is None or estimate.worker is not self._context.selection.worker
        if estimate is None or gone or self._context.running:
            self._run.set_forecast("", "")
            return
        found = estimate.forecast
        if found is None:
            self._run.set_forecast(self._up_to_date(), "")
        else:
            self._run.set_forecast(found.short, f"The run takes {found.text}")
        session = estimate.worker.session
        if session is not None and self._advanced.ahead_box.isChecked() and not self._context.running:
            self._encode(session, self._from_here_on(estimate.frames_kept), lambda _: None)

    def _on_failed(self, error: Exception) -> None:
        # The user did not ask for this work, so he is not told that it failed.
        level = logging.INFO if isinstance(error, NapariSam2Error) else logging.WARNING
        logger.log(level, "no forecast: %s", error)
        if self._estimate is None:
            self._run.set_forecast("", "")
        self._on_prepared(0)

    # ------------------------------------------------------------------ encoding ahead

    def _from_here_on(self, most: int) -> list[int]:
        """Return the frames of the chosen range, from the shown one outwards, as many as are kept."""
        here = self._context.selection.shown_frame()
        return sorted(self._run.frames(), key=lambda frame: abs(frame - here))[:most]

    def _encode(self, session: VideoSession, frames: list[int], done: Any) -> None:
        self._cancel = cancel = threading.Event()

        def note(count: int, total: int) -> None:
            if self._preparing is not None:
                self._preparing = (count, total)

        def encode() -> int:
            with self._model_in_use:
                return session.encode_ahead(frames, cancelled=cancel.is_set, progress=note)

        self._queue.submit(encode, done, "", key="encode")

    def _up_to_date(self) -> str:
        return f"All {self._slices()} are up to date."

    def _slices(self) -> str:
        worker = self._context.selection.worker
        return frame_word(None if worker is None else worker.grid.frame_axis, 2)

    def _show_progress(self) -> None:
        if self._preparing is not None:
            self._context.show_message("Preparing {}: {} of {}.".format(self._slices(), *self._preparing))

    def _on_prepared(self, made: int) -> None:
        if self._preparing is None:
            return
        count, total = self._preparing
        self._preparing = None
        self._show.stop()
        self._advanced.set_preparing(False)
        if total:
            self._context.show_message(f"{count} of {total} {self._slices()} are prepared, {made} of them just now.")
        else:
            self._context.show_message(
                "This model sees each object through a window of its own; nothing can be prepared."
            )
