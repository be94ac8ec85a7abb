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
from napari_sam2.session.log import step_names
from napari_sam2.session.log.history import Step
from napari_sam2.session.log.kinds import MASK
from napari_sam2.session.log.records import MaskRecord
from napari_sam2.session.state.limits import matters
from napari_sam2.session.state.tracks import ActiveTrack, PendingMask
from napari_sam2.session.tracking.limited_masks import concerned, leave_stale
from napari_sam2.session.tracking.stale_frames import StaleFrames
from napari_sam2.session.tracking.work_list import WorkList

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_sam2.core.intensity_range import IntensityRange
    from napari_sam2.engine.protocols import ConditioningFrame, Prediction
    from napari_sam2.session.state.session_state import SessionState
    from napari_sam2.session.tracking.planning import Direction, FrameTask

# Beyond its end a small model goes on drawing an object, but its predicted IoU falls. Below this share of what it was
# on the track's first frame the object counts as gone. Measured on labelled volumes outside the validation set.
FADED = 0.75


class Run:
    """See :meth:`napari_sam2.session.VideoSession.propagate` for the parameters.

    ``exactly``: exactly these ``(object, frame)`` are computed, whether fresh or not. ``step`` is that of the run
    before, which this one goes on with; ``chunks`` are the objects of all runs that make one step.
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
        *,
        step: Step | None = None,
        chunks: Sequence[Sequence[int]] = (),
    ) -> None:
        self.direction: Direction = direction
        self.frames = list(frames)
        self._only = None if objects is None else list(objects)
        self._state = state
        self._force = force
        self._stale = StaleFrames(state, direction, self.frames, force, exactly)
        self._patience = patience
        self._progress = progress
        self._tasks: dict[int, dict[int, FrameTask]] = {}
        if force:
            state.pending.clear()
        self._finished: set[int] = set()
        self._from_below: dict[tuple[int, int], NDArray[np.bool_]] = {}
        self._work = WorkList({}, {})
        self._planned_at = (-1, -1)
        self._chunks = [list(chunk) for chunk in chunks]
        self.step = self._new_step() if step is None else step

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
                    tick = [] if result else self._work.next()
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
        how: dict[str, Any] = {"direction": self.direction, "stop_when_gone": self._patience, "force": self._force}
        if self._chunks:
            how["chunks"] = self._chunks
        return Step(step_names.PROPAGATE, {**how, "overlap": self._state.overlap})

    # ------------------------------------------------------------------ planning

    def _plan(self) -> None:
        """Find the stale frames, if the session changed since the last look, or forgot what was computed."""
        now = (self._state.history.revision, self._state.times_forgotten)
        if now != self._planned_at:
            self._find_tasks()
            if len({obj_id for tasks in self._tasks.values() for obj_id in tasks}) > 1:
                self._state.share_pixels()
            self._drop_stale_masks()
            self._work = WorkList(self._tasks, self._state.pending)
            self._planned_at = (self._state.history.revision, self._state.times_forgotten)

    def _find_tasks(self) -> None:
        self._tasks = self._stale.tasks(self.objects(), self._finished)

    def _drop_stale_masks(self) -> None:
        """Forget computed masks that are no longer needed, or that were computed from what has changed since."""
        for frame, found in list(self._state.pending.items()):
            for obj_id, pending in list(found.items()):
                task = self._tasks.get(frame, {}).get(obj_id)
                if task is None or not self._still_holds(obj_id, frame, pending.record, task):
                    del found[obj_id]
            if not found:
                del self._state.pending[frame]

    def _still_holds(self, obj_id: int, frame: int, record: MaskRecord, task: FrameTask) -> bool:
        """Return whether a computed mask is what would be computed now."""
        if record.source == "track" and (
            record.value_range != self._state.range_of(obj_id)
            or matters(record.mask, record.limit, self._state.limit_of(obj_id, frame))
        ):
            return False
        return record.computed_from == task.sources(frame)

    def due_objects(self) -> list[int]:
        """Return the objects with a frame to compute as things stand, in their order."""
        self._find_tasks()
        due = {obj_id for tasks in self._tasks.values() for obj_id in tasks}
        return [i for i in self._state.object_ids() if i in due]

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

    def _advance(self, tick: list[tuple[int, int, FrameTask]]) -> None:
        """Compute these frames; frames that a track must pass on its way are computed and dropped."""
        state = self._state
        moving: list[tuple[int, int, FrameTask, ActiveTrack]] = []
        for obj_id, frame, task in tick:
            if task.owner.frame == frame:
                prediction = state.predict(obj_id, task.accepted, frame)
                self._keep_pending(obj_id, frame, state.prompt_record(obj_id, task.owner, prediction), prediction)
            elif task.owner.empty:
                gone = self._tracked(frame, task, None, value_range=state.range_of(obj_id))
                self._keep_pending(obj_id, frame, gone, None)
            else:
                moving.append((obj_id, frame, task, self._active_track(obj_id, frame, task)))
        stream = state.stream()
        while True:
            live = [m for m in moving if m[3].frame != m[1] and not self._is_gone(m[3])]
            if not live:
                break
            limits = [state.limit_of(obj_id, active.frame + task.sweep) for obj_id, _, task, active in live]
            bounds = [
                state.forbidden_on(active.frame + task.sweep, limit, active.value_range)
                for (*_, task, active), limit in zip(live, limits, strict=True)
            ]
            predictions = stream.advance([active.track for *_, active in live], forbidden=_or_none(bounds))
            for (obj_id, frame, task, active), prediction, limit in zip(live, predictions, limits, strict=True):
                active.frame = active.track.frame
                active.absent = active.absent + 1 if _is_absent(active, task, prediction) else 0
                if active.frame == frame:
                    record = self._tracked(frame, task, prediction, limit, active.value_range)
                    self._keep_pending(obj_id, frame, record, prediction)
        meeting = []
        for obj_id, frame, task, active in moving:
            if active.frame != frame:
                active.frame = frame
                gone = self._tracked(frame, task, None, value_range=active.value_range)
                self._keep_pending(obj_id, frame, gone, None)
            elif task.meets_at(frame, self.direction):
                meeting.append((obj_id, frame + 1, active))
        self._track_past_meeting(meeting)

    def _track_past_meeting(self, meeting: list[tuple[int, int, ActiveTrack]]) -> None:
        """Go one frame further where an upward track meets the one from above: there both can be compared."""
        if not meeting:
            return
        state = self._state
        bounds = [state.forbidden_on(f, state.limit_of(i, f), active.value_range) for i, f, active in meeting]
        predictions = state.stream().advance([active.track for *_, active in meeting], forbidden=_or_none(bounds))
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
                with history.writing(self.step) as put:
                    put(MASK, obj_id, frame, replace(record, disagreement=1 - iou(mask, record.mask.decode())))

    def _is_gone(self, active: ActiveTrack) -> bool:
        return bool(self._patience) and active.absent >= self._patience

    def _active_track(self, obj_id: int, frame: int, task: FrameTask) -> ActiveTrack:
        """Return the track that reaches this frame: of the last tick, of a run that was stopped, or a new one."""
        state = self._state
        context = tuple(a for f, a in task.accepted.items() if f != task.owner.frame)
        key, value_range = (obj_id, task.owner.frame, task.sweep), state.range_of(obj_id)
        known = state.tracks.get(key)
        if (
            known is not None
            and known.owner == task.owner
            and known.context == context
            and known.value_range == value_range
            and (frame - known.frame) * task.sweep > 0
        ):
            return known
        states = {c.frame: c for c in state.conditioning(obj_id, task.accepted)}
        others: list[ConditioningFrame] = [states[a.frame] for a in context]
        track = state.stream().track(states[task.owner.frame], others, task.sweep)
        new = ActiveTrack(track, task.owner, context, task.owner.frame, value_range)
        state.tracks[key] = new
        return new

    # ------------------------------------------------------------------ results

    def _tracked(
        self,
        frame: int,
        task: FrameTask,
        prediction: Prediction | None,
        limit: RunLengthMask | None = None,
        value_range: IntensityRange | None = None,
    ) -> MaskRecord:
        """Return a tracked mask as it is kept; no prediction: the object was gone before this frame."""
        state = self._state
        sources = task.sources(frame)
        if prediction is None:
            empty = RunLengthMask.encode(np.zeros(state.grid.frame_shape, dtype=bool))
            return MaskRecord(
                empty,
                "track",
                computed_from=sources,
                mapping=state.mapping,
                model=state.predictor.name,
                rules=state.rules,
                value_range=value_range,
            )
        return state.to_record("track", prediction, sources, limit, value_range)

    def _keep_pending(self, obj_id: int, frame: int, record: MaskRecord, prediction: Prediction | None) -> None:
        self._state.pending.setdefault(frame, {})[obj_id] = PendingMask(record, self._logits(prediction))
        self._work.done(obj_id, frame)

    def _logits(self, prediction: Prediction | None) -> Any:
        return prediction.logits if prediction is not None and self._state.overlap == "score" else None

    def _collect(self) -> FrameResult | None:
        """Store the next frame of which every object is there; None if there is none."""
        frame = next((f for f, found in self._state.pending.items() if set(self._tasks[f]) <= set(found)), None)
        if frame is None:
            return None
        found = self._state.pending.pop(frame)
        self._store(frame, found)
        self._tasks.pop(frame)
        self._finished.add(frame)
        self._compare()
        if not any(p.record.source == "prompt" and not p.record.mask.area for p in found.values()):
            # Else the object is not where it was prompted, and what was to be tracked from there comes from elsewhere.
            self._planned_at = (self._state.history.revision, self._planned_at[1])
        return self._result(frame)

    def _store(self, frame: int, found: dict[int, PendingMask]) -> None:
        limited = concerned(self._state, frame, found)
        with self._state.history.writing(self._step_to_write()) as put:
            for obj_id, record in resolved(found).items():
                put(MASK, obj_id, frame, record)
            for obj_id in limited:
                leave_stale(self._state, put, obj_id, frame, self.direction, self._finished)

    def _step_to_write(self) -> Step:
        history = self._state.history
        if self.step.changes and history.steps[-1] is not self.step:
            # The user did something meanwhile, and what follows may follow from it: the log tells things in order.
            self.step = self._new_step()
        return self.step

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


def _or_none(bounds: list[NDArray[np.bool_] | None]) -> list[NDArray[np.bool_] | None] | None:
    """Return what is forbidden to several tracks, or None where nothing is to any."""
    return None if all(forbidden is None for forbidden in bounds) else bounds


def _is_absent(active: ActiveTrack, task: FrameTask, prediction: Prediction) -> bool:
    """Return whether the object is not on a tracked frame: no mask, or at an open end one that has faded."""
    iou_here = prediction.scores.iou
    if active.first_iou is None:
        active.first_iou = iou_here
    return not prediction.encoded().area or (task.has_open_end and iou_here < FADED * active.first_iou)
