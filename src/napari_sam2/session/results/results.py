"""Read the prompts, the masks, the labels and the steps of a session."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.frame_axis import default_frame_axis
from napari_sam2.core.heap import HeapTrimmer
from napari_sam2.core.masks import LazyMasks
from napari_sam2.errors import PromptError
from napari_sam2.session.log.kinds import MASK, PROMPTS
from napari_sam2.session.results import quality
from napari_sam2.session.state import checks

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.session.state.session_state import SessionState


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
    time
        When it began, in seconds since 1970 (UTC), rounded down; None where that was not noted.
    """

    name: str
    arguments: Mapping[str, Any]
    change_count: int
    time: int | None = None


def steps(state: SessionState) -> tuple[SessionStep, ...]:
    """Return the steps that stand, oldest first."""
    with state.lock:
        return tuple(
            SessionStep(step.name, MappingProxyType(deepcopy(step.arguments)), len(step.changes), step.time)
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


def accepted_masks(state: SessionState, obj_id: int) -> LazyMasks:
    """Return the masks of the accepted frames of an object by frame, decoded when they are looked at."""
    with state.lock:
        checks.check_object(state, obj_id)
        found = {f: state.mask_record(obj_id, f) for f in state.accepted(obj_id) if state.is_answered(obj_id, f)}
        return LazyMasks({frame: record.mask for frame, record in found.items() if record is not None})


def layers(state: SessionState) -> NDArray[np.bool_]:
    """Return the masks of all objects ``(n_objects, …)``, each whole, in the order of the objects."""
    grid = state.grid
    with state.lock:
        ids = state.object_ids()
        out = np.zeros((len(ids), *grid.label_shape), dtype=bool)
        for place, obj_id in enumerate(ids):
            for frame, record in state.history.frames(MASK, obj_id).items():
                out[place][grid.label_index(frame)] = record.mask.decode()
    return out


def labels(state: SessionState, out: Any | None, overlap: str | None = None) -> Any:
    """Return all masks under the overlap rule, in ``out`` if given; "layers": each object by itself."""
    grid = state.grid
    if overlap is not None:
        if overlap != "layers":
            raise PromptError(f"overlap={overlap!r} must be 'layers', or None for the rule of the session.")
        if out is not None:
            raise PromptError("out= is for one label image; leave it out with overlap='layers'.")
        return layers(state)
    if out is None:
        out = np.zeros(grid.label_shape, dtype=np.uint16)
    elif tuple(out.shape) != grid.label_shape:
        raise PromptError(f"out has shape {tuple(out.shape)}, but the labels have {grid.label_shape}.")
    largest = max(state.object_ids(), default=0)
    if np.issubdtype(out.dtype, np.integer) and np.iinfo(out.dtype).max < largest:
        raise PromptError(f"out is {out.dtype} and cannot hold object {largest}; use uint16.")
    trim_heap = HeapTrimmer()
    for frame in range(grid.frame_count):
        out[grid.label_index(frame)] = frame_labels(state, frame)
        trim_heap()
    return out


def scores(state: SessionState, obj_id: int) -> pd.DataFrame:
    """Return what is known about the quality of each frame with a mask."""
    with state.lock:
        checks.check_object(state, obj_id)
        return quality.scores(state.history, obj_id, state.mapping)


def frames_of_other_contrast(state: SessionState, obj_id: int) -> list[int]:
    """Return the frames whose mask the model made with other contrast limits or another gamma, ascending."""
    with state.lock:
        checks.check_object(state, obj_id)
        records = state.history.frames(MASK, obj_id)
        return sorted(f for f, record in records.items() if record.mapping not in (None, state.mapping))


def frame_axis_reason(state: SessionState) -> str:
    """Return why the session runs along its axis, in words that follow "along z:"."""
    axis, reason = default_frame_axis(state.volume, dict(state.grid.at))
    return reason if axis == state.grid.frame_axis else "chosen"
