"""Read the prompts, the masks and the labels of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import PromptError
from napari_sam2.session import checks, quality

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.session.state import SessionState


def prompts(state: SessionState, obj_id: int, frame: int) -> PromptSet | None:
    """Return the prompts of an object on a frame; None where there are none."""
    with state.lock:
        checks.check_known_place(state, obj_id, frame)
        found: PromptSet | None = state.history.get("prompts", obj_id, frame)
        return found


def prompted_frames(state: SessionState, obj_id: int) -> list[int]:
    """Return the frames on which an object has prompts, ascending."""
    with state.lock:
        checks.check_object(state, obj_id)
        return sorted(state.history.frames("prompts", obj_id))


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
