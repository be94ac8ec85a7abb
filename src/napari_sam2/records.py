"""What a session keeps of an object on a frame, and which frames condition which."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from napari_sam2.engine.predictor import FrameScores

if TYPE_CHECKING:
    from napari_sam2.engine.predictor import Window
    from napari_sam2.history import History
    from napari_sam2.masks import RunLengthMask
    from napari_sam2.prompts import PromptSet

# So many times its distance is a frame away from a correction; 3 is a quarter of the way. Beside it half was tried.
_SHORT = 3
# One and the same NaN, so that records without a figure are equal.
NO_SCORES = FrameScores(math.nan, math.nan)


@dataclass(frozen=True)
class ObjectRecord:
    """Name, colour ``(r, g, b)`` in 0…1 and place in the order of an object."""

    name: str
    color: tuple[float, float, float]
    rank: int = 0


class Source(NamedTuple):
    """An accepted frame that a tracked mask follows from; ``corrects``: its prompts stand on an earlier mask."""

    frame: int
    prompts: PromptSet | None
    mask: RunLengthMask | None
    corrects: bool


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
    the object is not on this frame, as far as that is known; nothing is tracked from such a frame.
    """

    frame: int
    prompts: PromptSet | None
    mask: RunLengthMask | None
    base: MaskRecord | None = None
    empty: bool = field(default=False, compare=False)

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
        if frame in locks or frame in edited:
            record = masks.get(frame)
            if record is not None:
                out[frame] = Accepted(frame, None, record.mask, empty=record.mask.area == 0)
                continue
        if frame in prompts:
            answer = masks.get(frame)
            empty = answer is not None and answer.computed_from == (prompts[frame],) and answer.mask.area == 0
            out[frame] = Accepted(frame, prompts[frame], None, history.get("base", obj_id, frame), empty)
    return out


def sources_of(accepted: dict[int, Accepted], frame: int) -> tuple[Source, ...]:
    """What a tracked frame is computed from: the accepted frames on both sides."""
    near = (a for a in neighbours(accepted, frame) if a is not None)
    return tuple(Source(a.frame, a.prompts, a.mask, a.is_correction) for a in near)


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
