"""A session as its user sees it, in values that can be compared, and the one door to the log behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_sam2.session import VideoSession
from napari_sam2.session.log.history import History
from napari_sam2.session.state.session_state import SessionState
from support.predictors import SHAPE


def history_of(session: VideoSession) -> History:
    """The log of a session, for tests of what no call shows: what each mask follows from, and what was undone."""
    return state_of(session).history


def state_of(session: VideoSession) -> SessionState:
    """The state that the parts of a session share, for tests of one of these parts."""
    return session._state


def log_of(session: VideoSession) -> tuple[Any, ...]:
    """All values and all steps of a session, each with every change in it."""
    history = history_of(session)
    return (
        {(kind.name, obj_id, frame): value for kind, obj_id, frame, value in history.values()},
        [(step.name, step.arguments, step.changes) for step in history.steps],
        [(step.name, step.arguments, step.changes) for step in history.undone],
    )


def everything(session: VideoSession) -> dict[str, Any]:
    """All that a session shows: its objects, what is on each frame, its steps and its settings."""
    return {
        "objects": list(session.objects.items()),
        "frames": on_frames(session),
        "stale": session.count_stale(),
        "steps": [(step.name, dict(step.arguments), step.change_count) for step in session.steps],
        "can_redo": session.can_redo,
        "labels": session.labels().tobytes(),
        "window": session.window,
        "overlap": session.overlap,
    }


def on_frames(session: VideoSession, *obj_ids: int) -> dict[tuple[int, int], tuple[Any, ...]]:
    """What objects, by default all, have on each frame where they have something."""
    found = {}
    for obj_id in obj_ids or session.objects:
        table = session.scores(obj_id)
        for frame in {*session.prompted_frames(obj_id), *map(int, table.index)}:
            found[obj_id, frame] = _on_frame(session, obj_id, frame, table)
    return found


def on_frame(session: VideoSession, obj_id: int, frame: int) -> tuple[Any, ...]:
    """Prompts, mask, figures and zoom window of an object on a frame, each None where there is none."""
    return _on_frame(session, obj_id, frame, session.scores(obj_id))


def _on_frame(session: VideoSession, obj_id: int, frame: int, table: pd.DataFrame) -> tuple[Any, ...]:
    mask = session.mask(obj_id, frame)
    # Written out, since NaN is not equal to itself.
    figures = None if mask is None else [repr(value) for value in table.loc[frame]]
    return (
        session.prompts(obj_id, frame),
        None if mask is None else np.packbits(mask).tobytes(),
        figures,
        session.prompt_window(obj_id, frame),
    )


def is_locked(session: VideoSession, obj_id: int, frame: int) -> bool:
    """Whether an object is locked on a frame."""
    return (obj_id, frame) in locked(session)


def locked(session: VideoSession) -> dict[tuple[int, int], np.ndarray]:
    """The masks of all locked frames, by object and frame."""
    masks = {}
    for obj_id in session.objects:
        flags = session.scores(obj_id)["locked"]
        for frame in flags.index[flags]:
            masks[obj_id, int(frame)] = session.mask(obj_id, int(frame))
    return masks


def filled(session: VideoSession, obj_id: int) -> list[int]:
    """The frames on which an object has a mask that is not empty."""
    masks = {frame: session.mask(obj_id, frame) for frame in range(session.frame_count)}
    return [frame for frame, mask in masks.items() if mask is not None and mask.any()]


def box_mask(y0: int, x0: int, y1: int, x1: int) -> np.ndarray:
    """A frame of the numbered volume in which a box is inside."""
    mask = np.zeros(SHAPE[1:], bool)
    mask[y0:y1, x0:x1] = True
    return mask
