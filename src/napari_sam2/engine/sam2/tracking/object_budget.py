"""How many objects can be followed at once: what their tracks hold, against the memory that is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.engine.device import free_memory
from napari_sam2.engine.sam2.tracking.accepted_frames import MAX_CONDITIONING

if TYPE_CHECKING:
    from napari_sam2.engine.sam2.network.model import Sam2Model

_SHARE = 0.25  # of the free memory; the rest is for embeddings and working space
_DIRECTIONS = 2
_UNKNOWN = 64  # objects at once where the system does not tell what is free


def track_bytes(model: Sam2Model) -> int:
    """Return the most that the track of one object holds in one direction, by the rule of memory that holds most."""
    config, size = model.config, model.dtype.itemsize
    maps = config.num_maskmem + MAX_CONDITIONING + 3
    pointers = config.max_obj_ptrs_in_encoder + MAX_CONDITIONING + 3
    held = maps * config.mem_dim * config.feature_size**2 + pointers * config.d_model
    # The last logits, and the four masks of the step that is computed, are float32.
    return held * size + 5 * 4 * config.low_res_size**2


def objects_that_fit(model: Sam2Model, shape: tuple[int, int]) -> int:
    """Return for how many objects a run can be made at once, both ways, on frames of this shape; at least 1."""
    free = free_memory(str(model.device))
    if free is None:
        return _UNKNOWN
    # What is shown of a frame: logits and a mask for each object.
    each = _DIRECTIONS * (track_bytes(model) + 5 * shape[0] * shape[1])
    return max(1, int(_SHARE * free) // each)
