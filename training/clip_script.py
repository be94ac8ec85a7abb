"""The order of events in a clip: prompts, corrections, frames that are skipped, masks that are corrupted.

There are two kinds of clips. A clip that is prompted on its first frame may be corrected and its masks may be corrupted
(`CorrectedClip`). A clip that is prompted on both ends is only tracked in between (`BothEndsClip`).
"""

from __future__ import annotations

from dataclasses import dataclass

from training.simulated_prompts import PromptKind


@dataclass(frozen=True)
class FrameCorrection:
    """Clicks on a tracked frame; tracking starts anew from it.

    Attributes
    ----------
    frame : int
        Index of the frame, after those that are skipped.
    clicks : int
        Their number, at least one.
    erases : bool
        Whether negative clicks take away what they point at before the network is asked, as the engine does for small
        models; else the network has to do it.
    """

    frame: int
    clicks: int = 1
    erases: bool = True


@dataclass(frozen=True)
class _PromptedClip:
    """A clip whose first frame is prompted.

    Attributes
    ----------
    prompt : str
        ``"click"``, ``"box"`` or ``"mask"``.
    first_corrections : int
        Clicks on what is wrong on a prompted frame; none upon a mask.
    skipped_frames : int
        Number of frames after the first that are tracked without gradient and loss: they only lead to where a long
        track is.
    gradient_through_masks : bool
        Whether gradients flow through the previous frame's mask as well as through the memories.
    """

    prompt: PromptKind
    first_corrections: int = 0
    skipped_frames: int = 0
    gradient_through_masks: bool = False


@dataclass(frozen=True)
class CorrectedClip(_PromptedClip):
    """A clip that is tracked from its first frame on, with a correction or a corrupted mask or both or none.

    Attributes
    ----------
    correction : FrameCorrection or None
        Clicks on a tracked frame.
    corrupted_frame : int or None
        A frame whose mask goes on wrong (`training.mask_corruption`): a tracked one, or the first if a mask is given,
        which is what a track begins with when its window is cut anew. A corrected frame is not corrupted.
    """

    correction: FrameCorrection | None = None
    corrupted_frame: int | None = None


@dataclass(frozen=True)
class BothEndsClip(_PromptedClip):
    """A clip whose last frame is prompted as the first is, before those between are tracked.

    They have an accepted frame on either side, as after a correction. None of them is corrected or corrupted.
    """


ClipScript = CorrectedClip | BothEndsClip
