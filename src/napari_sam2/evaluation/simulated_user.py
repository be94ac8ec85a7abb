"""A user who knows the truth: prompts an object, then corrects the worst slice with one click at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_sam2.core.formatting import frame_word
from napari_sam2.core.masks import bounding_box, deepest_pixel
from napari_sam2.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_sam2.session import VideoSession

Prompt = Literal["click", "box", "mask"]


def prompt_object(session: VideoSession, obj_id: int, frame: int, target: NDArray[np.bool_], prompt: Prompt) -> None:
    """Prompt an object on one frame with a click at its deepest pixel, its tight box, or its mask ``(Y, X)``."""
    if prompt == "mask":
        session.add_mask(obj_id, frame, target)
    elif prompt == "click":
        session.add_points(obj_id, frame, [deepest_pixel(target)])
    else:
        box = bounding_box(target)
        if box is None:
            word = frame_word(session.grid.frame_axis)
            raise PromptError(f"The truth of object {obj_id} on {word} {frame} is empty; there is nothing to box.")
        session.add_box(obj_id, frame, box)


def correct_worst(session: VideoSession, obj_id: int, truth: NDArray[np.bool_], frames: Iterable[int]) -> int | None:
    """Click once at the deepest wrong pixel of the frame with most wrong pixels, and answer it at once.

    Parameters
    ----------
    truth
        ``(frame, Y, X)``.
    frames
        Which frames to look at; those that are prompted already are left out.

    Returns
    -------
    int or None
        The frame; None if nothing is wrong.
    """
    done = set(session.prompted_frames(obj_id))
    masks = {f: mask for f in frames if f not in done and (mask := session.mask(obj_id, f)) is not None}
    wrong = {f: int((mask ^ truth[f]).sum()) for f, mask in masks.items()}
    frame = max(wrong, key=lambda f: wrong[f], default=None)
    if frame is None or wrong[frame] == 0:
        return None
    missing, surplus = truth[frame] & ~masks[frame], masks[frame] & ~truth[frame]
    inside = int(missing.sum()) >= int(surplus.sum())
    session.add_points(obj_id, frame, [deepest_pixel(missing if inside else surplus)], [int(inside)])
    session.predict_frame(frame)
    return frame
