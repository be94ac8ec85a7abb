"""Set and clear the prompts of a session, and answer them.

``meta`` is Meta's predictor in exact mode, else None.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arrays import Parts
from napari_sam2.core.drawings import line_clicks
from napari_sam2.core.prompts import PromptSet, make_box, make_mask, make_points
from napari_sam2.errors import PromptError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.history import Step, is_of
from napari_sam2.session.log.kinds import BASE, MASK, PROMPTS
from napari_sam2.session.log.records import MaskRecord
from napari_sam2.session.objects import objects
from napari_sam2.session.state import checks
from napari_sam2.session.tracking.limited_masks import concerned, leave_stale

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_sam2.session.log.history import Put
    from napari_sam2.session.log.records import ConditioningRecord
    from napari_sam2.session.state.session_state import SessionState
    from napari_sam2.session.tracking.exact import MetaPredictor


def add_points(
    state: SessionState,
    meta: MetaPredictor | None,
    obj_id: int,
    frame: int,
    points: Sequence[Sequence[float]],
    labels: Sequence[int] | None,
) -> None:
    """Append clicks to the prompts of an object on a frame."""
    new = make_points(points, labels, state.grid.frame_shape)
    if not new:
        raise PromptError("add_points was given no point.")
    with telling(state, meta):
        _change(state, step_names.ADD_POINTS, obj_id, frame, _present(state, obj_id, frame).with_points(new))


def add_line(
    state: SessionState, meta: MetaPredictor | None, obj_id: int, frame: int, ends: Sequence[Sequence[float]]
) -> None:
    """Append the clicks of a line across an object: beside its ends, and in its middle."""
    found = make_points(ends, None, state.grid.frame_shape)
    if len(found) != 2:
        raise PromptError(f"A line has two ends (y, x), not {len(found)}.")
    corners = np.array([(p.y, p.x) for p in found])
    if np.hypot(*(corners[1] - corners[0])) < 1:
        raise PromptError("The line is shorter than a pixel; draw it across the object, from edge to edge.")
    new = make_points(line_clicks(corners).tolist(), None, state.grid.frame_shape)
    with telling(state, meta):
        _change(state, step_names.ADD_LINE, obj_id, frame, _present(state, obj_id, frame).with_points(new))


def add_box(state: SessionState, meta: MetaPredictor | None, obj_id: int, frame: int, box: Sequence[float]) -> None:
    """Set the box of an object on a frame."""
    new = make_box(box, state.grid.frame_shape)
    with telling(state, meta):
        old = _present(state, obj_id, frame)
        _change(state, step_names.ADD_BOX, obj_id, frame, PromptSet(old.points, new, old.mask, (0, *old.calls)))


def add_mask(state: SessionState, meta: MetaPredictor | None, obj_id: int, frame: int, mask: NDArray[Any]) -> None:
    """Set a mask as the only prompt of an object on a frame."""
    new = make_mask(mask, state.grid.frame_shape)
    with telling(state, meta):
        _change(state, step_names.ADD_MASK, obj_id, frame, PromptSet(mask=new))


def add_labels(
    state: SessionState,
    meta: MetaPredictor | None,
    labels: Any,
    frames: Iterable[int],
    wanted: Iterable[int] | None,
) -> None:
    """Take the objects of a label image on some frames as mask prompts, as one step."""
    if tuple(labels.shape) != state.grid.label_shape:
        raise PromptError(f"The labels have shape {tuple(labels.shape)}, but the volume {state.grid.label_shape}.")
    chosen = checks.check_frames(state, frames)
    new = _masks_in(state, labels, chosen, wanted)
    with telling(state, meta):
        for (obj_id, frame), mask in list(new.items()):
            checks.check_writable(state, obj_id, frame)
            if checks.is_locked_as(state, obj_id, frame, mask.mask):
                del new[obj_id, frame]
            else:
                checks.check_unlocked(state, obj_id, frame)
        with state.history.step(step_names.ADD_LABELS, frames=chosen) as put:
            for (obj_id, frame), mask in new.items():
                put_prompts(state, put, obj_id, frame, PromptSet(mask=mask))


def set_prompts(
    state: SessionState,
    meta: MetaPredictor | None,
    obj_id: int,
    frame: int,
    points: Sequence[Sequence[float]] = (),
    labels: Sequence[int] | None = None,
    box: Sequence[float] | None = None,
    mask: NDArray[Any] | None = None,
) -> None:
    """Replace all prompts of an object on a frame."""
    shape = state.grid.frame_shape
    new = make_points(points, labels, shape)
    prompts = PromptSet(
        new,
        None if box is None else make_box(box, shape),
        None if mask is None else make_mask(mask, shape),
        (len(new),) if new else (),
    )
    with telling(state, meta):
        _change(state, step_names.SET_PROMPTS, obj_id, frame, prompts)


def clear(state: SessionState, meta: MetaPredictor | None, obj_id: int, frame: int) -> None:
    """Remove all prompts of an object on a frame."""
    with telling(state, meta):
        _change(state, step_names.CLEAR_PROMPTS, obj_id, frame, PromptSet())


def clear_several(state: SessionState, meta: MetaPredictor | None, places: Iterable[tuple[int, int]]) -> None:
    """Remove all prompts of several ``(object, frame)`` as one step; none is removed if one is locked."""
    listed = list(places)
    with telling(state, meta):
        for obj_id, frame in listed:
            checks.check_writable(state, obj_id, frame)
            checks.check_object(state, obj_id)
            checks.check_unlocked(state, obj_id, frame)
        with state.history.step(step_names.CLEAR_SEVERAL, places=[[int(i), int(f)] for i, f in listed]) as put:
            for obj_id, frame in listed:
                put_prompts(state, put, obj_id, frame, PromptSet())


def predict_frame(state: SessionState, meta: MetaPredictor | None, frame: int) -> dict[int, NDArray[np.bool_]]:
    """Answer the prompts of a frame and keep the masks."""
    with state.compute:
        while True:
            with state.lock:
                asked = _asked(state, frame)
                if meta is not None:
                    meta.predict_again(asked, frame)
                    return _masks(state, asked, frame)
                stale = {i: state.accepted(i) for i in asked if not state.is_answered(i, frame)}
                if not stale:
                    return _masks(state, asked, frame)
            answers = {
                i: state.prompt_record(i, accepted[frame], state.predict(i, accepted, frame))
                for i, accepted in stale.items()
            }
            with state.lock:
                _keep_answers(state, frame, stale, answers)


def _present(state: SessionState, obj_id: int, frame: int) -> PromptSet:
    """Return the prompts that stand; empty where there are none."""
    return state.history.get(PROMPTS, obj_id, frame) or PromptSet()


def _masks_in(state: SessionState, labels: Any, frames: list[int], wanted: Iterable[int] | None) -> dict[Any, Any]:
    """Return the objects of a label image as mask prompts by ``(object, frame)``."""
    parts = Parts(labels, state.grid.label_axes, "The label image")
    pictures = {frame: parts[state.grid.label_index(frame)] for frame in frames}
    chosen = None if wanted is None else set(wanted)
    found = [
        (int(i), frame)
        for frame, picture in pictures.items()
        for i in np.unique(picture)
        if i != 0 and (chosen is None or int(i) in chosen)
    ]
    if not found:
        raise PromptError(f"The labels hold nothing to take on the {checks.word_of(state)}s {frames}.")
    return {place: make_mask(pictures[place[1]] == place[0], state.grid.frame_shape) for place in found}


def _change(state: SessionState, name: str, obj_id: int, frame: int, prompts: PromptSet) -> None:
    """Make a step of it, unless the prompts are these already."""
    checks.check_writable(state, obj_id, frame)
    if not prompts:
        checks.check_object(state, obj_id)
    checks.check_unlocked(state, obj_id, frame)
    if prompts == _present(state, obj_id, frame):
        return
    with state.history.step(name, obj_id=obj_id, frame=frame) as put:
        put_prompts(state, put, obj_id, frame, prompts)


@contextmanager
def telling(state: SessionState, meta: MetaPredictor | None) -> Iterator[None]:
    """Hold the log; Meta's predictor answers every call at once, so exact mode holds the network too."""
    if meta is None:
        with state.lock:
            yield
        return
    with state.compute, state.lock:
        revision = state.history.revision
        yield
        if state.history.revision != revision:
            meta.predict_last_step()


