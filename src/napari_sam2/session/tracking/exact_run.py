"""Exact mode: one run of propagation, in Meta's order of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.errors import PromptError
from napari_sam2.session.log.history import WHOLE
from napari_sam2.session.log.kinds import MASK, PASS, VISIT
from napari_sam2.session.log.records import Visit
from napari_sam2.session.tracking.planning import within_cuts
from napari_sam2.session.tracking.propagation import Run, resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_sam2.engine.protocols import FrameResult
    from napari_sam2.session.log.records import Sign
    from napari_sam2.session.tracking.exact import MetaPredictor
    from napari_sam2.session.tracking.planning import Direction

_SWEEPS: dict[Direction, tuple[Sign, ...]] = {"both": (1, -1), "forward": (1,), "backward": (-1,)}


class ExactRun(Run):
    """Passes as Meta's ``propagate_in_video`` makes them: from the earliest conditioning frame of any object.

    Both directions are two passes. The second begins where the first began; an object that is only prompted elsewhere
    is tracked anew there, and then the frame is yielded once more. Frames that the caller chose are what a pass in
    one direction comes to, from the first of them on.
    """

    def __init__(
        self,
        meta: MetaPredictor,
        direction: Direction,
        frames: Sequence[int],
        objects: Sequence[int] | None,
        progress: Callable[[int, int, str], None] | None,
        are_chosen: bool,
    ) -> None:
        super().__init__(meta.state, direction, frames, objects, force=True, patience=0, progress=progress)
        self._meta = meta
        self._are_chosen = are_chosen and direction != "both"
        self._total = 0

    def results(self) -> Iterator[FrameResult]:
        """Compute and store frame by frame."""
        for sweep in _SWEEPS[self.direction]:
            with self._state.compute, self._state.lock:
                number, objects, frames = self._begin(sweep)
            for frame in frames:
                with self._state.compute, self._state.lock:
                    result = self._visit(number, objects, frame, sweep)
                if result is not None:
                    self._report()
                    yield result

    def count(self) -> tuple[int, int]:
        """Return how many frames a run would come to, and how many masks it would track on them."""
        accepted = {i: self._state.accepted(i) for i in self.objects()}
        if not accepted:
            return 0, 0
        frames = self._planned(min(f for found in accepted.values() for f in found))
        return len(frames), sum(f not in found for f in frames for found in accepted.values())

    def _begin(self, sweep: Sign) -> tuple[int, list[int], list[int]]:
        """Begin a pass; return its number, its objects and its frames, in the order in which it comes to them."""
        history = self._state.history
        self._meta.catch_up()
        number = 1 + max((history.get(PASS, i) or 0 for i in history.objects(PASS)), default=0)
        with history.writing(self._step_to_write()) as put:
            for obj_id in self.objects():
                put(PASS, obj_id, WHOLE, number)
        self._meta.catch_up()
        stream = self._state.exact_stream()
        conditioning = {i: found for i in self.objects() if (found := stream.conditioning(i))}
        if not conditioning:
            raise PromptError("There is nothing to propagate: add a point, a box or a mask to an object first.")
        start = min(found[0] for found in conditioning.values())
        self._total = len(self._planned(start))
        return number, list(conditioning), self._pass(start, sweep)

    def _pass(self, start: int, sweep: Sign) -> list[int]:
        if self._are_chosen:
            return sorted(self.frames, reverse=sweep == -1)
        if sweep == 1:
            return [f for f in self.frames if f >= start]
        return [f for f in reversed(self.frames) if f <= start] if start > 0 else []

    def _planned(self, start: int) -> set[int]:
        return {frame for sweep in _SWEEPS[self.direction] for frame in self._pass(start, sweep)}

    def _visit(self, number: int, objects: list[int], frame: int, sweep: Sign) -> FrameResult | None:
        """Let the pass come to a frame with all objects; None where nothing is new on a frame that was yielded."""
        self._meta.catch_up()
        visited = [i for i in objects if self._may_visit(i, frame)]
        with self._meta.whole_or_nothing():
            computed = {i: pending for i in visited if (pending := self._meta.visit(i, frame, sweep)) is not None}
            with self._meta.writing(self._step_to_write()) as put:
                for obj_id in visited:
                    put(VISIT, obj_id, frame, Visit(number, sweep))
                for obj_id, record in resolved(computed).items():
                    put(MASK, obj_id, frame, record)
        is_new = frame not in self._finished
        self._finished.add(frame)
        return self._result(frame) if is_new or computed else None

    def _may_visit(self, obj_id: int, frame: int) -> bool:
        """Return whether a pass goes there: not beyond the ends of an object, nor to what was locked since it began."""
        history, conditioning = self._state.history, self._state.exact_stream().conditioning(obj_id)
        if not conditioning or not within_cuts(history, obj_id, frame):
            return False
        return frame in conditioning or not self._state.is_locked(obj_id, frame)

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(len(self._finished), max(self._total, len(self._finished)), "propagating")
