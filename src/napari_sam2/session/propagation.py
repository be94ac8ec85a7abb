"""One run of propagation: which frames are stale, from where each is tracked, and two sweeps through the stack.

The forward sweep goes up through the frames that are tracked from below, the backward sweep down through those
tracked from above; each tick moves both one frame, all objects in one batch. What a run must do is planned anew
whenever the session changed under it, so prompts and locks set meanwhile count from the next frame on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.metrics import iou
from napari_sam2.core.masks import RunLengthMask, resolve_by_score
from napari_sam2.engine.protocols import FrameResult
from napari_sam2.session import step_names
from napari_sam2.session.history import Step
from napari_sam2.session.kinds import MASK
from napari_sam2.session.objects import within_cuts
from napari_sam2.session.planning import Direction as Direction
from napari_sam2.session.planning import FrameTask, Freshness, owner_of
from napari_sam2.session.records import MaskRecord
from napari_sam2.session.state import ActiveTrack, PendingMask

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_sam2.engine.protocols import ConditioningFrame, Prediction
    from napari_sam2.session.state import SessionState

# Beyond its end a small model goes on drawing an object, but its predicted IoU falls. Below this share of what it was
# on the track's first frame the object counts as gone. Measured on labelled volumes outside the validation set.
FADED = 0.75


class Run:
    """See :meth:`napari_sam2.session.VideoSession.propagate` for the parameters.

    ``places``: exactly these ``(object, frame)`` are computed, whether fresh or not.
    """

    def __init__(
        self,
        state: SessionState,
        direction: Direction,
        frames: Sequence[int],
        objects: Sequence[int] | None,
        force: bool,
        patience: int,
        progress: Callable[[int, int, str], None] | None,
        places: Container[tuple[int, int]] | None = None,
    ) -> None:
        self.direction: Direction = direction
        self.frames = list(frames)
        self._only = None if objects is None else list(objects)
        self._state = state
        self._force = force
        self._places = places
        self._patience = patience
        self._progress = progress
        self._needs: dict[int, dict[int, FrameTask]] = {}
        if force:
            state.waiting.clear()
        self._finished: set[int] = set()
        self._from_below: dict[tuple[int, int], NDArray[np.bool_]] = {}
        self._planned_at = -1
        self._step = self._new_step()

    def objects(self) -> list[int]:
        """The objects of the run: those chosen, or all that can be tracked now."""
        ids = self._state.object_ids()
        return [i for i in ids if (self._only is None or i in self._only) and self._state.accepted(i)]

    def results(self) -> Iterator[FrameResult]:
        """Compute and store frame by frame."""
        while True:
            with self._state.compute:
                with self._state.lock:
                    self._plan()
                    result = self._collect()
                    tick = [] if result else self._next_tick()
                if result is None:
                    if not tick:
                        return
                    self._advance(tick)
                    continue
            self._report()
            # One frame at a time: what is left unasked for when the caller stops must not be in the session.
            yield result

    def _new_step(self) -> Step:
        """A step with all that replay needs to know."""
        how = {"direction": self.direction, "stop_when_gone": self._patience, "force": self._force}
        return Step(step_names.PROPAGATE, {**how, "overlap": self._state.overlap})

    # ------------------------------------------------------------------ planning

    def _plan(self) -> None:
        """Find the stale frames, if the session changed since the last look."""
        revision = self._state.history.revision
        if revision != self._planned_at:
            self._find_needs()
            self._drop_stale_outcomes()
            self._planned_at = revision

    def _find_needs(self) -> None:
        state = self._state
        self._needs = {}
        for obj_id in self.objects():
            accepted = state.accepted(obj_id)
            freshness = Freshness(state.history, obj_id, accepted)
            for frame in self.frames:
                if frame in self._finished:
                    continue
                if frame in accepted:
                    if not state.is_answered(obj_id, frame):
                        self._needs.setdefault(frame, {})[obj_id] = FrameTask(accepted[frame], 1, accepted)
                    continue
                found = owner_of(accepted, frame, self.direction)
                if found is None or not within_cuts(state.history, obj_id, frame):
                    continue
                owner, sense = found
                if self._is_due(obj_id, frame, freshness):
                    self._needs.setdefault(frame, {})[obj_id] = FrameTask(owner, sense, accepted)

    def _drop_stale_outcomes(self) -> None:
        """Forget computed masks that are no longer needed, or that were computed from what has changed since."""
        for frame, found in list(self._state.waiting.items()):
            for obj_id, outcome in list(found.items()):
                need = self._needs.get(frame, {}).get(obj_id)
                if need is None or outcome.record.computed_from != need.sources(frame):
                    del found[obj_id]
            if not found:
                del self._state.waiting[frame]

    def _is_due(self, obj_id: int, frame: int, freshness: Freshness) -> bool:
        """Return whether a frame that is not accepted has to be computed."""
        if self._places is not None:
            return (obj_id, frame) in self._places
        if self._force or not freshness.is_fresh(frame):
            return True
        record = self._state.mask_record(obj_id, frame)
        return record is None or not self._state.is_by_this_model(record)

    def count(self) -> tuple[int, int]:
        """How many frames, and how many masks on them, are to be computed as things stand."""
        self._find_needs()
        return len(self._needs), sum(len(needs) for needs in self._needs.values())

    def _report(self) -> None:
        if self._progress is not None:
            done = len(self._finished)
            left = sum(1 for f in self._needs if f not in self._finished)
            self._progress(done, done + left, "propagating")

    # ------------------------------------------------------------------ one tick

    def _next_tick(self) -> list[tuple[int, int, FrameTask]]:
        """The (object, frame, need) triples to compute next: accepted frames first, then both sweeps."""
        accepted = [
            (obj_id, frame, need)
            for frame, needs in sorted(self._needs.items())
            for obj_id, need in needs.items()
            if need.owner.frame == frame and obj_id not in self._state.waiting.get(frame, {})
        ]
        if accepted:
            return accepted[:1]
        tick: list[tuple[int, int, FrameTask]] = []
        for sense in (1, -1):
            todo = [
                frame
                for frame, needs in self._needs.items()
                if any(n.sense == sense and i not in self._state.waiting.get(frame, {}) for i, n in needs.items())
            ]
            if not todo:
                continue
            frame = min(todo) if sense == 1 else max(todo)
            tick += [
                (i, frame, n)
                for i, n in self._needs[frame].items()
                if n.sense == sense and i not in self._state.waiting.get(frame, {})
            ]
        return tick

    def _advance(self, tick: list[tuple[int, int, FrameTask]]) -> None:
        """Compute these frames; frames that a track must pass on its way are computed and dropped."""
        state = self._state
        moving: list[tuple[int, int, FrameTask, ActiveTrack]] = []
        for obj_id, frame, need in tick:
            if need.owner.frame == frame:
                prediction = state.answer(obj_id, need.accepted, frame)
                self._wait(obj_id, frame, state.answered(need.owner, prediction), prediction)
            elif need.owner.empty:
                self._wait(obj_id, frame, self._tracked(frame, need, None), None)
            else:
                moving.append((obj_id, frame, need, self._follower(obj_id, frame, need)))
        stream = state.stream()
        while True:
            live = [m for m in moving if m[3].frame != m[1] and not self._is_gone(m[3])]
            if not live:
                break
            predictions = stream.advance([follower.track for *_, follower in live])
            for (obj_id, frame, need, follower), prediction in zip(live, predictions, strict=True):
                follower.frame = follower.track.frame
                follower.absent = follower.absent + 1 if _is_absent(follower, need, prediction) else 0
                if follower.frame == frame:
                    self._wait(obj_id, frame, self._tracked(frame, need, prediction), prediction)
        meeting = []
        for obj_id, frame, need, follower in moving:
            if follower.frame != frame:
                follower.frame = frame
                self._wait(obj_id, frame, self._tracked(frame, need, None), None)
            elif need.meets_at(frame, self.direction):
                meeting.append((obj_id, frame + 1, follower))
        self._look_past(meeting)

    def _look_past(self, meeting: list[tuple[int, int, ActiveTrack]]) -> None:
        """Where an upward track meets the one from above, go one frame further: there both can be compared."""
        if not meeting:
            return
        predictions = self._state.stream().advance([follower.track for *_, follower in meeting])
        for (obj_id, frame, follower), prediction in zip(meeting, predictions, strict=True):
            follower.frame = frame
            self._from_below[obj_id, frame] = prediction.mask

    def _compare(self) -> None:
        """Note how far the two tracks disagree, once both masks of a frame are there."""
        history = self._state.history
        for (obj_id, frame), mask in list(self._from_below.items()):
            record = self._state.mask_record(obj_id, frame)
            if frame in self._finished and record is not None and record.source == "track":
                del self._from_below[obj_id, frame]
                with history.writing(self._step) as put:
                    put(MASK, obj_id, frame, replace(record, disagreement=1 - iou(mask, record.mask.decode())))

    def _is_gone(self, follower: ActiveTrack) -> bool:
        return bool(self._patience) and follower.absent >= self._patience

    def _follower(self, obj_id: int, frame: int, need: FrameTask) -> ActiveTrack:
        """The track that reaches this frame: the one of the last tick, or of a run that was stopped, or a new one."""
        state = self._state
        context = tuple(a for f, a in need.accepted.items() if f != need.owner.frame)
        key = (obj_id, need.owner.frame, need.sense)
        known = state.followers.get(key)
        if (
            known is not None
            and known.owner == need.owner
            and known.context == context
            and (frame - known.frame) * need.sense > 0
        ):
            return known
        states = {c.frame: c for c in state.conditioning(obj_id, need.accepted)}
        others: list[ConditioningFrame] = [states[a.frame] for a in context]
        track = state.stream().track(states[need.owner.frame], others, need.sense)
        new = ActiveTrack(track, need.owner, context, need.owner.frame)
        state.followers[key] = new
        return new

    # ------------------------------------------------------------------ results

    def _tracked(self, frame: int, need: FrameTask, prediction: Prediction | None) -> MaskRecord:
        """A tracked mask as it is kept; None: the object was gone before this frame."""
        state = self._state
        sources, contrast_limits = need.sources(frame), state.contrast_limits
        if prediction is None:
            empty = RunLengthMask.encode(np.zeros(state.grid.frame_shape, dtype=bool))
            return MaskRecord(
                empty, "track", computed_from=sources, contrast_limits=contrast_limits, model=state.predictor.name
            )
        return state.computed("track", prediction, sources)

    def _wait(self, obj_id: int, frame: int, record: MaskRecord, prediction: Prediction | None) -> None:
        self._state.waiting.setdefault(frame, {})[obj_id] = PendingMask(record, self._logits(prediction))

    def _logits(self, prediction: Prediction | None) -> Any:
        return prediction.logits if prediction is not None and self._state.overlap == "score" else None

    def _collect(self) -> FrameResult | None:
        """Store the next frame of which every object is there; None if there is none."""
        frame = next((f for f, found in self._state.waiting.items() if set(self._needs[f]) <= set(found)), None)
        if frame is None:
            return None
        self._store(frame, self._state.waiting.pop(frame))
        self._needs.pop(frame)
        self._finished.add(frame)
        self._compare()
        self._planned_at = self._state.history.revision
        return self._result(frame)

    def _store(self, frame: int, outcomes: dict[int, PendingMask]) -> None:
        with self._state.history.writing(self._step_to_write()) as put:
            for obj_id, record in resolved(outcomes).items():
                put(MASK, obj_id, frame, record)

    def _step_to_write(self) -> Step:
        history = self._state.history
        if self._step.changes and history.steps[-1] is not self._step:
            # The user did something meanwhile, and what follows may follow from it: the log tells things in order.
            self._step = self._new_step()
        return self._step

    def _result(self, frame: int) -> FrameResult:
        records = {i: self._state.mask_record(i, frame) for i in self._state.object_ids()}
        present = {i: r for i, r in records.items() if r is not None}
        return FrameResult(
            frame, {i: r.mask.decode() for i, r in present.items()}, {i: r.scores for i, r in present.items()}
        )


def resolved(outcomes: dict[int, PendingMask]) -> dict[int, MaskRecord]:
    """The masks of one frame as they are kept; where logits were kept, no pixel belongs to two objects."""
    logits = {i: o.logits for i, o in outcomes.items() if o.logits is not None}
    shared = resolve_by_score(logits) if len(logits) > 1 else {}
    return {
        i: replace(o.record, mask=RunLengthMask.encode(shared[i])) if i in shared else o.record
        for i, o in outcomes.items()
    }


def _is_absent(follower: ActiveTrack, need: FrameTask, prediction: Prediction) -> bool:
    """Whether the object is not on a tracked frame: no mask, or at an open end one that has faded."""
    iou_here = prediction.scores.iou
    if follower.first_iou is None:
        follower.first_iou = iou_here
    return not prediction.mask.any() or (need.has_open_end and iou_here < FADED * follower.first_iou)
