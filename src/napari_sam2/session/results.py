"""Read the prompts, the masks, the labels and the steps of a session."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import PromptError
from napari_sam2.session import checks, quality
from napari_sam2.session.kinds import PROMPTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.session.state import SessionState


@dataclass(frozen=True)
class SessionStep:
    """One step that undo takes back.

    Parameters
    ----------
    name
        The method that made it; of several that do the same, the one for a single object or frame.
    arguments
        What it was given that is not in the values, JSON-ready and read-only.
    change_count
        How many values it changed: prompts, masks, locks and what belongs to an object.
    """

    name: str
    arguments: Mapping[str, Any]
    change_count: int


def steps(state: SessionState) -> tuple[SessionStep, ...]:
    """Return the steps that stand, oldest first."""
    with state.lock:
        return tuple(
            SessionStep(step.name, MappingProxyType(deepcopy(step.arguments)), len(step.changes))
            for step in state.history.steps
        )


def prompts(state: SessionState, obj_id: int, frame: int) -> PromptSet | None:
    """Return the prompts of an object on a frame; None where there are none."""
    with state.lock:
        checks.check_known_place(state, obj_id, frame)
        return state.history.get(PROMPTS, obj_id, frame)


def prompted_frames(state: SessionState, obj_id: int) -> list[int]:
    """Return the frames on which an object has prompts, ascending."""
    with state.lock:
        checks.check_object(state, obj_id)
        return sorted(state.history.frames(PROMPTS, obj_id))


def prompt_window(state: SessionState, obj_id: int, frame: int) -> tuple[float, float, float, float] | None:
    """Return the zoom window ``(y0, x0, y1, x1)`` in which a mask was made, or None."""
    with state.lock:
        checks.check_known_place(state, obj_id, frame)
        record = state.mask_record(obj_id, frame)
        if record is None or record.window is None or state.zoom is None:
            return None
        w = record.window
        return w.y0, w.x0, w.y1, w.x1


def mask(state: SessionState, obj_id: int, frame: int) -> NDArray[np.bool_] | None:
    """Return the mask ``(Y, X)`` of an object on a frame, before the overlap rule; None if there is none."""
    with state.lock:
        checks.check_known_place(state, obj_id, frame)
        record = state.mask_record(obj_id, frame)
        return None if record is None else record.mask.decode()


def frame_labels(state: SessionState, frame: int) -> NDArray[np.uint16]:
    """Return the labels ``(Y, X) uint16`` of one frame under the overlap rule."""
    with state.lock:
        return state.frame_labels(checks.check_frame(state, frame))


def labels(state: SessionState, out: Any | None) -> Any:
    """Return all masks under the overlap rule, in ``out`` if given."""
    grid = state.grid
    if out is None:
        out = np.zeros(grid.label_shape, dtype=np.uint16)
    elif tuple(out.shape) != grid.label_shape:
        raise PromptError(f"out has shape {tuple(out.shape)}, but the labels have {grid.label_shape}.")
    largest = max(state.object_ids(), default=0)
    if np.issubdtype(out.dtype, np.integer) and np.iinfo(out.dtype).max < largest:
        raise PromptError(f"out is {out.dtype} and cannot hold object {largest}; use uint16.")
    for frame in range(grid.frame_count):
        out[grid.label_index(frame)] = frame_labels(state, frame)
    return out


def scores(state: SessionState, obj_id: int) -> pd.DataFrame:
    """Return what is known about the quality of each frame with a mask."""
    with state.lock:
        checks.check_object(state, obj_id)
        return quality.scores(state.history, obj_id)
