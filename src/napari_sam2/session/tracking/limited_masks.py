"""The masks of an object that other limits concern than those that they were computed with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sam2.session.log.kinds import MASK
from napari_sam2.session.state.limits import matters, touch
from napari_sam2.session.tracking.planning import owner_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from napari_sam2.session.log.history import Put
    from napari_sam2.session.log.records import MaskRecord
    from napari_sam2.session.state.session_state import SessionState
    from napari_sam2.session.tracking.planning import Direction


class ChangedLimits:
    """Where the limits of an object changed since its masks were computed, and that matters.

    A lock of a neighbour, or what is drawn as "not here", concerns a mask that has pixels there; a limit that was
    lifted, one that touches what is free now. Where the setting itself changed, masks count that touch one of another
    object. From there on all that was tracked further is concerned too, as far as the next accepted frame.
    """

    def __init__(self, state: SessionState, obj_id: int) -> None:
        masks = state.history.frames(MASK, obj_id)
        self._frames = [f for f, record in masks.items() if record.model and _is_concerned(state, obj_id, f, record)]

    def between(self, owner: int, frame: int) -> bool:
        """Return whether there is such a mask from an accepted frame on, as far as a frame that is tracked from it."""
        low, high = min(owner, frame), max(owner, frame)
        return any(low <= f <= high for f in self._frames)


def concerned(state: SessionState, frame: int, objects: Iterable[int]) -> list[int]:
    """Return the objects whose mask of the model on a frame other limits concern; asked before it is replaced."""
    records = {i: state.mask_record(i, frame) for i in objects}
    return [i for i, r in records.items() if r is not None and r.model and _is_concerned(state, i, frame, r)]


def leave_stale(
    state: SessionState,
    put: Put,
    obj_id: int,
    frame: int,
    direction: Direction = "both",
    computed: Container[int] = (),
) -> None:
    """Take their sources from the masks that were tracked through one which :func:`concerned` tells of.

    To be called when it was replaced, since it was all that told that they are stale. So nothing that ends a run before
    they are computed, a crash included, makes them fresh. Those of the frames ``computed`` follow from the new mask.
    """
    accepted = state.accepted(obj_id)
    for other, beyond in list(state.history.frames(MASK, obj_id).items()):
        if other == frame or other in computed or beyond.source != "track" or not beyond.model:
            continue
        found = owner_of(accepted, other, direction)
        if found is not None and min(found[0].frame, other) <= frame <= max(found[0].frame, other):
            put(MASK, obj_id, other, replace(beyond, computed_from=()))


def has_lost_its_sources(before: MaskRecord | None, after: MaskRecord | None) -> bool:
    """Return whether a mask changed only in that it counts as stale from now on, see :func:`leave_stale`."""
    return (
        before is not None
        and after is not None
        and not after.computed_from
        and replace(before, computed_from=()) == after
    )


def _is_concerned(state: SessionState, obj_id: int, frame: int, record: MaskRecord) -> bool:
    if record.source == "edit" or state.is_locked(obj_id, frame):
        return False
    if record.source == "prompt":
        asked = state.accepted(obj_id).get(frame)
        return asked is not None and matters(record.mask, record.limit, state.limit_of_answer(obj_id, asked))
    if matters(record.mask, record.limit, state.limit_of(obj_id, frame)):
        return True
    if record.rules.neighbours == state.rules.neighbours:
        return False
    others = (state.mask_record(i, frame) for i in state.object_ids() if i != obj_id)
    return any(touch(record.mask, other.mask) for other in others if other is not None)
