"""Runs through more than the frames of one session: along several axes, and through time. No Qt."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, MutableMapping
from contextlib import closing
from typing import TYPE_CHECKING, cast

from napari_sam2.errors import SessionBusyError
from napari_sam2.interaction.update import draw_frames
from napari_sam2.session.combining.consensus import axes_work, track_axes
from napari_sam2.session.combining.time_points import track_4d

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Mapping

    from napari_sam2.analysis.consensus import Rule
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.interaction.update import DrawnFrame
    from napari_sam2.session import VideoSession
    from napari_sam2.session.combining.time_points import Seeds, TimePointResult

    Progress = Callable[[int, int, str], None]


def run_axes(
    worker: SessionWorker,
    others: Mapping[str, SessionWorker],
    rule: Rule,
    stop: threading.Event,
    progress: Progress,
) -> Iterator[DrawnFrame]:
    """Track along all axes, and yield each frame that is to be drawn along the first: as tracked, then as agreed on.

    Parameters
    ----------
    worker
        The session that gets the result.
    others
        Those along the other axes, whose marks count.
    rule
        As of :func:`napari_sam2.fuse_axes`.
    stop
        Ends the run after the frame in which it is set; what was tracked along the first axis stays.
    progress
        Called as ``progress(done, total, stage)``.
    """
    if worker.closed:
        return
    session = worker.open()
    sessions = {axis: other.session for axis, other in others.items()}
    total = sum(work.frames for work in axes_work(session, sessions))
    changed: list[int] = []
    with closing(track_axes(session, sessions, rule)) as steps:
        for done in itertools.count(1):
            try:
                step = next(steps)
            except StopIteration as end:
                changed = end.value
                break
            progress(min(done, total), total, f"along {step.axis}")
            if step.session is session:
                yield session.frame_index(step.result.frame), session.frame_labels(step.result.frame)
            if stop.is_set():
                return
    yield from draw_frames(session, changed)


def run_through_time(
    worker: SessionWorker,
    workers: Mapping[int, SessionWorker],
    times: list[list[int]],
    seeds: Seeds,
    moves: bool,
    stop: threading.Event,
    progress: Progress,
) -> Iterator[DrawnFrame]:
    """Track the stack of one time point, and from it those of others; yields each frame that is finished.

    Parameters
    ----------
    worker
        The session of the time point to begin with.
    workers
        Those of all time points, by their index; one without a session gets it when its stack is begun.
    times
        Ways to go: time points in the order in which to come to them, each from the one before.
    seeds, moves
        As of :func:`napari_sam2.track_4d`.
    stop
        Ends the run after the frame in which it is set; what is finished stays in the sessions.
    progress
        Called as ``progress(done, total, stage)``.
    """
    if worker.closed:
        return
    session, known, done = worker.open(), _Sessions(workers), 0
    total = session.frame_count * (1 + sum(len(way) for way in times))
    for way in times or [[]]:
        run = track_4d(session, way, seeds=seeds, moves=moves, sessions=known)
        with closing(cast("Generator[TimePointResult, None, None]", run)) as steps:
            for step in steps:
                done += 1
                progress(done, total, f"time point {step.time}")
                frame = step.result.frame
                yield step.session.frame_index(frame), step.session.frame_labels(frame)
                if stop.is_set():
                    return


class _Sessions(MutableMapping[int, "VideoSession"]):
    """The sessions of the time points, as :func:`track_4d` keeps them."""

    def __init__(self, workers: Mapping[int, SessionWorker]) -> None:
        self._workers = workers

    def __getitem__(self, time: int) -> VideoSession:
        session = self._workers[time].session if time in self._workers else None
        if session is None:
            raise KeyError(time)
        return session

    def __setitem__(self, time: int, session: VideoSession) -> None:
        worker = self._workers[time]
        if worker.session is session:
            return
        if worker.closed:
            raise SessionBusyError("The image, or its session, was closed during the run.")
        worker.session = session
        # It gets its file at once, so that a crash loses nothing of what follows.
        worker.change(lambda _: None, ())

    def __delitem__(self, time: int) -> None:
        raise KeyError(time)

    def __iter__(self) -> Iterator[int]:
        return (time for time in self._workers if time in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, time: object) -> bool:
        try:
            return isinstance(time, int) and self[time] is not None
        except KeyError:
            return False
