"""The "not here" image of a session: where no object may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.core.arrays import Parts
from napari_sam2.core.prompts import make_mask
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.kinds import EVERY, FORBIDDEN
from napari_sam2.session.state import checks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.session.state.session_state import SessionState


def forbid(state: SessionState, labels: Any | None) -> None:
    """Replace where no object may be; None: nowhere."""
    checks.check_open(state)
    if state.exact:
        raise PromptError("Exact mode knows no limits: open the session without exact=True to use forbid().")
    new = {} if labels is None else _by_frame(state, labels)
    with state.lock:
        checks.check_open(state)
        with state.history.step(step_names.FORBID, frames=len(new)) as put:
            for frame in range(state.grid.frame_count):
                put(FORBIDDEN, EVERY, frame, new.get(frame))


def forbidden(state: SessionState, frame: int) -> NDArray[np.bool_] | None:
    """Return where a frame is forbidden to all objects, or None."""
    with state.lock:
        mask = state.history.get(FORBIDDEN, EVERY, checks.check_frame(state, frame))
        return None if mask is None else mask.decode()


def _by_frame(state: SessionState, labels: Any) -> dict[int, RunLengthMask]:
    shape = getattr(labels, "shape", None)
    if shape is None or tuple(shape) != state.grid.label_shape:
        given = type(labels).__name__ if shape is None else f"an array of shape {tuple(shape)}"
        raise PromptError(f"labels must be on the grid of the volume, {state.grid.label_shape}, not {given}.")
    parts = Parts(labels, state.grid.label_axes, 'The "not here" image')
    found = {}
    for frame in range(state.grid.frame_count):
        mask = make_mask(parts[state.grid.label_index(frame)], state.grid.frame_shape).mask
        if mask.area:
            found[frame] = mask
    return found
