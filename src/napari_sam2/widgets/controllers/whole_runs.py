"""Runs along all axes of a volume, and through the time points of a series of volumes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_sam2.core.formatting import duration, frame_word
from napari_sam2.interaction.whole_runs import run_axes, run_through_time
from napari_sam2.session.combining.consensus import AxisWork, axes_work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.analysis.consensus import Rule
    from napari_sam2.engine.diagnostics.resource_estimate import Calibration
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.session.combining.time_points import Seeds
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.propagating import Propagating


class WholeRuns(QObject):
    """Says what such a run takes, and begins it; progress and stop are those of every run.

    Parameters
    ----------
    context
        Knows the image and its sessions.
    propagating
        Begins runs.
    """

    # What the run that was asked about takes.
    priced = Signal(str)

    def __init__(self, context: ControllerContext, propagating: Propagating) -> None:
        super().__init__(context)
        self._context, self._selection, self._propagating = context, context.selection, propagating
        self._calibrations: dict[tuple[Any, tuple[int, int]], Calibration] = {}

    # ------------------------------------------------------------------ all axes

    def why_not_axes(self) -> str:
        """Return why the objects cannot be followed along all axes; empty where they can."""
        worker = self._selection.worker
        if worker is None:
            return "there is no image to work on; open one first."
        if worker.grid.frame_axis in (None, "t"):
            return "the image is followed along time; choose another axis." if worker.grid.frame_axis else "it is 2-D."
        return self._why_not(worker, list(self._others(worker).values()))

    def price_axes(self) -> None:
        """Find out what a run along all axes takes; :attr:`priced` says it."""
        worker = self._selection.worker
        if worker is None or self.why_not_axes():
            return
        others = self._others(worker)

        def look() -> str:
            for each in (worker, *others.values()):
                each.sync(preview=False)
            return self._text(axes_work(worker.open(), {axis: other.session for axis, other in others.items()}))

        self._context.queue(look, self.priced.emit, "Measuring how long it takes…")

    def run_axes(self, rule: Rule) -> None:
        """Follow all objects along all axes, and keep what the axes agree on."""
        worker = self._selection.worker
        if worker is None or self.why_not_axes():
            return
        others = self._others(worker)
        frames = range(worker.grid.frame_count)
        self._propagating.begin("both", frames, partial(run_axes, worker, others, rule), list(others.values()))

    def _others(self, worker: SessionWorker) -> dict[str, SessionWorker]:
        axes = [axis for axis in worker.volume.spatial_axes if axis != worker.grid.frame_axis]
        found = {axis: self._selection.worker_along(axis) for axis in axes}
        return {axis: other for axis, other in found.items() if other is not None}

    # ------------------------------------------------------------------ time

    def why_not_time(self) -> str:
        """Return why the objects cannot be followed through time as well; empty where they can."""
        worker = self._selection.worker
        if worker is None:
            return "there is no image to work on; open one first."
        if "t" not in dict(worker.grid.at) or worker.grid.frame_axis is None:
            if "t" in worker.volume.axes and len(worker.volume.spatial_axes) == 3:
                return "the image is followed along time alone; choose z."
            return "the image is no series of volumes."
        return self._why_not(worker, [])

    def price_time(self) -> None:
        """Find out what a run through all time points takes; :attr:`priced` says it."""
        worker = self._selection.worker
        if worker is None or self.why_not_time():
            return

        def look() -> str:
            worker.sync(preview=False)
            count, shape = worker.grid.frame_count, worker.grid.frame_shape
            objects = max(1, len(worker.open().objects))
            axis, times = str(worker.grid.frame_axis), worker.volume.size_of("t")
            return self._text([AxisWork(axis, count * times, objects, shape)], f" at {times} time points")

        self._context.queue(look, self.priced.emit, "Measuring how long it takes…")

    def run_time(self, forward: bool, backward: bool, seeds: Seeds = "middle", moves: bool = True) -> None:
        """Follow all objects through the stack that is shown, and from there from time point to time point."""
        worker = self._selection.worker
        if worker is None or self.why_not_time():
            return
        here, count = dict(worker.grid.at)["t"], worker.volume.size_of("t")
        axis = str(worker.grid.frame_axis)
        found = {time: self._selection.worker_along(axis, t=time) for time in range(count)}
        workers = {time: each for time, each in found.items() if each is not None}
        ways = [list(range(here + 1, count))] if forward else []
        if backward:
            ways.append(list(range(here - 1, -1, -1)))
        steps = partial(run_through_time, worker, workers, ways, seeds, moves)
        self._propagating.begin("both", range(worker.grid.frame_count), steps, list(workers.values()))

    # ------------------------------------------------------------------ inside

    def _why_not(self, worker: SessionWorker, others: Sequence[SessionWorker]) -> str:
        if self._context.running:
            return "a run is under way; stop it first."
        every = (worker, *others)
        if not any(each.pending.shown or any(o.prompts or o.frames for o in each.objects.values()) for each in every):
            return "nothing is marked yet; place a point or a box first."
        return ""

    def _text(self, works: list[AxisWork], where: str = "") -> str:
        """Say what is to be computed, and how long that takes at most; called in a worker."""
        counts = ", ".join(f"{work.frames} {frame_word(work.axis, work.frames)} along {work.axis}" for work in works)
        seconds = self._seconds(works)
        takes = "" if seconds is None else f" That takes at most about {duration(seconds)}."
        return f"To compute: {counts}{where}.{takes}"

    def _seconds(self, works: list[AxisWork]) -> float | None:
        from napari_sam2.engine.diagnostics.resource_estimate import calibrate, can_calibrate, forecast

        cache = self._selection.model_cache
        predictor = cache.get()
        if not can_calibrate(predictor):
            return None
        total = 0.0
        with self._context.model_in_use:
            for work in works:
                key = cache.choice, work.frame_shape
                if key not in self._calibrations:
                    self._calibrations[key] = calibrate(predictor, work.frame_shape)
                measured = self._calibrations[key]
                total += forecast(predictor, work.frames, work.objects, work.frame_shape, 0, measured).seconds
        return total
