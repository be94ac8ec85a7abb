"""Masks between the accepted frames of an object, from their outlines alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.analysis.interpolation import interpolate_masks
from napari_sam2.core.frame_spacing import pixel_size
from napari_sam2.core.masks import RunLengthMask
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.kinds import MASK
from napari_sam2.session.log.records import MaskRecord
from napari_sam2.session.state import checks
from napari_sam2.session.tracking.planning import neighbours, sources_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.session.log.records import ConditioningRecord
    from napari_sam2.session.state.session_state import SessionState


def interpolate(state: SessionState, obj_id: int, frames: Iterable[int] | None) -> list[int]:
    """Set the masks between accepted frames, as one step; return the frames that have one now."""
    if state.exact:
        raise PromptError("Exact mode computes every frame as Meta's predictor does: there is nothing to interpolate.")
    wanted = checks.check_frames_or_all(state, frames)
    with state.lock:
        checks.check_open(state)
        checks.check_object(state, obj_id)
        accepted = state.accepted(obj_id)
        between = _between(state, obj_id, accepted, wanted)
        ends = {a.frame for frame in between for a in neighbours(accepted, frame) if a is not None}
        known = {frame: _mask_of(state, obj_id, frame) for frame in ends}
        masks = interpolate_masks(known, pixel_size(state.volume, state.grid), between)
        with state.history.step(step_names.INTERPOLATE, obj_id=int(obj_id), frames=sorted(masks)) as put:
            for frame, mask in sorted(masks.items()):
                # The accepted frames beside it are its sources: it is fresh as long as they stand. No model made it.
                record = MaskRecord(RunLengthMask.encode(mask), "track", computed_from=sources_of(accepted, frame))
                put(MASK, obj_id, frame, record)
        return sorted(masks)


def _between(state: SessionState, obj_id: int, accepted: dict[int, ConditioningRecord], wanted: list[int]) -> list[int]:
    """Return the wanted frames that lie between two accepted ones; PromptError if there are none."""
    word = checks.word_of(state)
    if len(accepted) < 2:
        raise PromptError(
            f"Object {obj_id} has {len(accepted)} accepted {word}s, and to interpolate takes two: "
            f"prompt, draw or lock it on another {word}."
        )
    first, last = min(accepted), max(accepted)
    between = [f for f in wanted if first < f < last and f not in accepted]
    if not between:
        raise PromptError(
            f"None of these {word}s lies between two accepted {word}s of object {obj_id}: "
            + ", ".join(str(f) for f in accepted)
            + "."
        )
    return between


def _mask_of(state: SessionState, obj_id: int, frame: int) -> NDArray[np.bool_]:
    record = state.mask_record(obj_id, frame)
    if record is None or not state.is_answered(obj_id, frame):
        word = checks.word_of(state)
        raise PromptError(f"The prompts of object {obj_id} on {word} {frame} have no answer yet: predict it first.")
    return record.mask.decode()
