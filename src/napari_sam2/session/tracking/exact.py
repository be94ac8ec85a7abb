"""Exact mode: Meta's predictor, fed with the calls that the log of a session tells.

What Meta's predictor answers follows from all calls before, in their order, and so does its memory. Here it is told
what stands in the log: prompts, locks, and each frame that a pass came to. When the log is another one (a step was
undone, the session comes from a file, the model was changed), it is told everything anew.
"""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_sam2.core.prompts import PromptSet
from napari_sam2.errors import SessionFileError
from napari_sam2.session.log import step_names
from napari_sam2.session.log.history import Step, is_of
from napari_sam2.session.log.kinds import LOCK, MASK, OBJECT, PASS, PROMPTS, VISIT
from napari_sam2.session.state.tracks import PendingMask
from napari_sam2.session.tracking.planning import sources_of
from napari_sam2.session.tracking.propagation import resolved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_sam2.engine.protocols import ExactVideoStream, Prediction
    from napari_sam2.session.log.history import Change, History, Put
    from napari_sam2.session.log.records import MaskRecord, Sign
    from napari_sam2.session.state.session_state import SessionState


class Answer(NamedTuple):
    """A mask of the model for an object on a frame; ``pending`` is None where there is none any more."""

    step: Step
    obj_id: int
    frame: int
    pending: PendingMask | None
    is_of_a_pass: bool = False


class MetaPredictor:
    """Meta's predictor at work on a session.

    Its methods are called with both locks of the session held.
    """

    def __init__(self, state: SessionState) -> None:
        self.state = state
        # Weak, so that the session can free what the model computed.
        self._stream: weakref.ref[ExactVideoStream] | None = None
        self._told: list[tuple[Step, int]] = []

    # ------------------------------------------------------------------ the log

    def catch_up(self) -> list[Answer]:
        """Tell the model what stands in the log and was not told yet; its answers."""
        steps = self.state.history.steps
        self._check_what_was_told(steps)
        answers: list[Answer] = []
        with self.whole_or_nothing():
            stream = self.state.exact_stream()
            for place in range(max(len(self._told) - 1, 0), len(steps)):
                step = steps[place]
                first = self._told[place][1] if place < len(self._told) else 0
                for change in step.changes[first:]:
                    answers += self._tell(stream, step, change)
                self._told[place:] = [(step, len(step.changes))]
        return answers

    def predict_last_step(self) -> None:
        """Tell the model the last step of the log and keep its answers as part of that step."""
        history = self.state.history
        answers = [a for a in self.catch_up() if a.step is history.steps[-1]]
        if answers:
            with self.writing(history.steps[-1]) as put:
                self.keep(put, answers)

    def predict_again(self, obj_ids: Sequence[int], frame: int) -> None:
        """Keep what the model has of some objects on a frame, as it may be another model than before."""
        self.catch_up()
        found = {i: self.shown(i, frame) for i in obj_ids if not self.state.is_locked(i, frame)}
        later = Step(step_names.PREDICT_FRAME, {"frame": frame})
        for obj_id, record in found.items():
            kept = self.state.mask_record(obj_id, frame)
            if record is not None and (kept is None or kept.mask != record.mask):
                with self.writing(later) as put:
                    put(MASK, obj_id, frame, record)

    def keep(self, put: Put, answers: Sequence[Answer]) -> None:
        """Write answers to the log; where the model has none any more, what the user drew stays."""
        shared = resolved({a.obj_id: a.pending for a in answers if a.pending is not None and a.is_of_a_pass})
        for _, obj_id, frame, pending, is_of_a_pass in answers:
            record = self.state.mask_record(obj_id, frame)
            if pending is not None:
                put(MASK, obj_id, frame, shared[obj_id] if is_of_a_pass else pending.record)
            elif record is not None and record.source != "edit":
                put(MASK, obj_id, frame, None)

    def shown(self, obj_id: int, frame: int) -> MaskRecord | None:
        """Return what the model has of an object on a frame."""
        prediction = self.state.exact_stream().shown(obj_id, frame)
        return None if prediction is None else self._pending_mask(obj_id, frame, prediction).record

    @contextmanager
    def writing(self, step: Step) -> Iterator[Put]:
        """Write to the last step what the model knows already."""
        with self.whole_or_nothing():
            with self.state.history.writing(step) as put:
                yield put
            if not self._told or self._told[-1][0] is not step:
                self._told.append((step, 0))
            self._told[-1] = (step, len(step.changes))

    @contextmanager
    def whole_or_nothing(self) -> Iterator[None]:
        """After an error nobody knows what the model was told: it is told everything anew."""
        try:
            yield
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        self.state.forget_work()
        self._told.clear()

    def _check_what_was_told(self, steps: Sequence[Step]) -> None:
        """Begin anew where the model was told something else than what the log says now."""
        stream = self.state.exact_stream()
        is_known = self._stream is not None and self._stream() is stream
        if self._told and is_known:
            # The oldest steps may have left the log.
            start = next((i for i, (told, _) in enumerate(self._told) if steps and told is steps[0]), None)
            known = [] if start is None else self._told[start:]
            pairs = zip(known, steps, strict=False)
            if 0 < len(known) <= len(steps) and all(t is step and n <= len(step.changes) for (t, n), step in pairs):
                self._told = known
                return
        if self._told:
            self._forget()
        self._stream = weakref.ref(self.state.exact_stream())
        if not self.state.history.is_complete:
            raise SessionFileError(
                "Exact mode cannot go on: the log was shortened to fit its memory, and its oldest steps are gone.\n"
                "Masks and prompts stay as they are; begin a new session to go on."
            )

    # ------------------------------------------------------------------ one call

    def _tell(self, stream: ExactVideoStream, step: Step, change: Change[Any]) -> list[Answer]:
        obj_id, frame = change.obj_id, change.frame
        if step.name == step_names.RESET_OBJECT:
            stream.remove(obj_id)
        elif is_of(change, PROMPTS):
            called = _call(change)
            prediction = stream.clear(obj_id, frame) if called is None else stream.answer(obj_id, frame, called)
            pending = None if prediction is None else self._pending_mask(obj_id, frame, prediction)
            return [Answer(step, obj_id, frame, pending)]
        elif is_of(change, PASS) and change.after is not None:
            stream.prepare(obj_id)
        elif is_of(change, VISIT) and change.after is not None:
            pending = self.visit(obj_id, frame, change.after.sweep)
            return [] if pending is None else [Answer(step, obj_id, frame, pending, is_of_a_pass=True)]
        elif is_of(change, MASK) and change.after is not None and change.after.source == "edit":
            stream.accept(obj_id, frame, change.after.mask)
        elif is_of(change, LOCK):
            (stream.release if change.after is None else stream.accept)(obj_id, frame)
        elif is_of(change, OBJECT) and change.after is None:
            stream.remove(obj_id)
        return []

    def visit(self, obj_id: int, frame: int, sweep: Sign) -> PendingMask | None:
        """Let a pass come to a frame; its mask, or None where the one that is there stays."""
        state = self.state
        prediction, is_tracked = state.exact_stream().visit(obj_id, frame, sweep)
        if state.is_locked(obj_id, frame):
            return None
        pending = self._pending_mask(obj_id, frame, prediction, is_tracked)
        record = state.mask_record(obj_id, frame)
        if not is_tracked and record is not None and record.mask == pending.record.mask:
            return None
        return pending

    def _pending_mask(self, obj_id: int, frame: int, prediction: Prediction, is_tracked: bool = False) -> PendingMask:
        state = self.state
        prompts = state.history.get(PROMPTS, obj_id, frame)
        if is_tracked or prompts is None:
            record = state.to_record("track", prediction, sources_of(state.accepted(obj_id), frame))
        else:
            record = state.to_record("prompt", prediction, (prompts,))
        return PendingMask(record, prediction.logits if state.overlap == "score" else None)


