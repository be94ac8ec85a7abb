"""Options of tracking beyond Meta's rules. All are off unless they are asked for; exact mode knows none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from napari_sam2.core.arguments import check_choice
from napari_sam2.errors import NapariSam2Error

MemoryRule = Literal["meta", "selected", "distractor"]
ClickMask = Literal["surest", "single", "first"]
Chunk = int | Literal["auto"]


@dataclass(frozen=True)
class TrackingOptions:
    """Options of a stream; the defaults change nothing.

    Attributes
    ----------
    memory : {"meta", "selected", "distractor"}
        Which past frames are remembered. ``"meta"``: the last ones. ``"selected"``: the last ones on which the object
        is there and its mask is sure, as in SAM 3 (Carion et al. 2025). ``"distractor"``: besides every fifth frame,
        frames on which the decoder saw something that looks like the object (Videnovic et al. 2025, DAM4SAM).
    click_mask : {"surest", "single", "first"}
        The mask that answers one click: of the three alternatives the one with the best predicted IoU, the single
        answer (mask 0), or the first of the three (Dong et al. 2024 found the first better in 3-D).
    motion : bool
        Whether the motion of an object so far has a say in which of the alternatives is its mask (Yang et al. 2024,
        SAMURAI), and, with ``memory="selected"``, in which frames are remembered. For frames that follow in time.
    exclusive_memory : bool
        Whether each pixel stays with one object, that of the highest logit, before masks are remembered. Counts among
        the objects of one call of ``advance``; Meta's ``non_overlap_masks_for_mem_enc``.
    reports_rivals : bool
        Whether tracked frames tell `FrameScores.rival`; always so with ``memory="distractor"``.
    letterbox : bool
        Whether whole frames are padded to a square of equal sides in physical units, instead of squeezed.
    pixel_spacing : (float, float)
        Size of a pixel in y and x, in one unit; used by ``letterbox`` alone.
    chunk : int or "auto"
        How many tracks have their inputs prepared at once.

    Raises
    ------
    NapariSam2Error
        Where a value is not one of these.
    """

    memory: MemoryRule = "meta"
    click_mask: ClickMask = "surest"
    motion: bool = False
    exclusive_memory: bool = False
    reports_rivals: bool = False
    letterbox: bool = False
    pixel_spacing: tuple[float, float] = (1.0, 1.0)
    chunk: Chunk = "auto"

    def __post_init__(self) -> None:
        check_choice("memory", self.memory, get_args(MemoryRule))
        check_choice("click_mask", self.click_mask, get_args(ClickMask))
        if not isinstance(self.motion, bool):
            raise NapariSam2Error(f"motion={self.motion!r} must be True or False.")
        spacing = tuple(self.pixel_spacing)
        if len(spacing) != 2 or not all(math.isfinite(s) and s > 0 for s in spacing):
            raise NapariSam2Error(f"pixel_spacing={self.pixel_spacing!r} must be two numbers above zero, for y and x.")
        is_count = isinstance(self.chunk, int) and not isinstance(self.chunk, bool) and self.chunk > 0
        if self.chunk != "auto" and not is_count:
            raise NapariSam2Error(f"chunk={self.chunk!r} must be 'auto' or a whole number above zero.")

    @property
    def compares_alternatives(self) -> bool:
        """Return whether tracked frames are searched for something that looks like the object."""
        return self.reports_rivals or self.memory == "distractor"
