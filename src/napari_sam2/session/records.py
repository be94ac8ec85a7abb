"""What a session keeps of an object on a frame, and which frames condition which."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from napari_sam2.engine.protocols import FrameScores

if TYPE_CHECKING:
    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.engine.protocols import Window
    from napari_sam2.session.history import History

    Side = Literal[-1, 1]
    Follows = tuple["Source | None", "Source | None"]

# So many times its distance is a frame away from a correction; 3 is a quarter of the way. Beside it half was tried.
_SHORT = 3
SIDES: tuple[Side, Side] = (-1, 1)
# One and the same NaN, so that records without a figure are equal.
NO_SCORES = FrameScores(math.nan, math.nan)


@dataclass(frozen=True)
class ObjectRecord:
    """Name, colour ``(r, g, b)`` in 0…1 and place in the order of an object."""

    name: str
    color: tuple[float, float, float]
    rank: int = 0


class Source(NamedTuple):
    """An accepted frame that a tracked mask follows from.

    ``corrects``: its prompts stand on an earlier mask. ``follows``: of a mask of the model that was accepted as it
    stood, what that follows from itself, below and above, each None or a source without ``follows``.
    """

    frame: int
    prompts: PromptSet | None
    mask: RunLengthMask | None
    corrects: bool
    follows: Follows | None = None


@dataclass(frozen=True)
class MaskRecord:
    """A mask and where it came from.

    ``source``: the answer to the frame's prompts, tracked from an accepted frame, or drawn. ``window`` is what the
    model saw, ``levels`` the values that it saw as black and white, ``computed_from`` what the mask follows from: its
    prompts, or the accepted frames on both sides. ``disagreement`` is 1 - IoU with the mask tracked from the other
    end, where there is one. ``model`` is the name of the model that computed it; empty where none did, or where that
    is not known. ``nearest`` is set where prompts stand on a mask without the object: its mask on the nearest frame
    that had it then.
    """

    mask: RunLengthMask
    source: Literal["prompt", "track", "edit"]
    scores: FrameScores = NO_SCORES
    window: Window | None = None
    computed_from: tuple[PromptSet, ...] | tuple[Source, ...] = ()
    levels: tuple[float, float] | None = None
    disagreement: float = math.nan
    model: str = ""
    nearest: RunLengthMask | None = None


@dataclass(frozen=True)
class Accepted:
    """An accepted (conditioning) frame: prompted, edited or locked.

    ``mask`` is set where the mask itself is the prompt, ``base`` where the prompts correct an earlier mask. ``empty``:
    the object is not on this frame, as far as that is known; nothing is tracked from such a frame. ``follows``: see
    :class:`Source`.
    """

    frame: int
    prompts: PromptSet | None
    mask: RunLengthMask | None
    base: MaskRecord | None = None
    empty: bool = field(default=False, compare=False)
    follows: Follows | None = field(default=None, compare=False)

    @property
    def is_correction(self) -> bool:
        """Whether its prompts stand on an earlier mask."""
        return self.mask is None and self.base is not None

    @property
    def corrects_a_track(self) -> bool:
        """Whether its prompts stand on a tracked mask, so where tracking had gone wrong."""
        return self.is_correction and self.base is not None and self.base.source == "track"


def accepted_frames(history: History, obj_id: int) -> dict[int, Accepted]:
    """The accepted frames of an object, in ascending order."""
    prompts = history.frames("prompts", obj_id)
    locks = history.frames("lock", obj_id)
    masks = history.frames("mask", obj_id)
    edited = {f for f, record in masks.items() if record.source == "edit"}
    out: dict[int, Accepted] = {}
    for frame in sorted({*prompts, *locks, *edited}):
        record, base = masks.get(frame), history.get("base", obj_id, frame)
        if record is not None and (frame in locks or frame not in prompts):
            follows = _follows(frame, record.mask, record, base is not None)
            out[frame] = Accepted(frame, None, record.mask, None, record.mask.area == 0, follows)
        elif frame in prompts:
            asked: PromptSet = prompts[frame]
            empty = record is not None and record.mask.area == 0 and is_answer(record, asked)
            follows = _follows(frame, asked.mask_alone, record, base is not None)
            out[frame] = Accepted(frame, asked, None, base, empty, follows)
    return out


def is_answer(record: MaskRecord, prompts: PromptSet) -> bool:
    """Return whether a mask is the answer to these prompts; a mask prompt is its own answer, whoever made that mask."""
    if record.mask == prompts.mask_alone:
        return True
    return record.source == "prompt" and record.computed_from == (prompts,)


def sources_of(accepted: dict[int, Accepted], frame: int) -> tuple[Source, ...]:
    """What a tracked frame is computed from: the accepted frames on both sides."""
    return tuple(source_of(a) for a in neighbours(accepted, frame) if a is not None)


def source_of(accepted: Accepted) -> Source:
    """Return an accepted frame as a source of others."""
    return Source(accepted.frame, accepted.prompts, accepted.mask, accepted.is_correction, accepted.follows)


def neighbours(accepted: dict[int, Accepted], frame: int) -> tuple[Accepted | None, Accepted | None]:
    """The accepted frames nearest below and above a frame that is not accepted itself."""
    below = max((f for f in accepted if f < frame), default=None)
    above = min((f for f in accepted if f > frame), default=None)
    return (None if below is None else accepted[below], None if above is None else accepted[above])


def owner_of(
    accepted: dict[int, Accepted], frame: int, direction: Literal["both", "forward", "backward"]
) -> tuple[Accepted, Literal[1, -1]] | None:
    """The accepted frame from which a frame is tracked, and in which direction; None if there is none.

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


