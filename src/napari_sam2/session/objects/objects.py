"""The objects of a session: what is shown of them, their order, their ends, and two made one."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from napari_sam2.core.colors import object_color
from napari_sam2.core.masks import RunLengthMask
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.history import WHOLE
from napari_sam2.session.log.kinds import CUT_ABOVE, CUT_BELOW, KINDS, LOCK, MASK, OBJECT, PROMPTS, REVIEW
from napari_sam2.session.log.records import MaskRecord, ObjectRecord, Review
from napari_sam2.session.objects import lineage
from napari_sam2.session.state import checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.session.log.history import History, Put
    from napari_sam2.session.log.kinds import Kind
    from napari_sam2.session.state.session_state import SessionState

Side = Literal["above", "below"]
_CONTENT = [kind for kind in KINDS.values() if kind.is_content]
_CUTS: dict[Side, Kind[int]] = {"above": CUT_ABOVE, "below": CUT_BELOW}


@dataclass(frozen=True)
class ObjectInfo:
    """One object as shown to the user.

    ``color`` is ``(r, g, b)`` in 0…1, ``state`` "empty", "in progress" or "reviewed" (every frame with a mask is
    locked), ``prompts`` the number of prompted frames, ``frames`` the number of frames with a non-empty mask,
    ``voxels`` the number of pixels in all masks, ``review`` what a reader said, None where nobody did.
    """

    name: str
    color: tuple[float, float, float]
    state: Literal["empty", "in progress", "reviewed"]
    prompts: int
    frames: int
    voxels: int
    review: Review | None = None


def describe_all(state: SessionState) -> dict[int, ObjectInfo]:
    """Return what is shown of the objects, by id and in their order."""
    with state.lock:
        return {obj_id: _describe(state, obj_id) for obj_id in state.object_ids()}


def _describe(state: SessionState, obj_id: int) -> ObjectInfo:
    history = state.history
    record = state.object_record(obj_id)
    areas = {f: a for f, m in history.frames(MASK, obj_id).items() if (a := m.mask.area)}
    prompts = len(history.frames(PROMPTS, obj_id))
    locked = history.frames(LOCK, obj_id)
    progress: Literal["empty", "in progress", "reviewed"] = "empty"
    if areas or prompts:
        progress = "reviewed" if areas and all(f in locked for f in areas) else "in progress"
    found = history.get(REVIEW, obj_id)
    return ObjectInfo(record.name, record.color, progress, prompts, len(areas), sum(areas.values()), found)


def ensure(state: SessionState, put: Put, obj_id: int) -> None:
    """Make the object if it is new, as the last in the order."""
    if not state.has_object(obj_id):
        ids = state.object_ids()
        rank = state.object_record(ids[-1]).rank + 1 if ids else 0
        put(OBJECT, obj_id, WHOLE, ObjectRecord(f"object {obj_id}", object_color(obj_id), rank))


def new_ids(state: SessionState, count: int) -> list[int]:
    """Return ids for new objects: those after the largest, else what is free below; PromptError if too few are."""
    largest = max(state.object_ids(), default=0)
    after = range(largest + 1, checks.LARGEST_ID + 1)
    free = itertools.chain(after, (i for i in range(1, largest) if not state.has_object(i)))
    found = list(itertools.islice(free, count))
    if len(found) < count:
        raise PromptError(
            f"There is room for {len(found)} more objects, not for {count}: a session has at most {checks.LARGEST_ID}."
        )
    return found


# ---------------------------------------------------------------------- steps


def reset(state: SessionState, obj_id: int) -> None:
    """Remove all prompts, masks and locks of an object; the object itself stays."""
    with _changing(state, step_names.RESET_OBJECT, obj_id) as put:
        _clear(state.history, put, obj_id)


def delete(state: SessionState, obj_id: int) -> None:
    """Remove an object with all that belongs to it."""
    with _changing(state, step_names.DELETE_OBJECT, obj_id) as put:
        _clear(state.history, put, obj_id)
        put(OBJECT, obj_id, WHOLE, None)
        lineage.remove(state.history, put, obj_id)


def rename(state: SessionState, obj_id: int, name: str) -> None:
    """Give an object another name."""
    with _changing(state, step_names.RENAME_OBJECT, obj_id) as put:
        put(OBJECT, obj_id, WHOLE, replace(state.object_record(obj_id), name=name))


def recolor(state: SessionState, obj_id: int, color: Sequence[float]) -> None:
    """Give an object another colour ``(r, g, b)``, each in 0…1."""
    r, g, b = (float(c) for c in color)
    if not all(0 <= c <= 1 for c in (r, g, b)):
        raise PromptError(f"color={tuple(color)!r} must be red, green and blue, each from 0 to 1.")
    with _changing(state, step_names.RECOLOR_OBJECT, obj_id) as put:
        put(OBJECT, obj_id, WHOLE, replace(state.object_record(obj_id), color=(r, g, b)))


def move(state: SessionState, obj_id: int, position: int) -> None:
    """Give an object another place in the order, 0 the first."""
    with _changing(state, step_names.MOVE_OBJECT, obj_id) as put:
        _reorder(state, put, obj_id, position)


def merge(state: SessionState, into: int, other: int) -> None:
    """Add the masks of one object to another and delete it."""
    if into == other:
        raise PromptError(f"Object {into} cannot be merged with itself.")
    with _changing(state, step_names.MERGE_OBJECTS, into) as put:
        checks.check_object(state, other)
        _merge(state, put, into, other)


@contextmanager
def _changing(state: SessionState, name: str, obj_id: int) -> Iterator[Put]:
    with state.lock:
        checks.check_object(state, obj_id)
        with state.history.step(name, obj_id=obj_id) as put:
            yield put


def _clear(history: History, put: Put, obj_id: int) -> None:
    """Remove everything of an object but the object itself."""
    for kind in _CONTENT:
        for frame in list(history.frames(kind, obj_id)):
            put(kind, obj_id, frame, None)


def _reorder(state: SessionState, put: Put, obj_id: int, position: int) -> None:
    """Give an object another place in the order, 0 the first."""
    known = state.object_ids()
    ids = [i for i in known if i != obj_id]
    ids.insert(position, obj_id)
    if ids == known:
        return
    for rank, i in enumerate(ids):
        put(OBJECT, i, WHOLE, replace(state.object_record(i), rank=rank))


def _merge(state: SessionState, put: Put, into: int, other: int) -> None:
    """Add the masks of one object to another and delete it.

    Frames that gain from it count as drawn by hand: no prompt of ``into`` could bring them about again. The others
    stay as they are.
    """
    history = state.history
    for frame, record in list(history.frames(MASK, other).items()):
        mine = state.mask_record(into, frame)
        union = record.mask if mine is None else RunLengthMask.encode(mine.mask.decode() | record.mask.decode())
        if record.mask.area == 0 or (mine is not None and mine.mask == union):
            continue
        put(MASK, into, frame, MaskRecord(union, "edit"))
        lock(state, put, into, frame)
        uncut(history, put, into, frame)
    _clear(history, put, other)
    put(OBJECT, other, WHOLE, None)
    lineage.merge(history, put, into, other)


# ---------------------------------------------------------------------- parts of a step


def lock(state: SessionState, put: Put, obj_id: int, frame: int) -> None:
    """Lock a frame of an object; the number tells in which order the objects of a frame were locked."""
    if not state.is_locked(obj_id, frame):
        taken = [state.history.get(LOCK, i, frame) or 0 for i in state.object_ids()]
        put(LOCK, obj_id, frame, 1 + max(taken, default=0))


def give_pixels(state: SessionState, put: Put, obj_id: int, frame: int, taken: NDArray[np.bool_]) -> None:
    """Take drawn pixels away from the other objects of a frame, except where those are locked."""
    for other in state.object_ids():
        record = state.mask_record(other, frame)
        if other == obj_id or record is None or state.is_locked(other, frame):
            continue
        left = RunLengthMask.encode(record.mask.decode() & ~taken)
        if left != record.mask:
            put(MASK, other, frame, replace(record, mask=left))


# ---------------------------------------------------------------------- the ends of an object


def cut(history: History, put: Put, obj_id: int, frame: int, side: Side, frame_count: int, word: str = "frame") -> None:
    """End an object at a frame, which errors call ``word``: what lies beyond is removed, and no run goes there.

    Nothing changes where no frame lies beyond, or where the object was cut already before it.

    Raises
    ------
    PromptError
        If a locked frame lies beyond.
    """
    beyond = {
        kind: [f for f in history.frames(kind, obj_id) if f != WHOLE and (f > frame if side == "above" else f < frame)]
        for kind in _CONTENT
    }
    if beyond[LOCK]:
        at = min(beyond[LOCK], key=lambda f: abs(f - frame))
        raise PromptError(
            f"Object {obj_id} cannot be cut {side} {word} {frame}: {word} {at} is locked.\n"
            "Unlock it first, or cut there."
        )
    for content, frames in beyond.items():
        for f in frames:
            put(content, obj_id, f, None)
    end = history.get(_CUTS[side], obj_id)
    if end is None:
        end = frame_count - 1 if side == "above" else 0
    if (frame < end) if side == "above" else (frame > end):
        put(_CUTS[side], obj_id, WHOLE, frame)


def uncut(history: History, put: Put, obj_id: int, frame: int) -> None:
    """Lift the cut that a frame lies beyond; what the user does there says that the object goes on."""
    for side, kind in _CUTS.items():
        end = history.get(kind, obj_id)
        if end is not None and (frame > end if side == "above" else frame < end):
            put(kind, obj_id, WHOLE, None)
