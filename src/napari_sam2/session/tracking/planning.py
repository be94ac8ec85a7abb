"""Plan what is tracked from what: from where each frame is tracked, and the masks that are fresh.

Nothing here computes or changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_sam2.session.log.kinds import CUT_ABOVE, CUT_BELOW, MASK
from napari_sam2.session.log.records import Source
from napari_sam2.session.state.accepted_frames import SIDES, on_side, origin_of

if TYPE_CHECKING:
    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.session.log.history import History
    from napari_sam2.session.log.records import ConditioningRecord, Sign

Direction = Literal["both", "forward", "backward"]
# So many times its distance is a frame away from a correction; 3 is a quarter of the way. Beside it half was tried.
_SHORT = 3


def sources_of(accepted: dict[int, ConditioningRecord], frame: int) -> tuple[Source, ...]:
    """Return what a tracked frame is computed from: the accepted frames on both sides."""
    return tuple(source_of(a) for a in neighbours(accepted, frame) if a is not None)


def source_of(accepted: ConditioningRecord) -> Source:
    """Return an accepted frame as a source of others."""
    return Source(accepted.frame, accepted.prompts, accepted.mask, accepted.is_correction, accepted.follows)


def neighbours(
    accepted: dict[int, ConditioningRecord], frame: int
) -> tuple[ConditioningRecord | None, ConditioningRecord | None]:
    """Return the accepted frames nearest below and above a frame that is not accepted itself."""
    below = max((f for f in accepted if f < frame), default=None)
    above = min((f for f in accepted if f > frame), default=None)
    return (None if below is None else accepted[below], None if above is None else accepted[above])


def owner_of(
    accepted: dict[int, ConditioningRecord], frame: int, direction: Direction
) -> tuple[ConditioningRecord, Sign] | None:
    """Return the accepted frame from which a frame is tracked, and in which direction; None if there is none.

    In both directions the nearer one, the lower on a tie. Towards any other frame one that corrects a track has a
    quarter of the way only: it was made where tracking had gone wrong, and half-way to its neighbour most had not. A
    frame without the object is the owner only where there is no other: then the object has ended before it.
    """
    below, above = neighbours(accepted, frame)
    if direction == "forward":
        above = None
    elif direction == "backward":
        below = None
    if below is not None and above is not None and below.empty != above.empty:
        below, above = (None, above) if below.empty else (below, None)
    if below is not None and (above is None or _way(frame, below, above) <= _way(frame, above, below)):
        return below, 1
    return None if above is None else (above, -1)


def _way(frame: int, start: ConditioningRecord, other: ConditioningRecord) -> int:
    """Return how far a frame is from the start of a track that meets the one from another accepted frame."""
    return abs(frame - start.frame) * (_SHORT if start.corrects_a_track and not other.corrects_a_track else 1)


def within_cuts(history: History, obj_id: int, frame: int) -> bool:
    """Return whether a frame lies between the cuts of an object."""
    above, below = history.get(CUT_ABOVE, obj_id), history.get(CUT_BELOW, obj_id)
    return (above is None or frame <= above) and (below is None or frame >= below)


class Freshness:
    """The tracked masks of an object that no run has a reason to compute again.

    A tracked mask is fresh while what it was computed from still stands on both sides. A mask that was accepted as it
    stood counts as its own sources (see :class:`Source`): accepting it makes no other mask stale, and the masks beyond
    it stay fresh when those sources change later.
    """

    def __init__(self, history: History, obj_id: int, accepted: dict[int, ConditioningRecord]) -> None:
        self._masks = history.frames(MASK, obj_id)
        self._accepted = accepted

    def is_fresh(self, frame: int) -> bool:
        """Return whether the mask of a frame that is not accepted follows from what is accepted now."""
        record = self._masks.get(frame)
        if record is None or record.source != "track" or not record.computed_from:
            return False
        return all(self._stands(frame, on_side(record.computed_from, frame, side), side) for side in SIDES)

    def _stands(self, frame: int, source: Source | None, side: Sign) -> bool:
        """Return whether a source, or none, is still what a frame follows from on one side."""
        beyond = [f for f in self._accepted if (f - frame) * side > 0]
        for other in beyond if side == 1 else reversed(beyond):
            now = source_of(self._accepted[other])
            if _is_same(source, now) or origin_of(source, side) == origin_of(now, side):
                return self._may_be_missing(source, other, side)
            if now.follows is None:
                return False
        return origin_of(source, side) is None and self._may_be_missing(source, None, side)

    def _may_be_missing(self, source: Source | None, other: int | None, side: Sign) -> bool:
        """Return whether a source may be missing before the accepted frame ``other``: its own sources still stand."""
        if source is None or (other is not None and (other - source.frame) * side <= 0):
            return True
        follows = source.follows
        return follows is not None and all(self._stands(source.frame, follows[s > 0], s) for s in SIDES)


def _is_same(one: Source | None, other: Source) -> bool:
    return one is not None and one[:4] == other[:4]


@dataclass(frozen=True)
class FrameTask:
    """A frame of an object that a run must compute, from where, and the accepted frames as they stood then."""

    owner: ConditioningRecord
    sweep: Sign
    accepted: dict[int, ConditioningRecord]

    def sources(self, frame: int) -> tuple[Source, ...] | tuple[PromptSet, ...]:
        """Return what the mask follows from."""
        if self.owner.frame == frame:
            return () if self.owner.prompts is None else (self.owner.prompts,)
        return sources_of(self.accepted, frame)

    @property
    def has_open_end(self) -> bool:
        """Return whether no accepted frame says that the object goes on beyond this track."""
        return not any((f - self.owner.frame) * self.sweep > 0 for f, a in self.accepted.items() if not a.empty)

    def meets_at(self, frame: int, direction: Direction) -> bool:
        """Return whether this upward track ends here because the next frame is tracked from above."""
        if self.sweep == -1 or frame + 1 in self.accepted:
            return False
        found = owner_of(self.accepted, frame + 1, direction)
        return found is not None and found[1] == -1 and not found[0].empty
