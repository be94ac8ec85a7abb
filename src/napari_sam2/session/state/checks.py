"""Checks of what a call to a session asks for; each raises an error that says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.formatting import frame_word
from napari_sam2.errors import PromptError, SessionBusyError, VolumeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.session.state.session_state import SessionState

LARGEST_ID = 65535  # of a label image of 16 bits


def word_of(state: SessionState) -> str:
    """Return what messages call a frame."""
    return frame_word(state.grid.frame_axis)


def check_contrast_limits(contrast_limits: Any, window: Any) -> Any:
    """Return the contrast limits, given under one of their two names, or None; VolumeError if under both."""
    if contrast_limits is not None and window is not None:
        raise VolumeError("contrast_limits= and window= are two names of one thing: give one of them.")
    return contrast_limits if window is None else window


def check_open(state: SessionState) -> None:
    """Raise SessionBusyError if the session was closed."""
    if state.closed:
        raise SessionBusyError("The session was closed.")


def check_idle(state: SessionState) -> None:
    """Raise SessionBusyError if the session was closed, or if a run is under way."""
    check_open(state)
    if state.running:
        raise SessionBusyError("A run is under way; stop it first (close its generator).")


def check_writable(state: SessionState, obj_id: int, frame: int) -> None:
    """Raise an error if the session was closed, or if no object could ever be at this place."""
    check_open(state)
    check_place(state, obj_id, frame)


def check_known_place(state: SessionState, obj_id: int, frame: int) -> None:
    """Raise PromptError if there is no such object or frame."""
    check_place(state, obj_id, frame)
    check_object(state, obj_id)


def check_place(state: SessionState, obj_id: int, frame: int) -> None:
    """Raise PromptError if there is no such frame, or if no object could have this id."""
    check_id(obj_id)
    check_frame(state, frame)


def check_id(obj_id: int) -> None:
    """Raise PromptError unless this is a whole number from 1 to 65535."""
    if isinstance(obj_id, bool) or not isinstance(obj_id, int | np.integer) or not 1 <= obj_id <= LARGEST_ID:
        raise PromptError(f"obj_id={obj_id!r} must be a whole number from 1 to {LARGEST_ID}.")


def check_frame(state: SessionState, frame: int) -> int:
    """Return a frame index as an int; PromptError if there is no such frame."""
    count, word = state.grid.frame_count, word_of(state)
    whole = isinstance(frame, int | np.integer) and not isinstance(frame, bool)
    if not whole or not 0 <= frame < count:
        raise PromptError(f"There is no {word} {frame!r}: the image has {word}s 0 to {count - 1}.")
    return int(frame)


def check_frames_or_all(state: SessionState, frames: Iterable[int] | None) -> list[int]:
    """Return frame indices ascending, each once; None stands for all."""
    return list(range(state.grid.frame_count)) if frames is None else check_frames(state, frames)


def check_frames(state: SessionState, frames: Iterable[int]) -> list[int]:
    """Return frame indices ascending, each once."""
    return sorted({check_frame(state, f) for f in _several("frames", frames)})


def check_object(state: SessionState, obj_id: int) -> int:
    """Return the id of an object; PromptError if there is none of this id."""
    check_id(obj_id)
    if not state.has_object(obj_id):
        known = ", ".join(str(i) for i in state.object_ids()) or "none yet"
        raise PromptError(f"There is no object {obj_id!r}; objects: {known}.")
    return obj_id


def check_objects(state: SessionState, objects: Iterable[int] | None) -> list[int] | None:
    """Return the ids of objects; None stands for all and stays None."""
    return None if objects is None else [check_object(state, i) for i in _several("objects", objects)]


def check_unlocked(state: SessionState, obj_id: int, frame: int) -> None:
    """Raise PromptError if an object is locked on a frame."""
    if state.is_locked(obj_id, frame):
        raise PromptError(f"Object {obj_id} is locked on {word_of(state)} {frame}; unlock it before prompting there.")


def is_locked_as(state: SessionState, obj_id: int, frame: int, mask: RunLengthMask) -> bool:
    """Return whether an object is locked on a frame with this very mask."""
    record = state.mask_record(obj_id, frame)
    return state.is_locked(obj_id, frame) and record is not None and record.mask == mask


def _several(name: str, values: Any) -> list[Any]:
    """Return a list; PromptError that says which argument cannot be one."""
    try:
        return list(values)
    except TypeError as error:
        raise PromptError(f"{name}={values!r} must be several, such as a list or a range.") from error
