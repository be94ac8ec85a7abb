"""What a reader says of the objects of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args

from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.history import WHOLE
from napari_sam2.session.log.kinds import REVIEW
from napari_sam2.session.log.records import Review, ReviewState
from napari_sam2.session.state import checks

if TYPE_CHECKING:
    from napari_sam2.session.state.session_state import SessionState


def review(state: SessionState, obj_id: int, verdict: str | None, comment: str) -> None:
    """Say whether an object is accepted, rejected or needs an edit; None takes it back."""
    known = get_args(ReviewState)
    if verdict is not None and verdict not in known:
        raise PromptError(f"state={verdict!r} must be {', '.join(map(repr, known))}, or None for no review.")
    if not isinstance(comment, str):
        raise PromptError(f"comment={comment!r} must be text.")
    with state.lock:
        checks.check_open(state)
        checks.check_object(state, obj_id)
        with state.history.step(step_names.REVIEW, obj_id=int(obj_id)) as put:
            value = None if verdict is None else Review(cast("ReviewState", verdict), comment)
            put(REVIEW, obj_id, WHOLE, value)


def reviews(state: SessionState) -> dict[int, Review]:
    """Return the reviews by object, in the order of the objects."""
    with state.lock:
        found = {obj_id: state.history.get(REVIEW, obj_id) for obj_id in state.object_ids()}
        return {obj_id: value for obj_id, value in found.items() if value is not None}