def put_prompts(state: SessionState, put: Put, obj_id: int, frame: int, prompts: PromptSet) -> None:
    """Replace prompts with all that goes with them: the object, its cuts, and the mask that they correct."""
    record, before = state.mask_record(obj_id, frame), _present(state, obj_id, frame)
    base = state.history.get(BASE, obj_id, frame)
    if prompts == before:
        return
    if prompts:
        objects.ensure(state, put, obj_id)
        objects.uncut(state.history, put, obj_id, frame)
        if record is not None and record.source != "prompt" and (base is None or base.mask != record.mask):
            # The prompts correct a mask that was tracked (or edited): it is what they are answered upon.
            put(BASE, obj_id, frame, state.base(obj_id, frame))
        elif before.mask is not None and prompts.mask is None:
            # They correct a mask that the user gave, which is as good as one drawn by hand.
            put(BASE, obj_id, frame, MaskRecord(before.mask.mask, "edit"))
    else:
        if record is not None and record.source == "prompt":
            put(MASK, obj_id, frame, None if base is None else replace(base, nearest=None))
        put(BASE, obj_id, frame, None)
    put(PROMPTS, obj_id, frame, prompts or None)


def _asked(state: SessionState, frame: int) -> list[int]:
    """Return the objects that are prompted on a frame; PromptError if there is none."""
    checks.check_open(state)
    checks.check_frame(state, frame)
    asked = [i for i in state.object_ids() if state.history.get(PROMPTS, i, frame)]
    if not asked:
        raise PromptError(
            f"No object has a prompt on {checks.word_of(state)} {frame}; add a point, a box or a mask there."
        )
    return asked


def _masks(state: SessionState, obj_ids: list[int], frame: int) -> dict[int, NDArray[np.bool_]]:
    records = {i: state.mask_record(i, frame) for i in obj_ids}
    return {i: record.mask.decode() for i, record in records.items() if record is not None}


def _keep_answers(
    state: SessionState,
    frame: int,
    asked: Mapping[int, Mapping[int, ConditioningRecord]],
    answers: Mapping[int, MaskRecord],
) -> None:
    """Keep the answers to prompts that still stand as they were when they were asked."""
    later = Step(step_names.PREDICT_FRAME, {"frame": frame})
    limited = concerned(state, frame, answers)
    for obj_id, record in answers.items():
        if state.accepted(obj_id).get(frame) == asked[obj_id][frame]:
            with state.history.writing(_step_of(state, obj_id, frame) or later) as put:
                put(MASK, obj_id, frame, record)
                if obj_id in limited:
                    leave_stale(state, put, obj_id, frame)


def _step_of(state: SessionState, obj_id: int, frame: int) -> Step | None:
    """Return the step that set the prompts of a frame, if nothing but other prompts came after it."""
    for step in reversed(state.history.steps):
        if step.name not in step_names.PROMPTING:
            return None
        if any(is_of(c, PROMPTS) and (c.obj_id, c.frame) == (obj_id, frame) for c in step.changes):
            return step
    return None
