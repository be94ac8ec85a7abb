"""Track objects along several axes of one volume, and keep what the axes agree on."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from napari_sam2.errors import PromptError
from napari_sam2.session.combining.fusion import fuse_axes
from napari_sam2.session.combining.seeding import copy_range, has_marks, marked_objects, session_like

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_sam2.analysis.consensus import Rule
    from napari_sam2.engine.protocols import FrameResult
    from napari_sam2.session.session import VideoSession


@dataclass(frozen=True)
class AxisResult:
    """One finished frame of one axis.

    Attributes
    ----------
    axis : str
        The axis along which it was tracked.
    session : VideoSession
        That of this axis, which for all axes but the first is there for the moment only.
    result : FrameResult
        As :meth:`VideoSession.propagate` yields it.
    """

    axis: str
    session: VideoSession
    result: FrameResult


@dataclass(frozen=True)
class AxisWork:
    """What is to be computed along one axis, at most: so many frames of so many objects."""

    axis: str
    frames: int
    objects: int
    frame_shape: tuple[int, int]


def axes_work(session: VideoSession, others: Mapping[str, VideoSession | None]) -> list[AxisWork]:
    """Return what :func:`track_axes` of the same arguments will compute at most, in its order."""
    axis = str(session.grid.frame_axis)
    own = {axis: marked_objects(session)} | {a: [] if s is None else marked_objects(s) for a, s in others.items()}
    every = {i for objects in own.values() for i in objects}
    found = []
    if own[axis]:
        found.append(_work(session, axis, len(own[axis]), session.count_stale()[0]))
    found += [_work(session, a, len(own[a])) for a in others if own[a]]
    return found + [_work(session, a, len(every.difference(own[a]))) for a in own if every.difference(own[a])]


def track_axes(
    session: VideoSession, others: Mapping[str, VideoSession | None], rule: Rule = "vote"
) -> Generator[AxisResult, None, list[int]]:
    """Track objects along several axes, and replace what was tracked in a session by what the axes agree on.

    Along each axis an object is tracked from the prompts and accepted masks that it has there; where it has none, from
    its mask on the slice where it is largest, as another axis found it. What is computed along the other axes is
    forgotten when it is done; their sessions are only read. Prompted, edited and locked frames of the session stay as
    they are, and so does all of it where the generator is left before its end.

    Parameters
    ----------
    session
        The one that gets the result, as one step, after a step with what was tracked along its own axis.
    others
        The other axes, each with a session of the same part of the volume that has marks of its own, or None.
    rule
        As of :func:`napari_sam2.fuse_axes`.

    Yields
    ------
    AxisResult
        Each finished frame: its `axis`, the `session` of that axis, and the `result`, as
        :meth:`VideoSession.propagate` yields it.

    Returns
    -------
    list of int
        The frames of the session that the consensus changed, as the value of the generator.

    Raises
    ------
    PromptError
        If nothing is marked along any axis.

    Examples
    --------
    >>> for step in ns.track_axes(session_z, {"y": None, "x": session_x}):  # doctest: +SKIP
    ...     print(step.axis, step.result.frame)
    """
    opinions: list[VideoSession] = []
    axis, objects = str(session.grid.frame_axis), set(session.objects)
    try:
        if has_marks(session):
            yield from _tracked(session)
            opinions.append(session)
        for other_axis, other in others.items():
            if other is not None and has_marks(other):
                opinions.append(_copy(session, other_axis, other))
                yield from _tracked(opinions[-1])
        if not opinions:
            raise PromptError("There is nothing to propagate: add a point, a box or a mask to an object first.")
        for each in (axis, *others):
            seeded = _seeded(session, each, opinions)
            if seeded is not None:
                opinions.append(seeded)
                yield from _tracked(seeded)
        if len(opinions) < 2:
            return []
        fused = fuse_axes(opinions, rule)
        deleted = objects.difference(session.objects)  # By the user, meanwhile.
        if deleted:
            fused[np.isin(fused, list(deleted))] = 0
        return session.take_tracked(fused)
    finally:
        for opinion in opinions:
            if opinion is not session:
                opinion.close()


def _work(session: VideoSession, axis: str, objects: int, frames: int | None = None) -> AxisWork:
    volume = session.volume
    height, width = (volume.size_of(a) for a in volume.spatial_axes if a != axis)
    return AxisWork(axis, volume.size_of(axis) if frames is None else frames, objects, (height, width))


def _tracked(session: VideoSession) -> Iterator[AxisResult]:
    with closing(cast("Generator[FrameResult, None, None]", session.propagate())) as run:
        for result in run:
            yield AxisResult(str(session.grid.frame_axis), session, result)
    session.free_memory()


def _empty(session: VideoSession, axis: str) -> VideoSession:
    """Return a session for the moment along another axis of the same part, with what is forbidden there."""
    fixed = {a: i for a, i in session.grid.at if a not in session.volume.spatial_axes}
    made = session_like(session, axis, fixed)
    forbidden = {k: mask for k in range(session.frame_count) if (mask := session.forbidden(k)) is not None}
    if forbidden:
        where = np.zeros(session.grid.label_shape, bool)
        for frame, mask in forbidden.items():
            where[session.frame_index(frame)] = mask
        made.forbid(where)
    return made


def _copy(session: VideoSession, axis: str, other: VideoSession) -> VideoSession:
    """Return a session for the moment with the prompts and the accepted masks of another one.

    Where prompts correct a mask, or the user changed or locked what they gave, it gets the mask.
    """
    made = _empty(session, axis)
    for obj_id in marked_objects(other):
        masks = other.accepted_masks(obj_id)
        for frame, accepted in other._state.accepted(obj_id).items():
            prompts = accepted.prompts
            if prompts is not None and (accepted.base is None or frame not in masks):
                box = None if prompts.box is None else (prompts.box.y0, prompts.box.x0, prompts.box.y1, prompts.box.x1)
                mask = None if prompts.mask is None else prompts.mask.mask.decode()
                made.set_prompts(obj_id, frame, prompts.coordinates.tolist(), prompts.labels.tolist(), box, mask)
            elif frame in masks:
                made.add_mask(obj_id, frame, masks[frame])
        copy_range(session, made, obj_id)
    return made


def _seeded(session: VideoSession, axis: str, opinions: list[VideoSession]) -> VideoSession | None:
    """Return a session for the moment with the objects that nobody tracked along an axis; None where there are none."""
    known = {i for each in opinions if each.grid.frame_axis == axis for i in marked_objects(each)}
    made: VideoSession | None = None
    for opinion in [each for each in opinions if each.grid.frame_axis != axis]:
        missing = [i for i in marked_objects(opinion) if i not in known]
        if not missing:
            continue
        labels, axes = _part(opinion)
        for obj_id in missing:
            seed = _largest(labels == obj_id, axes.index(axis))
            if seed is not None:
                made = made or _empty(session, axis)
                made.add_mask(obj_id, *seed)
                copy_range(session, made, obj_id)
                known.add(obj_id)
    return made


def _part(session: VideoSession) -> tuple[NDArray[np.uint16], str]:
    """Return the labels of the part that a session works on, and their axes."""
    fixed = dict(session.grid.at)
    axes = session.grid.label_axes
    labels = session.labels()[tuple(fixed.get(a, slice(None)) for a in axes)]
    return labels, "".join(a for a in axes if a not in fixed)


def _largest(stack: NDArray[np.bool_], place: int) -> tuple[int, NDArray[np.bool_]] | None:
    """Return the index along an axis where a mask is largest, and the mask there; None where it is empty."""
    areas = stack.sum(axis=tuple(i for i in range(stack.ndim) if i != place))
    frame = int(areas.argmax())
    return (frame, np.take(stack, frame, axis=place)) if areas[frame] else None