def _way(frame: int, start: Accepted, other: Accepted) -> int:
    """How far a frame is from the start of a track that meets the one from another accepted frame."""
    return abs(frame - start.frame) * (_SHORT if start.corrects_a_track and not other.corrects_a_track else 1)


class Freshness:
    """Which tracked masks of an object no run has a reason to compute again.

    A tracked mask is fresh while what it was computed from still stands on both sides. A mask that was accepted as it
    stood counts as its own sources (see :class:`Source`): accepting it makes no other mask stale, and the masks beyond
    it stay fresh when those sources change later.
    """

    def __init__(self, history: History, obj_id: int, accepted: dict[int, Accepted]) -> None:
        self._masks: dict[int, MaskRecord] = history.frames("mask", obj_id)
        self._accepted = accepted

    def is_fresh(self, frame: int) -> bool:
        """Return whether the mask of a frame that is not accepted follows from what is accepted now."""
        record = self._masks.get(frame)
        if record is None or record.source != "track" or not record.computed_from:
            return False
        return all(self._stands(frame, on_side(record.computed_from, frame, side), side) for side in SIDES)

    def _stands(self, frame: int, source: Source | None, side: Side) -> bool:
        """Return whether a source, or none, is still what a frame follows from on one side."""
        beyond = [f for f in self._accepted if (f - frame) * side > 0]
        for other in beyond if side == 1 else reversed(beyond):
            now = source_of(self._accepted[other])
            if _is_same(source, now) or _origin(source, side) == _origin(now, side):
                return self._may_be_missing(source, other, side)
            if now.follows is None:
                return False
        return _origin(source, side) is None and self._may_be_missing(source, None, side)

    def _may_be_missing(self, source: Source | None, other: int | None, side: Side) -> bool:
        """Return whether a source may be missing before the accepted frame ``other``: its own sources still stand."""
        if source is None or (other is not None and (other - source.frame) * side <= 0):
            return True
        follows = source.follows
        return follows is not None and all(self._stands(source.frame, follows[s > 0], s) for s in SIDES)


def on_side(sources: tuple[PromptSet, ...] | tuple[Source, ...], frame: int, side: Side) -> Source | None:
    """Return the source below (-1) or above (1) a frame, if there is one."""
    return next((s for s in sources if isinstance(s, Source) and (s.frame - frame) * side > 0), None)


def _is_same(one: Source | None, other: Source) -> bool:
    return one is not None and one[:4] == other[:4]


def _origin(source: Source | None, side: Side) -> Source | None:
    """Return what a source follows from on one side, where it was accepted as it stood; else itself."""
    if source is None:
        return None
    if source.follows is not None:
        return source.follows[side > 0]
    alone = None if source.prompts is None else source.prompts.mask_alone
    return source if alone is None else Source(source.frame, None, alone, False)


def _follows(frame: int, mask: RunLengthMask | None, record: MaskRecord | None, is_corrected: bool) -> Follows | None:
    """Return what an accepted mask follows from; None where it is the user's own."""
    if mask is None or record is None or record.mask != mask or not record.computed_from:
        return None
    first = record.computed_from[0]
    if isinstance(first, Source):
        below, above = (_origin(on_side(record.computed_from, frame, side), side) for side in SIDES)
        return below, above
    if first.mask_alone is not None:
        return None
    answer = Source(frame, first, None, is_corrected)
    return answer, answer
