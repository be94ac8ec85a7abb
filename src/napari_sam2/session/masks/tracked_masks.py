"""Put masks in the place of those that were tracked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.kinds import MASK
from napari_sam2.session.log.records import MaskRecord
from napari_sam2.session.objects import objects
from napari_sam2.session.state import checks
from napari_sam2.session.tracking.planning import sources_of, within_cuts

if TYPE_CHECKING:
    from napari_sam2.session.log.history import Put
    from napari_sam2.session.state.session_state import SessionState


def take_tracked(state: SessionState, labels: Any) -> list[int]:
    """Replace the tracked masks by those of a label image, as one step; return the frames that changed."""
    if tuple(labels.shape) != state.grid.label_shape:
        raise PromptError(f"The labels have shape {tuple(labels.shape)}, but the volume {state.grid.label_shape}.")
    if state.exact:
        raise PromptError("Exact mode keeps what Meta's predictor computes: it takes no other masks as tracked.")
    with state.lock:
        checks.check_idle(state)
        changed = []
        with state.history.step(step_names.TAKE_TRACKED) as put:
            for frame in range(state.grid.frame_count):
                picture = np.asarray(labels[state.grid.label_index(frame)])
                if _take_frame(state, put, frame, picture):
                    changed.append(frame)
        return changed


def _take_frame(state: SessionState, put: Put, frame: int, picture: Any) -> bool:
    changed = False
    for obj_id in sorted({*state.object_ids(), *(int(i) for i in np.unique(picture) if i > 0)}):
        checks.check_id(obj_id)
        objects.ensure(state, put, obj_id)
        accepted = state.accepted(obj_id)
        if frame in accepted or not within_cuts(state.history, obj_id, frame):
            continue
        limit, record = state.limit_of(obj_id, frame), state.mask_record(obj_id, frame)
        inside = picture == obj_id
        if limit is not None:
            inside &= ~limit.decode()
        mask = RunLengthMask.encode(inside)
        if (record is None and not mask.area) or (record is not None and record.mask == mask):
            continue
        # Fresh as long as the accepted frames beside it stand. No model made it.
        put(MASK, obj_id, frame, MaskRecord(mask, "track", computed_from=sources_of(accepted, frame)))
        changed = True
    return changed
