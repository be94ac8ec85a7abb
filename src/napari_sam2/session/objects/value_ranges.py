"""Limit an object to a range of the image's values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.core.intensity_range import IntensityRange, frame_values, range_inside
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.history import WHOLE
from napari_sam2.session.log.kinds import RANGE
from napari_sam2.session.state import checks

if TYPE_CHECKING:
    from napari_sam2.session.state.session_state import SessionState


def set_range(state: SessionState, obj_id: int, low: float | None, high: float | None) -> None:
    """Let an object have only values of a range from now on; None and None: all."""
    new = IntensityRange(low, high)
    with state.lock:
        checks.check_open(state)
        checks.check_object(state, obj_id)
        if state.exact and not new.is_off:
            raise PromptError(
                "Exact mode knows no range of values, as Meta's predictor has none.\n"
                "Open the session without exact=True to use set_intensity_range()."
            )
        with state.history.step(step_names.SET_INTENSITY_RANGE, obj_id=int(obj_id)) as put:
            put(RANGE, obj_id, WHOLE, None if new.is_off else new)


def range_of(state: SessionState, obj_id: int) -> IntensityRange:
    """Return the values that an object may have."""
    with state.lock:
        checks.check_object(state, obj_id)
        return state.range_of(obj_id) or IntensityRange()


def suggest(state: SessionState, obj_id: int, frame: int) -> IntensityRange:
    """Return the range of the values inside the mask of an object on a frame."""
    with state.lock:
        checks.check_known_place(state, obj_id, frame)
        record = state.mask_record(obj_id, frame)
        if record is None or not record.mask.area:
            raise PromptError(
                f"Object {obj_id} has no mask on {checks.word_of(state)} {frame} to take its values from: "
                "draw or predict it first."
            )
    return range_inside(record.mask.decode(), frame_values(state.volume, state.grid, int(frame)))