def _call(change: Change[PromptSet]) -> PromptSet | None:
    """Return what Meta's predictor is told of changed prompts: a mask if it is new, else all clicks and the box."""
    before, after = change.before or PromptSet(), change.after
    if after is None:
        return None
    if after.mask is not None and (after.mask != before.mask or not (after.points or after.box)):
        return PromptSet(mask=after.mask)
    return replace(after, mask=None)


def replay_exactly(history: History, again: SessionState) -> None:
    """Do a log again in a session of its own, and compute all masks of the model anew."""
    meta = MetaPredictor(again)
    for step in history.steps:
        again.overlap = step.arguments.get("overlap", again.overlap)
        new = Step(step.name, step.arguments)
        done = 0
        for _, group in groupby(enumerate(step.changes), key=_belongs_to):
            part = [change for _, change in group]
            done += len(part)
            _do_again(meta, new, part, step.changes[done:])


def _belongs_to(numbered: tuple[int, Change[Any]]) -> tuple[bool, int]:
    """Return a key by which the objects on a frame that a pass came to are done at once; all else is one by one.

    They share the pixels of the frame.
    """
    number, change = numbered
    return (True, change.frame) if is_of(change, VISIT) else (False, number)


def _do_again(meta: MetaPredictor, step: Step, part: Sequence[Change[Any]], later: Sequence[Change[Any]]) -> None:
    again, first = meta.state, part[0]
    if is_of(first, MASK) and first.after is not None and first.after.model and step.name in step_names.COMPUTING:
        if step.name == step_names.PREDICT_FRAME:
            with meta.writing(step) as put:
                put(MASK, first.obj_id, first.frame, meta.shown(first.obj_id, first.frame))
        return
    # The window may change in the middle of a run: each mask tells with which it was computed.
    masks = (c.after for c in later if is_of(c, MASK) and c.frame == first.frame and c.after is not None)
    mapping = next((mask.mapping for mask in masks if mask.mapping is not None), None)
    if mapping is not None and (is_of(first, PROMPTS) or is_of(first, VISIT)):
        again.mapping = mapping
    with again.history.writing(step) as put:
        for change in part:
            put(change.kind, change.obj_id, change.frame, change.after)
    answers = meta.catch_up()
    if answers:
        with meta.writing(step) as put:
            meta.keep(put, answers)
