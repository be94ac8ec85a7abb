"""Which behaviours a network needs around it while it answers prompts and tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.engine.sam2.network.config import Sam2Config


@dataclass(frozen=True)
class TrackingPolicy:
    """Treatment of a network's masks beyond that of Meta's predictor; the defaults suit Meta's networks.

    Attributes
    ----------
    applies_negative_clicks : bool
        Whether a negative click on a mask takes a part of it away before the network sees it, and is the whole answer
        where no other prompt is given.
    relocates_lost_masks : bool
        Whether a click on a frame where tracking lost the object starts from the nearest frame's mask, moved there.
    limits_growth : bool
        Whether a click on a mask prefers alternatives that are not several times as large as the mask.
    feeds_last_mask : bool
        Whether a tracked frame gets the logits of the frame before as a mask prompt.
    averages_alternatives : bool
        Whether the mask of a tracked frame is the mean of the alternatives instead of the one with the best score.
    trusts_frames_ahead : bool
        Whether an object cannot vanish between two accepted frames that show it.
    drops_disconnected_parts : bool
        Whether a tracked mask loses the parts that nothing of the frame before leads to.
    drops_small_parts : bool
        Whether the answer to a box loses the small parts beside the largest one.
    fills_holes : bool
        Whether specks of background inside a mask are filled, as Meta's predictor does on a GPU.
    """

    applies_negative_clicks: bool = False
    relocates_lost_masks: bool = False
    limits_growth: bool = False
    feeds_last_mask: bool = False
    averages_alternatives: bool = False
    trusts_frames_ahead: bool = False
    drops_disconnected_parts: bool = False
    drops_small_parts: bool = False
    fills_holes: bool = True

    @classmethod
    def of(cls, config: Sam2Config) -> TrackingPolicy:
        """Return the policy of a network: networks that want their prompts drawn are small ones, which need help."""
        return cls() if config.prompt_hint is None else _SMALL


_SMALL = TrackingPolicy(
    applies_negative_clicks=True,
    relocates_lost_masks=True,
    limits_growth=True,
    feeds_last_mask=True,
    averages_alternatives=True,
    trusts_frames_ahead=True,
    drops_disconnected_parts=True,
    drops_small_parts=True,
    fills_holes=False,
)
