"""Replay: the log done again from nothing, which must give the same masks."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from napari_sam2.errors import SessionFileError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.history import is_of
from napari_sam2.session.log.kinds import BASE, MASK
from napari_sam2.session.state.session_state import SessionState
from napari_sam2.session.tracking.exact import replay_exactly
from napari_sam2.session.tracking.limited_masks import has_lost_its_sources
from napari_sam2.session.tracking.propagation import Run

if TYPE_CHECKING:
    from napari_sam2.core.intensity_mapping import IntensityMapping
    from napari_sam2.session.log.history import Change, Step
    from napari_sam2.session.log.records import MaskRecord, Rules


def replay(state: SessionState) -> int:
    """Compute every mask again in a session of its own, and keep those that differ as one step.

    Returns
    -------
    int
        How many masks differ.

    Raises
    ------
    SessionFileError
        If the log does not reach back to the beginning.
    """
    if not state.history.is_complete:
        raise SessionFileError(
            "The session cannot be replayed: its log was shortened to fit its memory, and the oldest steps are gone."
        )
    again = SessionState(
        state.predictor, state.volume, state.grid, state.mapping, state.zoom, state.overlap, state.exact
    )
    if state.exact:
        replay_exactly(state.history, again)
    else:
        for step in state.history.steps:
            # The contrast limits may change in the middle of a run.
            for _, changes in groupby(filter(_is_more_than_a_note, step.changes), key=_settings):
                _do_again(again, step, list(changes))
    changed = [
        (obj_id, frame, record)
        for obj_id in again.history.objects(MASK)
        for frame, record in again.history.frames(MASK, obj_id).items()
        if (kept := state.mask_record(obj_id, frame)) is None or kept.mask != record.mask
    ]
    with state.history.step(step_names.REPLAY) as put:
        for obj_id, frame, record in changed:
            put(MASK, obj_id, frame, record)
    return len(changed)


def _do_again(again: SessionState, step: Step, changes: list[Change[Any]]) -> None:
    settings = _settings(changes[0])
    if settings is not None:
        mapping, rules = settings
        again.follow(rules)
        if mapping is not None:
            again.mapping = mapping
    if step.name == step_names.PROPAGATE:
        again.overlap = step.arguments["overlap"]
        frames = sorted({c.frame for c in changes})
        objects = sorted({c.obj_id for c in changes}, key=again.object_ids().index)
        how = step.arguments
        chunks = [[i for i in objects if i in chunk] for chunk in how.get("chunks", ())]
        chunks.append([i for i in objects if not any(i in chunk for chunk in chunks)])
        # What counts as fresh is a matter of the version that ran; what it computed stands in the log.
        exactly = None if how["force"] else {(c.obj_id, c.frame) for c in changes}
        for chunk in chunks:
            run = Run(again, how["direction"], frames, chunk, how["force"], how["stop_when_gone"], None, exactly)
            for _ in run.results():
                pass
            if len(chunks) > 1:
                again.forget_tracks(chunk)
        return
    for change in changes:
        value: Any = change.after
        if is_of(change, MASK) and _is_answer(step, change.after):
            accepted = again.accepted(change.obj_id)
            prediction = again.predict(change.obj_id, accepted, change.frame)
            value = again.prompt_record(change.obj_id, accepted[change.frame], prediction)
        elif is_of(change, BASE) and change.after is not None and change.after.source == "track":
            value = again.base(change.obj_id, change.frame)
        with again.history.step(step.name) as put:
            put(change.kind, change.obj_id, change.frame, value)


def _is_answer(step: Step, record: MaskRecord | None) -> bool:
    """Return whether the mask of a step is the model's answer to prompts."""
    return step.name in step_names.ANSWERING and record is not None and record.source == "prompt"


def _is_more_than_a_note(change: Change[Any]) -> bool:
    """Return whether anything was computed: not only the disagreement with the other track, or that a mask is stale."""
    if not is_of(change, MASK) or change.before is None or change.after is None:
        return True
    is_comparison = replace(change.before, disagreement=change.after.disagreement) == change.after
    return not is_comparison and not has_lost_its_sources(change.before, change.after)


def _settings(change: Change[Any]) -> tuple[IntensityMapping | None, Rules] | None:
    """Return the settings with which the model computed a mask; None for anything else."""
    if not is_of(change, MASK) or change.after is None:
        return None
    record = change.after
    if not record.model and record.mapping is None:
        return None
    return record.mapping, record.rules
