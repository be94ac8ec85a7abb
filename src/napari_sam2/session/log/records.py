"""The values that a session keeps of an object and of its mask on a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from napari_sam2.engine.protocols import FrameScores

if TYPE_CHECKING:
    from napari_sam2.core.intensity_mapping import IntensityMapping
    from napari_sam2.core.intensity_range import IntensityRange
    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.engine.options import ClickMask, MemoryRule
    from napari_sam2.engine.protocols import CropWindow

    Follows = tuple["Source | None", "Source | None"]

Neighbours = Literal["limit", "free"]
ReviewState = Literal["accepted", "rejected", "needs edit"]
Sign = Literal[1, -1]  # up (1) or down (-1) through the frames
# One and the same NaN, so that records without a figure are equal.
NO_SCORES = FrameScores(math.nan, math.nan)


class Rules(NamedTuple):
    """The settings of a session by which the model answers and tracks; see :class:`~napari_sam2.VideoSession`."""

    neighbours: Neighbours = "free"
    memory: MemoryRule = "meta"
    click_mask: ClickMask = "surest"
    motion: bool = False


META_RULES = Rules()
"""As Meta's predictor tracks."""


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
    model saw, ``mapping`` how values became black and white for it, ``computed_from`` what the mask follows
    from (its prompts, or the accepted frames on both sides). ``disagreement`` is 1 - IoU with the mask tracked from
    the other end, where there is one. ``model`` is the name of the model that computed it; empty where none did, or
    where that is not known. ``nearest`` is set where prompts stand on a mask without the object: its mask on the
    nearest frame that had it then. ``limit`` is where the model could not go on the frame when it computed the mask,
    ``rules`` are the settings of the session then, ``value_range`` the values to which it was limited.
    """

    mask: RunLengthMask
    source: Literal["prompt", "track", "edit"]
    scores: FrameScores = NO_SCORES
    window: CropWindow | None = None
    computed_from: tuple[PromptSet, ...] | tuple[Source, ...] = ()
    mapping: IntensityMapping | None = None
    disagreement: float = math.nan
    model: str = ""
    nearest: RunLengthMask | None = None
    limit: RunLengthMask | None = None
    rules: Rules = META_RULES
    value_range: IntensityRange | None = None


class Check(NamedTuple):
    """What came back of a tracked mask at the accepted frame: IoU with the mask there; NaN of an empty mask."""

    back: float
    mask: RunLengthMask


class Review(NamedTuple):
    """What a reader says of an object: "accepted", "rejected" or "needs edit", and a comment."""

    state: ReviewState
    comment: str = ""


class Visit(NamedTuple):
    """The last pass of exact mode that came to a frame: its number, and whether it went up (1) or down (-1)."""

    number: int
    sweep: Sign


@dataclass(frozen=True)
class ConditioningRecord:
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
        """Return whether its prompts stand on an earlier mask."""
        return self.mask is None and self.base is not None

    @property
    def corrects_a_track(self) -> bool:
        """Return whether its prompts stand on a tracked mask, so where tracking had gone wrong."""
        return self.is_correction and self.base is not None and self.base.source == "track"
