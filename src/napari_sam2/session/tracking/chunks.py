"""A run over more objects than the model can hold: one chunk of them after the other, as one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.engine.protocols import BoundsObjects
from napari_sam2.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_sam2.engine.protocols import FrameResult
    from napari_sam2.session.log.history import Step
    from napari_sam2.session.state.session_state import SessionState
    from napari_sam2.session.tracking.propagation import Run

    Progress = Callable[[int, int, str], None]
    MakeRun = Callable[[Sequence[int] | None, Progress | None, Step | None, Sequence[Sequence[int]]], Run]


class ChunkedRun:
    """A run that takes its objects in chunks where they are too many; else it is the run that it was made from.

    Each chunk goes through all its frames before the next begins, and then gives back what the model held of it. So a
    frame comes once for each chunk that has something to compute there.

    Parameters
    ----------
    state
        The session.
    chosen
        The objects, or None for all.
    chunk
        The most objects at once; ``"auto"``: as many as the model says that fit; None: all.
    make_run
        Makes a run of ``(objects, progress, step, chunks)``.
    progress
        Called as ``progress(done, total, stage)``.
    """

    def __init__(
        self,
        state: SessionState,
        chosen: Sequence[int] | None,
        chunk: int | str | None,
        make_run: MakeRun,
        progress: Progress | None,
    ) -> None:
        self._state = state
        self._chosen = chosen
        self._chunk = _checked(chunk)
        self._make_run = make_run
        self._progress = progress

    def results(self) -> Iterator[FrameResult]:
        """Compute and store frame by frame, chunk by chunk."""
        with self._state.compute:
            size = self._size()
            with self._state.lock:
                chunks = self._chunks(size)
        if len(chunks) < 2:
            yield from self._make_run(self._chosen, self._progress, None, ()).results()
            return
        yield from self._in_chunks(chunks)

    def _size(self) -> int | None:
        if self._chunk != "auto":
            return None if self._chunk is None else int(self._chunk)
        stream = self._state.stream()
        return max(1, stream.objects_that_fit()) if isinstance(stream, BoundsObjects) else None

    def _chunks(self, size: int | None) -> list[list[int]]:
        if size is None or len(self._state.object_ids()) <= size:
            return []
        due = self._make_run(self._chosen, None, None, ()).due_objects()
        return [due[start : start + size] for start in range(0, len(due), size)]

    def _in_chunks(self, chunks: list[list[int]]) -> Iterator[FrameResult]:
        step: Step | None = None
        with self._state.lock:
            done, frames = 0, [self._make_run(c, None, None, ()).count()[0] for c in chunks]
        for number, chunk in enumerate(chunks):
            run = self._make_run(chunk, self._told(done, sum(frames[number + 1 :])), step, chunks)
            yield from run.results()
            step, done = run.step, done + frames[number]
            with self._state.compute, self._state.lock:
                self._state.forget_tracks(chunk)
        if self._chosen is None:
            # What was prompted meanwhile.
            first = {i for chunk in chunks for i in chunk}
            with self._state.lock:
                late = [i for i in self._make_run(None, None, None, ()).due_objects() if i not in first]
            yield from self._make_run(late, self._told(done, 0), step, chunks).results()

    def _told(self, before: int, after: int) -> Progress | None:
        """Return what a chunk reports its progress to, as part of the whole."""
        progress = self._progress
        if progress is None:
            return None
        return lambda done, total, stage: progress(before + done, before + total + after, stage)


def _checked(chunk: int | str | None) -> int | str | None:
    is_count = isinstance(chunk, int | np.integer) and not isinstance(chunk, bool) and chunk > 0
    if chunk is None or chunk == "auto" or is_count:
        return chunk
    raise PromptError(f"chunk={chunk!r} must be 'auto', a number of objects, or None for all at once.")
