"""Edit, paint and fill masks by hand, lock and unlock frames, and cut objects.

``meta`` is Meta's predictor in exact mode, else None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.prompts import make_mask
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.kinds import LOCK, MASK
from napari_sam2.session.log.records import MaskRecord
from napari_sam2.session.objects import objects, prompting
from napari_sam2.session.state import checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from napari_sam2.session.objects.objects import Side
    from napari_sam2.session.state.session_state import SessionState
    from napari_sam2.session.tracking.exact import MetaPredictor


def edit_masks(state: SessionState, frame: int, masks: Mapping[int, NDArray[Any]]) -> None:
    """Set the masks of several objects on a frame by hand, as one step, and lock them."""
    new = {obj_id: make_mask(mask, state.grid.frame_shape).mask for obj_id, mask in masks.items()}
    with state.lock:
        checks.check_frame(state, frame)
        for obj_id in new:
            checks.check_writable(state, obj_id, frame)
        with state.history.step(step_names.EDIT_MASK, frame=frame, objects=list(new)) as put:
            for obj_id, mask in new.items():
                if checks.is_locked_as(state, obj_id, frame, mask):
                    continue
                objects.ensure(state, put, obj_id)
                objects.uncut(state.history, put, obj_id, frame)
                record = state.mask_record(obj_id, frame)
                if record is None or record.mask != mask:
                    put(MASK, obj_id, frame, MaskRecord(mask, "edit"))
                objects.lock(state, put, obj_id, frame)
                objects.give_pixels(state, put, obj_id, frame, mask.decode())


def paint(
    state: SessionState, frame: int, painted: Mapping[int, NDArray[Any]], erased: Mapping[int, NDArray[Any]]
) -> None:
    """Add pixels to the masks of objects on a frame and take pixels away from them, as one step."""
    come, go = (_pixels(state, pixels) for pixels in (painted, erased))
    with state.lock:
        checks.check_frame(state, frame)
        masks = {}
        for obj_id in sorted({*come, *go}):
            checks.check_writable(state, obj_id, frame)
            record = state.mask_record(obj_id, frame)
            if record is None and obj_id not in come:
                continue
            mask = np.zeros(state.grid.frame_shape, bool) if record is None else record.mask.decode()
            if obj_id in come:
                mask |= come[obj_id]
            if obj_id in go:
                mask &= ~go[obj_id]
            masks[obj_id] = mask
        if masks:
            edit_masks(state, frame, masks)


def fill(
    state: SessionState, meta: MetaPredictor | None, obj_id: int, frame: int, mask: NDArray[Any], inside: bool
) -> None:
    """Take a filled outline as the prompt of a frame, or, locked or outside the object, as a hand edit."""
    checks.check_writable(state, obj_id, frame)
    if not inside:
        paint(state, frame, {}, {obj_id: mask})
    elif state.is_locked(obj_id, frame):
        edit_masks(state, frame, {obj_id: mask})
    else:
        prompting.set_prompts(state, meta, obj_id, frame, mask=mask)
        prompting.predict_frame(state, meta, frame)


def lock(state: SessionState, obj_id: int, frames: Iterable[int]) -> None:
    """Accept frames of an object as they stand, as one step."""
    with state.lock:
        chosen = checks.check_frames(state, frames)
        checks.check_object(state, obj_id)
        for frame in chosen:
            checks.check_writable(state, obj_id, frame)
            if state.mask_record(obj_id, frame) is None:
                raise PromptError(f"Object {obj_id} has no mask on {checks.word_of(state)} {frame} to lock.")
        with state.history.step(step_names.LOCK, obj_id=obj_id, frames=chosen) as put:
            for frame in chosen:
                objects.lock(state, put, obj_id, frame)


def note_seen(state: SessionState, frame: int) -> None:
    """Remember the masks of a frame as those that the user looked at."""
    with state.lock:
        checks.check_frame(state, frame)
        for obj_id in state.object_ids():
            record = state.mask_record(obj_id, frame)
            if record is not None and record.mask.area:
                state.seen[obj_id, int(frame)] = record.mask


def seen_frames(state: SessionState, obj_id: int, changed: bool) -> list[int]:
    """Return the frames without a lock that the user looked at; with ``changed`` those of another mask now as well."""
    checks.check_id(obj_id)
    with state.lock:
        now = {f: state.mask_record(obj_id, f) for i, f in sorted(state.seen) if i == obj_id}
        return [
            frame
            for frame, record in now.items()
            if record is not None
            and not state.is_locked(obj_id, frame)
            and (changed or record.mask == state.seen[obj_id, frame])
        ]


def lock_seen(state: SessionState, obj_id: int) -> None:
    """Lock the frames whose mask is still the one that was looked at, as one step."""
    with state.lock:
        frames, word = seen_frames(state, obj_id, changed=False), checks.word_of(state)
        if not frames:
            raise PromptError(
                f"There is no {word} of object {obj_id} to lock: look at its masks {word} by {word} first, "
                "with the slider below the picture."
            )
        lock(state, obj_id, frames)


def unlock(state: SessionState, obj_id: int, frame: int) -> None:
    """Release a frame of an object."""
    with state.lock:
        checks.check_writable(state, obj_id, frame)
        checks.check_object(state, obj_id)
        with state.history.step(step_names.UNLOCK, obj_id=obj_id, frame=frame) as put:
            put(LOCK, obj_id, frame, None)
            record = state.mask_record(obj_id, frame)
            if record is not None and record.source == "edit":
                put(MASK, obj_id, frame, MaskRecord(record.mask, "track"))


def cut(state: SessionState, obj_id: int, frame: int, side: Side) -> None:
    """End an object at a frame."""
    if side not in ("above", "below"):
        raise PromptError(f"side={side!r} must be 'above' (higher index) or 'below'.")
    with state.lock:
        checks.check_object(state, obj_id)
        checks.check_frame(state, frame)
        with state.history.step(step_names.CUT, obj_id=obj_id, frame=frame, side=side) as put:
            objects.cut(state.history, put, obj_id, frame, side, state.grid.frame_count, checks.word_of(state))


def _pixels(state: SessionState, masks: Mapping[int, NDArray[Any]]) -> dict[int, NDArray[np.bool_]]:
    """Return masks ``(Y, X) bool`` by object; PromptError if one does not fit the frame."""
    return {obj_id: make_mask(mask, state.grid.frame_shape).mask.decode() for obj_id, mask in masks.items()}
