"""One run of propagation: which frames are stale, from where each is tracked, and two sweeps through the stack.

The forward sweep goes up through the frames that are tracked from below, the backward sweep down through those
tracked from above; each tick moves both one frame, all objects in one batch. What a run must do is planned anew
whenever the session changed under it, so prompts and locks set meanwhile count from the next frame on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sam2.engine.predictor import Conditioning, FrameResult, FrameScores
from napari_sam2.masks import RunLengthMask, resolve_by_score
from napari_sam2.records import NO_SCORES, Accepted, MaskRecord, accepted_frames, neighbours, owner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_sam2.engine.predictor import Prediction, Window
    from napari_sam2.history import Step
    from napari_sam2.session import Direction, VideoSession

Sense = Literal[1, -1]


@dataclass
class Follower:
    """A track of the predictor with what the session must know of it."""

    track: Any
    owner: Accepted
    context: tuple[Accepted, ...]
    frame: int
    absent: int = 0


@dataclass(frozen=True)
class Need:
    """A frame of an object that a run must compute, and from where."""

    owner: Accepted
    sense: Sense


@dataclass(frozen=True)
class Outcome:
    """A computed mask that waits until its frame is complete."""

    record: MaskRecord
    logits: Any = None


class Run:
    """See :meth:`napari_sam2.session.VideoSession.propagate` for the parameters."""

    def __init__(
        self,
        session: VideoSession,
        direction: Direction,
        frames: Sequence[int],
        objects: Sequence[int],
        force: bool,
        patience: int,
        progress: Callable[[int, int, str], None] | None,
    ) -> None:
        self.session = session
        self.direction: Direction = direction
        self.frames = list(frames)
        self.objects = list(objects)
        self._force = force
        self._patience = patience
        self._progress = progress
        self._needs: dict[int, dict[int, Need]] = {}
        if force:
            session._waiting.clear()
        # Kept in the session: a stopped run leaves what it computed beyond its last yield to the next one.
        self._waiting = session._waiting
        self._finished: set[int] = set()
        self._planned_at = -1
        # How far each sweep has come; frames behind it belong to the next run.
        self._position: dict[Sense, int] = {1: -1, -1: session.frame_count}

    def results(self, step: Step) -> Iterator[FrameResult]:
        """Compute and store frame by frame."""
        if self.session.exact:
            yield from self._exact_results(step)
            return
        while True:
            with self.session._compute:
                with self.session._lock:
                    self._plan()
                    result = self._collect(step)
                    tick = [] if result else self._next_tick()
                if result is None:
                    if not tick:
                        return
                    self._advance(tick)
                    continue
            self._report()
            # One frame at a time: what is left unasked for when the caller stops must not be in the session.
            yield result

    # ------------------------------------------------------------------ planning

    def _plan(self) -> None:
        """Find the stale frames, if the session changed since the last look."""
        session = self.session
        if session._history.revision == self._planned_at:
            return
        self._needs = {}
        for obj_id in self.objects:
            accepted = accepted_frames(session._history, obj_id)
            for frame in self.frames:
                if frame in self._finished:
                    continue
                if frame in accepted:
                    if not session._is_answered(obj_id, frame):
                        self._needs.setdefault(frame, {})[obj_id] = Need(accepted[frame], 1)
                    continue
                found = owner_of(accepted, frame, self.direction)
                if found is None:
                    continue
                owner, sense = found
                if (frame - self._position[sense]) * sense <= 0:
                    if obj_id not in self._waiting.get(frame, {}):
                        continue
                elif not self._force and self._is_fresh(obj_id, frame, accepted):
                    continue
                self._needs.setdefault(frame, {})[obj_id] = Need(owner, sense)
        self._drop_stale_outcomes()
        self._planned_at = session._history.revision

    def _drop_stale_outcomes(self) -> None:
        """Forget computed masks that are no longer needed, or that were computed from what has changed since."""
        for frame, found in list(self._waiting.items()):
            for obj_id, outcome in list(found.items()):
                need = self._needs.get(frame, {}).get(obj_id)
                if need is None or outcome.record.computed_from != self._expected_sources(obj_id, frame):
                    del found[obj_id]
            if not found:
                del self._waiting[frame]

    def _expected_sources(self, obj_id: int, frame: int) -> tuple[Any, ...]:
        accepted = accepted_frames(self.session._history, obj_id)
        return (accepted[frame].prompts,) if frame in accepted else _sources(accepted, frame)

    def _is_fresh(self, obj_id: int, frame: int, accepted: dict[int, Accepted]) -> bool:
        record: MaskRecord | None = self.session._history.get("mask", obj_id, frame)
        return record is not None and record.source == "track" and record.computed_from == _sources(accepted, frame)

    def _report(self) -> None:
        if self._progress is not None:
            done = len(self._finished)
            left = sum(1 for f in self._needs if f not in self._finished)
            self._progress(done, done + left, "propagating")

    # ------------------------------------------------------------------ one tick

    def _next_tick(self) -> list[tuple[int, int, Need]]:
        """The (object, frame, need) triples to compute next: accepted frames first, then both sweeps."""
        accepted = [
            (obj_id, frame, need)
            for frame, needs in sorted(self._needs.items())
            for obj_id, need in needs.items()
            if need.owner.frame == frame and obj_id not in self._waiting.get(frame, {})
        ]
        if accepted:
            return accepted[:1]
        tick: list[tuple[int, int, Need]] = []
        for sense in (1, -1):
            todo = [
                frame
                for frame, needs in self._needs.items()
                if any(n.sense == sense and i not in self._waiting.get(frame, {}) for i, n in needs.items())
            ]
            if not todo:
                continue
            frame = min(todo) if sense == 1 else max(todo)
            self._position[1 if sense == 1 else -1] = frame
            tick += [
                (i, frame, n)
                for i, n in self._needs[frame].items()
                if n.sense == sense and i not in self._waiting.get(frame, {})
            ]
        return tick

    def _advance(self, tick: list[tuple[int, int, Need]]) -> None:
        """Compute these frames; frames that a track must pass on its way are computed and dropped."""
        session = self.session
        moving: list[tuple[int, int, Follower]] = []
        for obj_id, frame, need in tick:
            if need.owner.frame == frame:
                prediction = session._answer(obj_id, frame)
                record = MaskRecord(
                    RunLengthMask.encode(prediction.mask),
                    "prompt",
                    prediction.scores,
                    prediction.window,
                    (need.owner.prompts,),
                )
                self._wait(obj_id, frame, record, prediction)
                continue
            moving.append((obj_id, frame, self._follower(obj_id, frame, need)))
        stream = session._open_stream()
        while True:
            live = [m for m in moving if m[2].frame != m[1] and not self._is_gone(m[2])]
            if not live:
                break
            for (obj_id, frame, follower), prediction in zip(
                live, stream.advance([f.track for _, _, f in live]), strict=True
            ):
                follower.frame = follower.track.frame
                follower.absent = 0 if prediction.mask.any() else follower.absent + 1
                if follower.frame == frame:
                    self._keep(obj_id, frame, prediction)
        for obj_id, frame, follower in moving:
            if follower.frame != frame:
                follower.frame = frame
                empty = RunLengthMask.encode(np.zeros(session.frame_shape, dtype=bool))
                self._wait(obj_id, frame, self._record(obj_id, frame, empty, NO_SCORES, None), None)

    def _is_gone(self, follower: Follower) -> bool:
        return bool(self._patience) and follower.absent >= self._patience

    def _follower(self, obj_id: int, frame: int, need: Need) -> Follower:
        """The track that reaches this frame: the one of the last tick, or of a run that was stopped, or a new one."""
        session = self.session
        accepted = accepted_frames(session._history, obj_id)
        context = tuple(a for f, a in accepted.items() if f != need.owner.frame)
        key = (obj_id, need.owner.frame, need.sense)
        known: Follower | None = session._followers.get(key)
        if (
            known is not None
            and known.owner == need.owner
            and known.context == context
            and (frame - known.frame) * need.sense > 0
        ):
            return known
        states = {c.frame: c for c in session._conditioning(obj_id)}
        others: list[Conditioning] = [states[a.frame] for a in context]
        track = session._open_stream().track(states[need.owner.frame], others, need.sense)
        new = Follower(track, need.owner, context, need.owner.frame)
        session._followers[key] = new
        return new

    # ------------------------------------------------------------------ results

    def _keep(self, obj_id: int, frame: int, prediction: Prediction) -> None:
        mask = RunLengthMask.encode(prediction.mask)
        record = self._record(obj_id, frame, mask, prediction.scores, prediction.window)
        self._wait(obj_id, frame, record, prediction)

    def _record(
        self, obj_id: int, frame: int, mask: RunLengthMask, scores: FrameScores, window: Window | None
    ) -> MaskRecord:
        accepted = accepted_frames(self.session._history, obj_id)
        return MaskRecord(mask, "track", scores, window, _sources(accepted, frame))

    def _wait(self, obj_id: int, frame: int, record: MaskRecord, prediction: Prediction | None) -> None:
        by_score = self.session.overlap == "score" and prediction is not None
        logits = prediction.logits if by_score and prediction is not None else None
        self._waiting.setdefault(frame, {})[obj_id] = Outcome(record, logits)

    def _collect(self, step: Step) -> FrameResult | None:
        """Store the next frame of which every object is there; None if there is none."""
        frame = next((f for f, found in self._waiting.items() if set(self._needs[f]) <= set(found)), None)
        if frame is None:
            return None
        self._store(step, frame, self._waiting.pop(frame))
        self._needs.pop(frame)
        self._finished.add(frame)
        self._planned_at = self.session._history.revision
        return self._result(frame)

    def _store(self, step: Step, frame: int, outcomes: dict[int, Outcome]) -> None:
        history = self.session._history
        logits = {i: o.logits for i, o in outcomes.items() if o.logits is not None}
        shared = resolve_by_score(logits) if len(logits) > 1 else {}
        for obj_id, outcome in outcomes.items():
            record = outcome.record
            if obj_id in shared:
                record = MaskRecord(
                    RunLengthMask.encode(shared[obj_id]),
                    record.source,
                    record.scores,
                    record.window,
                    record.computed_from,
                )
            history.put(step, "mask", obj_id, frame, record)

    def _result(self, frame: int) -> FrameResult:
        history = self.session._history
        records = {i: history.get("mask", i, frame) for i in self.session._object_ids()}
        present = {i: r for i, r in records.items() if r is not None}
        return FrameResult(
            frame, {i: r.mask.decode() for i, r in present.items()}, {i: r.scores for i, r in present.items()}
        )

    # ------------------------------------------------------------------ Meta's order

    def _exact_results(self, step: Step) -> Iterator[FrameResult]:
        """Meta's ``propagate_in_video``: from the earliest accepted frame of any object, forward, backward, or both."""
        session = self.session
        with session._compute:
            accepted = {i: accepted_frames(session._history, i) for i in self.objects}
            start = min(f for frames in accepted.values() for f in frames)
            stream = session._open_stream()
            tracks: dict[int, Any] = {}
            for obj_id in self.objects:
                states = session._conditioning(obj_id)
                tracks[obj_id] = stream.track(states[0], states[1:], 1)
        sweeps: list[tuple[Sense, range]] = []
        if self.direction != "backward":
            sweeps.append((1, range(start, session.frame_count)))
        if self.direction != "forward":
            # Meta's reverse pass begins at the start frame again; the forward pass has already yielded it.
            sweeps.append((-1, range(start - (self.direction == "both"), -1, -1)))
        for sense, frames in sweeps:
            for frame in (f for f in frames if f in self.frames):
                with session._compute:
                    for obj_id, track in tracks.items():
                        state = session._states.get((obj_id, frame - sense))
                        if frame in accepted[obj_id]:
                            continue
                        stream.place(track, frame, sense, None if state is None else state[1])
                        self._keep(obj_id, frame, stream.advance([track])[0])
                    with session._lock:
                        self._store(step, frame, self._waiting.pop(frame, {}))
                        self._finished.add(frame)
                        result = self._result(frame)
                self._report()
                yield result


def _sources(accepted: dict[int, Accepted], frame: int) -> tuple[Any, ...]:
    """What a tracked frame was computed from: the accepted frames on both sides (their corrected masks left out)."""
    near = (a for a in neighbours(accepted, frame) if a is not None)
    return tuple((a.frame, a.prompts, a.mask) for a in near)
