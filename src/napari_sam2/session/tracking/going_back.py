"""Check tracked masks by going back to the accepted frames that they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.engine.protocols import Checks
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.history import Step
from napari_sam2.session.log.kinds import CHECK
from napari_sam2.session.log.records import Check
from napari_sam2.session.state import checks
from napari_sam2.session.tracking.planning import owner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.session.state.session_state import SessionState


def check(
    state: SessionState,
    obj_id: int,
    frames: Iterable[int] | None,
    progress: Callable[[int, int, str], None] | None,
) -> Iterator[tuple[int, float]]:
    """Check the arguments, and return the scores, a generator."""
    wanted = checks.check_frames_or_all(state, frames)
    if state.exact:
        raise PromptError("Exact mode works as Meta's predictor does, which cannot go back.")
    with state.lock:
        checks.check_open(state)
        checks.check_object(state, obj_id)
        todo = _by_anchor(state, obj_id, wanted)
        if not todo:
            raise PromptError(f"Object {obj_id} has no tracked mask there to check: propagate it first.")
    with state.compute:
        stream = state.stream()
    if not isinstance(stream, Checks):
        raise PromptError(f"The model {state.predictor.name!r} cannot check masks by going back; choose another model.")
    return _checking(state, stream, obj_id, todo, progress)


def _by_anchor(state: SessionState, obj_id: int, wanted: list[int]) -> dict[int, dict[int, RunLengthMask]]:
    """Return the tracked masks by the accepted frame that each was tracked from, and by their own."""
    accepted = state.accepted(obj_id)
    found: dict[int, dict[int, RunLengthMask]] = {}
    for frame in wanted:
        record, owner = state.mask_record(obj_id, frame), owner_of(accepted, frame, "both")
        if frame in accepted or record is None or owner is None or not state.is_answered(obj_id, owner[0].frame):
            continue
        found.setdefault(owner[0].frame, {})[frame] = record.mask
    return found


def _checking(
    state: SessionState,
    stream: Checks,
    obj_id: int,
    todo: dict[int, dict[int, RunLengthMask]],
    progress: Callable[[int, int, str], None] | None,
) -> Iterator[tuple[int, float]]:
    step = Step(step_names.CHECK, {"obj_id": int(obj_id)})
    done, total = 0, sum(len(masks) for masks in todo.values())
    for anchor, masks in todo.items():
        record = state.mask_record(obj_id, anchor)
        if record is None:
            continue
        tracked = {frame: mask.decode() for frame, mask in masks.items()}
        scores = iter(stream.check(anchor, record.mask.decode(), tracked))
        while True:
            with state.compute:
                checks.check_open(state)
                found = next(scores, None)
            if found is None:
                break
            frame, back = found
            with state.lock:
                if step.changes and state.history.steps[-1:] != (step,):
                    # The user did something meanwhile: the log tells things in order.
                    step = Step(step.name, step.arguments)
                with state.history.writing(step) as put:
                    put(CHECK, obj_id, frame, Check(float(back), masks[frame]))
            done += 1
            if progress is not None:
                progress(done, total, "checking")
            yield int(frame), float(back)
