"""Memories that choose which past frames are worth remembering; options beside Meta's rule of the last ones.

Both work in either direction and keep only what can still be attended.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import exp
from statistics import median
from typing import TYPE_CHECKING

from napari_sam2.engine.sam2.tracking.memory_bank import Attended, Evidence, Memory, MemoryBank

if TYPE_CHECKING:
    from napari_sam2.engine.options import MemoryRule

_LEAST_SCORE = 0.01
_LEAST_IOU_IN_MOTION = 0.5
_STRIDE = 5
_LEAST_IOU, _AREA_RATIO, _FRAMES_BETWEEN = 0.8, (0.8, 1.2), 5
_AREAS_SEEN, _AREAS_COUNTED = 300, 10
RIVAL = 0.3
"""From this value of `FrameScores.rival` on there is something that looks like the object."""


def selection_score(iou: float, object_score: float) -> float:
    """Return how much a tracked frame is worth: predicted IoU times certainty that the object is there, 0…1."""
    return iou * (2 / (1 + exp(-object_score)) - 1) if object_score > 0 else 0.0


def _worth(evidence: Evidence | None) -> float:
    """Return the worth of a frame; where motion counts, SAMURAI's rule: a sure mask where the object was expected."""
    if evidence is None:
        return 1.0
    if evidence.motion is not None and (evidence.motion == 0 or evidence.iou <= _LEAST_IOU_IN_MOTION):
        return 0.0
    return selection_score(evidence.iou, evidence.object_score)


@dataclass
class SelectedMemoryBank(MemoryBank):
    """Remembers the last frames whose masks are worth it, and always the neighbour.

    The rule of SAM 3's tracker (Carion et al. 2025). Places in time are ranks among the remembered frames, not
    distances.
    """

    scores: dict[int, float] = field(default_factory=dict)

    def remember(self, frame: int, memory: Memory, step: int, evidence: Evidence | None = None) -> None:
        """Store a tracked frame; the one before it leaves if it was not worth more than being the neighbour."""
        before = next(reversed(self.pointers), None)
        if before is not None and self.scores[before] <= _LEAST_SCORE:
            self.tracked.pop(before, None)
            del self.pointers[before], self.scores[before]
        self.tracked[frame] = memory
        self.pointers[frame] = memory.pointer
        self.scores[frame] = _worth(evidence)
        while len(self.tracked) > self.recent_frames:
            del self.tracked[next(iter(self.tracked))]
        while len(self.pointers) > self.recent_pointers - 1:
            oldest = next(iter(self.pointers))
            del self.pointers[oldest], self.scores[oldest]

    def attended(self, frame: int, step: int, pointer_span: int, last_place: int) -> Attended:
        """Choose what a frame attends to; see `MemoryBank.attended`."""
        chosen = self.attended_conditioning(frame)
        maps = [(self.conditioning[f].features, last_place) for f in chosen]
        kept = list(self.tracked.values())
        maps += [(memory.features, len(kept) - 1 - i) for i, memory in enumerate(kept)]
        pointers = self._conditioning_pointers(chosen, frame, step)
        newest_first = list(reversed(self.pointers.values()))[: max(pointer_span - 1, 0)]
        pointers += [(pointer, float(rank)) for rank, pointer in enumerate(newest_first, 1)]
        return Attended(maps, pointers, pointer_span)


@dataclass
class DistractorMemoryBank(MemoryBank):
    """Remembers every fifth frame, and apart from these some on which something looked like the object.

    The rule of DAM4SAM (Videnovic, Lukezic and Kristan 2025). The latter count as accepted frames do, without a place
    in time; together with these they are at most four, the user's first. Frames without a mask are not remembered.
    """

    distractors: dict[int, Memory] = field(default_factory=dict)
    areas: deque[int] = field(default_factory=lambda: deque(maxlen=_AREAS_SEEN))
    first: int | None = None
    last: int | None = None

    def remember(self, frame: int, memory: Memory, step: int, evidence: Evidence | None = None) -> None:
        """Store a tracked frame, if the object is there."""
        self.first = frame if self.first is None else self.first
        if self.last is not None and (self.last - self.first) % _STRIDE:
            self.tracked.pop(self.last, None)
        self.last = frame
        self.pointers.pop(frame - step * self.recent_pointers, None)
        if evidence is None or (evidence.object_score > 0 and evidence.area > 0):
            self.tracked[frame] = memory
            self.pointers[frame] = memory.pointer
        if evidence is not None:
            if self._joins(frame, evidence):
                self.distractors[frame] = memory
            self.areas.append(evidence.area)
        while len(self.distractors) > self._most_anchors() - 1:
            del self.distractors[next(iter(self.distractors))]
        # One more than can be attended: those that are anchors are passed over.
        while len(self.tracked) > self.recent_frames + len(self.distractors):
            del self.tracked[next(iter(self.tracked))]

    def _most_anchors(self) -> int:
        return 4 if self.max_conditioning is None else self.max_conditioning

    def _joins(self, frame: int, evidence: Evidence) -> bool:
        """Return whether a frame shows the object well, as large as before, beside something that looks like it."""
        usual = [area for area in self.areas if area > 0][-_AREAS_COUNTED:]
        if evidence.rival is None or evidence.rival < RIVAL or evidence.area == 0 or not usual:
            return False
        newest = next(reversed(self.distractors), None)
        if newest is not None and abs(frame - newest) <= _FRAMES_BETWEEN:
            return False
        low, high = _AREA_RATIO
        return evidence.iou > _LEAST_IOU and low <= evidence.area / median(usual) <= high

    def attended(self, frame: int, step: int, pointer_span: int, last_place: int) -> Attended:
        """Choose what a frame attends to; see `MemoryBank.attended`."""
        chosen = self.attended_conditioning(frame)
        room = max(self._most_anchors() - len(chosen), 0)
        beside = list(reversed(self.distractors))[:room]
        maps = [(self.conditioning[f].features, last_place) for f in chosen]
        maps += [(self.distractors[f].features, last_place) for f in beside]
        room = self.recent_frames + 1 - len(maps)
        recent = [f for f in reversed(self.tracked) if f not in beside][: max(room, 0)]
        maps += [(self.tracked[f].features, rank) for rank, f in reversed(list(enumerate(recent)))]
        pointers = self._conditioning_pointers(chosen, frame, step)
        pointers += [(self.distractors[f].pointer, (frame - f) / step) for f in beside]
        for back in range(1, min(self.recent_pointers, pointer_span)):
            at = frame - step * back
            if at in self.pointers and at not in beside:
                pointers.append((self.pointers[at], float(back)))
        return Attended(maps, pointers, pointer_span)


_BANKS: dict[MemoryRule, type[MemoryBank]] = {
    "meta": MemoryBank,
    "selected": SelectedMemoryBank,
    "distractor": DistractorMemoryBank,
}


def new_bank(rule: MemoryRule, recent_frames: int, recent_pointers: int, max_conditioning: int) -> MemoryBank:
    """Return an empty memory that follows a rule of `TrackingOptions.memory`."""
    return _BANKS[rule](recent_frames, recent_pointers, max_conditioning)
