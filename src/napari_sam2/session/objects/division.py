"""Divide an object: it ends, and its daughters begin.

``meta`` is Meta's predictor in exact mode, else None.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sam2.core.prompts import PromptSet, make_points
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.history import WHOLE
from napari_sam2.session.log.kinds import MASK, OBJECT, PARENT, PROMPTS
from napari_sam2.session.objects import objects
from napari_sam2.session.objects.prompting import put_prompts, telling
from napari_sam2.session.state import checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.session.state.session_state import SessionState
    from napari_sam2.session.tracking.exact import MetaPredictor


def divide(
    state: SessionState, meta: MetaPredictor | None, obj_id: int, frame: int, marks: Sequence[Sequence[float]]
) -> list[int]:
    """End an object before a frame and begin a daughter at each mark, as one step; the ids of the daughters."""
    points = make_points(marks, None, state.grid.frame_shape)
    if len({(p.y, p.x) for p in points}) < max(2, len(points)):
        raise PromptError(f"marks={marks!r} must be at least two different places, one in each daughter.")
    with telling(state, meta):
        checks.check_writable(state, obj_id, frame)
        checks.check_object(state, obj_id)
        frame, word = int(frame), checks.word_of(state)
        history = state.history
        if not any(f < frame for f in (*history.frames(MASK, obj_id), *history.frames(PROMPTS, obj_id))):
            raise PromptError(
                f"Object {obj_id} cannot divide at {word} {frame}: there is nothing of it before.\n"
                f"Divide it at the first {word} on which its daughters are apart."
            )
        daughters = objects.new_ids(state, len(points))
        name = state.object_record(obj_id).name
        with history.step(step_names.DIVIDE, obj_id=int(obj_id), frame=frame, daughters=daughters) as put:
            objects.cut(history, put, obj_id, frame - 1, "above", state.grid.frame_count, word)
            for number, (daughter, point) in enumerate(zip(daughters, points, strict=True), start=1):
                put_prompts(state, put, daughter, frame, PromptSet((point,), calls=(1,)))
                put(OBJECT, daughter, WHOLE, replace(state.object_record(daughter), name=f"{name}.{number}"))
                put(PARENT, daughter, WHOLE, int(obj_id))
                # Before the division there is the parent alone.
                objects.cut(history, put, daughter, frame, "below", state.grid.frame_count, word)
        return daughters
