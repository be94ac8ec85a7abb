"""Edit masks by hand, lock and unlock frames, and cut objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.core.prompts import make_mask
from napari_sam2.errors import PromptError
from napari_sam2.session import checks, objects
from napari_sam2.session.records import MaskRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from napari_sam2.session.objects import Side
    from napari_sam2.session.state import SessionState


def edit_masks(state: SessionState, frame: int, masks: Mapping[int, NDArray[Any]]) -> None:
    """Set the masks of several objects on a frame by hand, as one step, and lock them."""
    new = {obj_id: make_mask(mask, state.grid.frame_shape).mask for obj_id, mask in masks.items()}
    with state.lock:
        checks.check_frame(state, frame)
        for obj_id in new:
            checks.check_writable(state, obj_id, frame)
        with state.history.step("edit_mask", frame=frame, objects=list(new)) as put:
            for obj_id, mask in new.items():
                if checks.is_locked_as(state, obj_id, frame, mask):
                    continue
                objects.ensure(state, put, obj_id)
                objects.uncut(state.history, put, obj_id, frame)
                record = state.mask_record(obj_id, frame)
                if record is None or record.mask != mask:
                    put("mask", obj_id, frame, MaskRecord(mask, "edit"))
                objects.lock(state, put, obj_id, frame)
                objects.give_pixels(state, put, obj_id, frame, mask.decode())


def lock(state: SessionState, obj_id: int, frames: Iterable[int]) -> None:
    """Accept frames of an object as they stand, as one step."""
    with state.lock:
        chosen = checks.check_frames(state, frames)
        checks.check_object(state, obj_id)
        for frame in chosen:
            checks.check_writable(state, obj_id, frame)
            if state.history.get("mask", obj_id, frame) is None:
                raise PromptError(f"Object {obj_id} has no mask on {checks.word_of(state)} {frame} to lock.")
        with state.history.step("lock", obj_id=obj_id, frames=chosen) as put:
            for frame in chosen:
                objects.lock(state, put, obj_id, frame)


def unlock(state: SessionState, obj_id: int, frame: int) -> None:
    """Release a frame of an object."""
    with state.lock:
        checks.check_writable(state, obj_id, frame)
        checks.check_object(state, obj_id)
        with state.history.step("unlock", obj_id=obj_id, frame=frame) as put:
            put("lock", obj_id, frame, None)
            record = state.mask_record(obj_id, frame)
            if record is not None and record.source == "edit":
                put("mask", obj_id, frame, MaskRecord(record.mask, "track"))


def cut(state: SessionState, obj_id: int, frame: int, side: Side) -> None:
    """End an object at a frame."""
    if side not in ("above", "below"):
        raise PromptError(f"side={side!r} must be 'above' (higher index) or 'below'.")
    with state.lock:
        checks.check_object(state, obj_id)
        checks.check_frame(state, frame)
        with state.history.step("cut", obj_id=obj_id, frame=frame, side=side) as put:
            objects.cut(state.history, put, obj_id, frame, side, state.grid.frame_count, checks.word_of(state))
