"""One run of propagation: the frames that are stale, from where each is tracked, and two sweeps through the stack.

The forward sweep goes up through the frames that are tracked from below, the backward sweep down through those
tracked from above; each tick moves both one frame, all objects in one batch. What a run must do is planned anew
whenever the session changed under it, so prompts and locks set meanwhile count from the next frame on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.metrics import iou
from napari_sam2.core.masks import LazyMasks, RunLengthMask, resolve_by_score
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

    ``exactly``: exactly these ``(object, frame)`` are computed, whether fresh or not.
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
        exactly: Container[tuple[int, int]] | None = None,
    ) -> None:
        self.direction: Direction = direction
        self.frames = list(frames)
        self._only = None if objects is None else list(objects)
        self._state = state
        self._force = force
        self._exactly = exactly
        self._patience = patience
        self._progress = progress
        self._tasks: dict[int, dict[int, FrameTask]] = {}
        if force:
            state.pending.clear()
        self._finished: set[int] = set()
        self._from_below: dict[tuple[int, int], NDArray[np.bool_]] = {}
        self._planned_at = -1
        self._step = self._new_step()

    def objects(self) -> list[int]:
        """Return the objects of the run: those chosen, or all that can be tracked now."""
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
        """Return a step with all that replay needs to know."""
        how = {"direction": self.direction, "stop_when_gone": self._patience, "force": self._force}
        return Step(step_names.PROPAGATE, {**how, "overlap": self._state.overlap})

    # ------------------------------------------------------------------ planning

    def _plan(self) -> None:
        """Find the stale frames, if the session changed since the last look."""
        revision = self._state.history.revision
        if revision != self._planned_at:
            self._find_tasks()
            self._drop_stale_masks()
            self._planned_at = revision

    def _find_tasks(self) -> None:
        state = self._state
        self._tasks = {}
        for obj_id in self.objects():
            accepted = state.accepted(obj_id)
            freshness = Freshness(state.history, obj_id, accepted)
            for frame in self.frames:
                if frame in self._finished:
                    continue
                if frame in accepted:
                    if not state.is_answered(obj_id, frame):
                        self._tasks.setdefault(frame, {})[obj_id] = FrameTask(accepted[frame], 1, accepted)
                    continue
                found = owner_of(accepted, frame, self.direction)
                if found is None or not within_cuts(state.history, obj_id, frame):
                    continue
                owner, sweep = found
                if self._is_due(obj_id, frame, freshness):
                    self._tasks.setdefault(frame, {})[obj_id] = FrameTask(owner, sweep, accepted)

    def _drop_stale_masks(self) -> None:
        """Forget computed masks that are no longer needed, or that were computed from what has changed since."""
        for frame, found in list(self._state.pending.items()):
            for obj_id, pending in list(found.items()):
                task = self._tasks.get(frame, {}).get(obj_id)
                if task is None or pending.record.computed_from != task.sources(frame):
                    del found[obj_id]
            if not found:
                del self._state.pending[frame]

    def _is_due(self, obj_id: int, frame: int, freshness: Freshness) -> bool:
        """Return whether a frame that is not accepted has to be computed."""
        if self._exactly is not None:
            return (obj_id, frame) in self._exactly
        if self._force or not freshness.is_fresh(frame):
            return True
        record = self._state.mask_record(obj_id, frame)
        return record is None or not self._state.is_by_this_model(record)

    def count(self) -> tuple[int, int]:
        """Return how many frames, and how many masks on them, are to be computed as things stand."""
        self._find_tasks()
        return len(self._tasks), sum(len(tasks) for tasks in self._tasks.values())

    def _report(self) -> None:
        if self._progress is not None:
            done = len(self._finished)
            left = sum(1 for f in self._tasks if f not in self._finished)
            self._progress(done, done + left, "propagating")

    # ------------------------------------------------------------------ one tick

    def _next_tick(self) -> list[tuple[int, int, FrameTask]]:
        """Return the (object, frame, task) triples to compute next: accepted frames first, then both sweeps."""
        accepted = [
            (obj_id, frame, task)
            for frame, tasks in sorted(self._tasks.items())
            for obj_id, task in tasks.items()
            if task.owner.frame == frame and obj_id not in self._state.pending.get(frame, {})
        ]
        if accepted:
            return accepted[:1]
        tick: list[tuple[int, int, FrameTask]] = []
        for sweep in (1, -1):
            todo = [
                frame
                for frame, tasks in self._tasks.items()
                if any(t.sweep == sweep and i not in self._state.pending.get(frame, {}) for i, t in tasks.items())
            ]
            if not todo:
                continue
            frame = min(todo) if sweep == 1 else max(todo)
            tick += [
                (i, frame, t)
                for i, t in self._tasks[frame].items()
                if t.sweep == sweep and i not in self._state.pending.get(frame, {})
            ]
        return tick

    def _advance(self, tick: list[tuple[int, int, FrameTask]]) -> None:
        """Compute these frames; frames that a track must pass on its way are computed and dropped."""
        state = self._state
        moving: list[tuple[int, int, FrameTask, ActiveTrack]] = []
        for obj_id, frame, task in tick:
            if task.owner.frame == frame:
                prediction = state.predict(obj_id, task.accepted, frame)
                self._keep_pending(obj_id, frame, state.prompt_record(task.owner, prediction), prediction)
            elif task.owner.empty:
                self._keep_pending(obj_id, frame, self._tracked(frame, task, None), None)
            else:
                moving.append((obj_id, frame, task, self._active_track(obj_id, frame, task)))
        stream = state.stream()
        while True:
            live = [m for m in moving if m[3].frame != m[1] and not self._is_gone(m[3])]
            if not live:
                break
            predictions = stream.advance([active.track for *_, active in live])
            for (obj_id, frame, task, active), prediction in zip(live, predictions, strict=True):
                active.frame = active.track.frame
                active.absent = active.absent + 1 if _is_absent(active, task, prediction) else 0
                if active.frame == frame:
                    self._keep_pending(obj_id, frame, self._tracked(frame, task, prediction), prediction)
        meeting = []
        for obj_id, frame, task, active in moving:
            if active.frame != frame:
                active.frame = frame
                self._keep_pending(obj_id, frame, self._tracked(frame, task, None), None)
            elif task.meets_at(frame, self.direction):
                meeting.append((obj_id, frame + 1, active))
        self._track_past_meeting(meeting)

    def _track_past_meeting(self, meeting: list[tuple[int, int, ActiveTrack]]) -> None:
        """Go one frame further where an upward track meets the one from above: there both can be compared."""
        if not meeting:
            return
        predictions = self._state.stream().advance([active.track for *_, active in meeting])
        for (obj_id, frame, active), prediction in zip(meeting, predictions, strict=True):
            active.frame = frame
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

    def _is_gone(self, active: ActiveTrack) -> bool:
        return bool(self._patience) and active.absent >= self._patience

    def _active_track(self, obj_id: int, frame: int, task: FrameTask) -> ActiveTrack:
        """Return the track that reaches this frame: of the last tick, of a run that was stopped, or a new one."""
        state = self._state
        context = tuple(a for f, a in task.accepted.items() if f != task.owner.frame)
        key = (obj_id, task.owner.frame, task.sweep)
        known = state.tracks.get(key)
        if (
            known is not None
            and known.owner == task.owner
            and known.context == context
            and (frame - known.frame) * task.sweep > 0
        ):
            return known
        states = {c.frame: c for c in state.conditioning(obj_id, task.accepted)}
        others: list[ConditioningFrame] = [states[a.frame] for a in context]
        track = state.stream().track(states[task.owner.frame], others, task.sweep)
        new = ActiveTrack(track, task.owner, context, task.owner.frame)
        state.tracks[key] = new
        return new

    # ------------------------------------------------------------------ results

    def _tracked(self, frame: int, task: FrameTask, prediction: Prediction | None) -> MaskRecord:
        """Return a tracked mask as it is kept; no prediction: the object was gone before this frame."""
        state = self._state
        sources, contrast_limits = task.sources(frame), state.contrast_limits
        if prediction is None:
            empty = RunLengthMask.encode(np.zeros(state.grid.frame_shape, dtype=bool))
            return MaskRecord(
                empty, "track", computed_from=sources, contrast_limits=contrast_limits, model=state.predictor.name
            )
        return state.to_record("track", prediction, sources)

    def _keep_pending(self, obj_id: int, frame: int, record: MaskRecord, prediction: Prediction | None) -> None:
        self._state.pending.setdefault(frame, {})[obj_id] = PendingMask(record, self._logits(prediction))

    def _logits(self, prediction: Prediction | None) -> Any:
        return prediction.logits if prediction is not None and self._state.overlap == "score" else None

    def _collect(self) -> FrameResult | None:
        """Store the next frame of which every object is there; None if there is none."""
        frame = next((f for f, found in self._state.pending.items() if set(self._tasks[f]) <= set(found)), None)
        if frame is None:
            return None
        self._store(frame, self._state.pending.pop(frame))
        self._tasks.pop(frame)
        self._finished.add(frame)
        self._compare()
        self._planned_at = self._state.history.revision
        return self._result(frame)

    def _store(self, frame: int, found: dict[int, PendingMask]) -> None:
        with self._state.history.writing(self._step_to_write()) as put:
            for obj_id, record in resolved(found).items():
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
        masks = LazyMasks({i: r.mask for i, r in present.items()})
        return FrameResult(frame, masks, {i: r.scores for i, r in present.items()})


def resolved(found: dict[int, PendingMask]) -> dict[int, MaskRecord]:
    """Return the masks of one frame as they are kept; where logits were kept, no pixel belongs to two objects."""
    logits = {i: o.logits for i, o in found.items() if o.logits is not None}
    shared = resolve_by_score(logits) if len(logits) > 1 else {}
    return {
        i: replace(o.record, mask=RunLengthMask.encode(shared[i])) if i in shared else o.record
        for i, o in found.items()
    }


def _is_absent(active: ActiveTrack, task: FrameTask, prediction: Prediction) -> bool:
    """Return whether the object is not on a tracked frame: no mask, or at an open end one that has faded."""
    iou_here = prediction.scores.iou
    if active.first_iou is None:
        active.first_iou = iou_here
    return not prediction.encoded().area or (task.has_open_end and iou_here < FADED * active.first_iou)
