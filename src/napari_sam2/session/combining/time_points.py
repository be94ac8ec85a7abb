"""Track through space and time: each finished stack seeds that of the next time point."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np

from napari_sam2.errors import PromptError
from napari_sam2.session.combining.seeding import copy_range, has_marks, session_like

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, MutableMapping

    from numpy.typing import NDArray

    from napari_sam2.engine.protocols import FrameResult
    from napari_sam2.session.session import VideoSession

Seeds = Literal["middle", "accepted"]


@dataclass(frozen=True)
class TimePointResult:
    """One finished frame of the stack of one time point.

    Attributes
    ----------
    time : int
        Index of the time point.
    session : VideoSession
        That of this time point.
    result : FrameResult
        As :meth:`VideoSession.propagate` yields it.
    """

    time: int
    session: VideoSession
    result: FrameResult


def track_4d(
    session: VideoSession,
    times: Iterable[int] | None = None,
    *,
    seeds: Seeds = "middle",
    moves: bool = True,
    sessions: MutableMapping[int, VideoSession] | None = None,
    out: Any | None = None,
) -> Iterator[TimePointResult]:
    """Track objects through a stack, and the stack through time; a generator that may be left at any yield.

    The stack of the first time point is tracked from its prompts. Then, time point by time point, some slices of each
    object are followed to the next one, where their masks are the prompts from which its stack is tracked. An object
    without a voxel left has ended, and is not handed on.

    What is kept: each time point has a session of its own, in ``sessions`` from its first prompt on, with its masks,
    its steps and undo; ``out`` holds the labels of all. The model's memory of a stack is freed when it is finished. To
    go on after a stop, call it again with the same ``sessions``: a time point whose session there has marks is not
    seeded again, and of its stack only what is stale is computed, so that corrections in it stay and are what seeds the
    next. Take the later ones out of ``sessions`` to have them seeded anew after a correction.

    Parameters
    ----------
    session
        On one time point, ``at={"t": …}``, with prompts. Its model, contrast, channels and rules are those of all.
    times
        Time points in the order in which to come to them, each from the one before; default all after the first. Give
        ``range(t - 1, -1, -1)`` to go back in time.
    seeds
        The slices of an object that are handed on: ``"middle"``, that in the middle of it, or ``"accepted"``, all that
        are prompted, edited or locked.
    moves
        Whether these slices are tracked from one time point to the next, so that objects may move; else their masks are
        handed on as they are.
    sessions
        Sessions by time point, which is filled; default a new dict.
    out
        Array on the grid of the labels to write into, frame by frame.

    Yields
    ------
    TimePointResult
        Each finished frame, already stored in the session of its time point, and in ``out``.

    Raises
    ------
    PromptError
        If the session is not on one time point, has no prompts, or there is no such time point.
    SessionBusyError
        If a session was closed, or if a run is under way in it.

    Examples
    --------
    >>> session = ns.VideoSession(predictor, volume, "z", at={"t": 0})  # doctest: +SKIP
    >>> session.add_points(1, 12, [(180, 210)])  # doctest: +SKIP
    >>> labels = session.labels()  # doctest: +SKIP
    >>> for step in ns.track_4d(session, out=labels):  # doctest: +SKIP
    ...     print(step.time, step.result.frame)
    """
    start, wanted = _checked(session, times, seeds)
    if out is not None and tuple(out.shape) != session.grid.label_shape:
        raise PromptError(f"out has shape {tuple(out.shape)}, but the labels have {session.grid.label_shape}.")
    known: MutableMapping[int, VideoSession] = {} if sessions is None else sessions
    known[start] = session
    return _steps(known, start, wanted, seeds, moves, out)


def _steps(
    known: MutableMapping[int, VideoSession], start: int, wanted: list[int], seeds: Seeds, moves: bool, out: Any | None
) -> Iterator[TimePointResult]:
    yield from _stack(start, known[start], out)
    last = start
    for time in wanted:
        if time not in known or not has_marks(known[time]):
            found = _handed_on(known[last], last, time, seeds, moves)
            if not found:
                # All objects have ended.
                return
            known[time] = _seeded(known[last], time, found, known.get(time))
        yield from _stack(time, known[time], out)
        last = time


def _stack(time: int, session: VideoSession, out: Any | None) -> Iterator[TimePointResult]:
    """Track through the stack of one time point, and free what the model remembers of it."""
    computed = set()
    with closing(cast("Generator[FrameResult, None, None]", session.propagate())) as run:
        for result in run:
            if out is not None:
                out[session.frame_index(result.frame)] = session.frame_labels(result.frame)
            computed.add(result.frame)
            yield TimePointResult(time, session, result)
    if out is not None:
        for frame in set(range(session.frame_count)) - computed:
            out[session.frame_index(frame)] = session.frame_labels(frame)
    session.free_memory()


def _handed_on(
    session: VideoSession, time: int, to: int, seeds: Seeds, moves: bool
) -> dict[tuple[int, int], NDArray[np.bool_]]:
    """Return the masks of the next time point by object and frame, where they are prompts."""
    # Under the overlap rule, as the user sees them.
    pictures = [session.frame_labels(frame) for frame in range(session.frame_count)]
    shown: dict[int, list[int]] = {}
    for frame, picture in enumerate(pictures):
        for obj_id in np.unique(picture[picture > 0]).tolist():
            shown.setdefault(obj_id, []).append(frame)
    found = {}
    for obj_id, frames in shown.items():
        accepted = session.accepted_masks(obj_id) if seeds == "accepted" else {}
        middle = len(frames) // 2
        for frame in [f for f in frames if f in accepted] or frames[middle : middle + 1]:
            found[obj_id, frame] = pictures[frame] == obj_id
    if not moves:
        return found
    moved = {}
    for frame in sorted({frame for _, frame in found}):
        masks = {obj_id: mask for (obj_id, f), mask in found.items() if f == frame}
        moved.update({(obj_id, frame): mask for obj_id, mask in _moved(session, frame, time, to, masks).items()})
    return moved


def _moved(
    session: VideoSession, frame: int, time: int, to: int, masks: dict[int, NDArray[np.bool_]]
) -> dict[int, NDArray[np.bool_]]:
    """Return the masks of one slice at another time point, tracked through the time points between."""
    axis = session.grid.frame_axis
    at = {a: i for a, i in session.grid.at if a != "t"}
    along = session_like(session, "t", at if axis is None else {**at, axis: frame})
    for obj_id, mask in masks.items():
        along.add_mask(obj_id, time, mask)
        copy_range(session, along, obj_id)
    for _ in along.propagate("forward" if to > time else "backward", frames=[to]):
        pass
    tracked = {obj_id: along.mask(obj_id, to) for obj_id in masks}
    along.close()
    return {obj_id: mask for obj_id, mask in tracked.items() if mask is not None and mask.any()}


def _seeded(
    session: VideoSession, time: int, masks: dict[tuple[int, int], NDArray[np.bool_]], there: VideoSession | None
) -> VideoSession:
    """Return the session of another time point, a new one if none is there, with these masks as prompts."""
    if there is None:
        there = session_like(session, session.grid.frame_axis, {**dict(session.grid.at), "t": time})
    known = set(there.objects)
    for (obj_id, frame), mask in masks.items():
        there.add_mask(obj_id, frame, mask)
    for obj_id, info in session.objects.items():
        if obj_id in there.objects and obj_id not in known:
            there.rename_object(obj_id, info.name)
            there.recolor_object(obj_id, info.color)
            copy_range(session, there, obj_id)
    return there


def _checked(session: VideoSession, times: Iterable[int] | None, seeds: str) -> tuple[int, list[int]]:
    """Return the time point of a session, and those that come after it."""
    if seeds not in get_args(Seeds):
        raise PromptError(f"seeds={seeds!r} must be one of {', '.join(get_args(Seeds))}.")
    start = dict(session.grid.at).get("t")
    if start is None or session.grid.frame_axis is None:
        raise PromptError(
            "track_4d needs a session along a spatial axis on one time point of a volume with time: "
            "open it with at={'t': …}."
        )
    if session.exact:
        raise PromptError("track_4d does not work in exact mode: Meta's predictor knows no volumes through time.")
    if not has_marks(session):
        raise PromptError("There is nothing to propagate: add a point, a box or a mask to an object first.")
    count = session.volume.size_of("t")
    wanted = list(range(start + 1, count) if times is None else times)
    for time in wanted:
        if isinstance(time, bool) or not isinstance(time, int | np.integer) or not 0 <= time < count:
            raise PromptError(f"There is no time point {time!r}: the image has time points 0 to {count - 1}.")
    return start, [int(time) for time in wanted if time != start]
