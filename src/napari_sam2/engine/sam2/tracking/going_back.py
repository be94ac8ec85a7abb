"""Quality by going back: from a tracked frame back to the frame it was tracked from, whose mask is known.

RevSAM2 (arXiv 2409.04298) chooses prompts by this. No score of the decoder finds an error of which
the network is sure; this one can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.core.prompts import MaskPrompt, PromptSet
from napari_sam2.engine.protocols import ConditioningFrame
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_sam2.engine.protocols import Prediction, VideoStream
    from napari_sam2.engine.sam2.tracking.frame_state import Sam2Track


@dataclass
class _Return:
    """The way back from one frame: first the part that no stride fits in, then strides."""

    frame: int
    track: Sam2Track
    first: int

    def set_step(self, anchor: int, stride: int) -> None:
        """Let the next step be the first one, or a stride."""
        sense = 1 if anchor > self.track.frame else -1
        self.track.step = sense * (self.first if self.track.frame == self.frame and self.first else stride)


def go_back(
    stream: VideoStream,
    anchor: int,
    mask: NDArray[np.bool_],
    tracked: Mapping[int, NDArray[np.bool_]],
    at_once: int,
    stride: int = 1,
) -> Iterator[tuple[int, float]]:
    """See `Sam2VideoStream.check`; ``at_once`` frames are on their way back together."""
    if stride < 1:
        raise NapariSam2Error(f"stride={stride} must be 1 or more frames.")
    wanted = sorted(frame for frame in tracked if frame != anchor)
    for start in range(0, len(wanted), at_once):
        found: dict[int, float] = {}
        returns = []
        for frame in wanted[start : start + at_once]:
            if not tracked[frame].any():
                found[frame] = float("nan")
                continue
            answer = stream.predict(frame, PromptSet(mask=MaskPrompt(RunLengthMask.encode(tracked[frame]))))
            track = stream.track(ConditioningFrame(frame, answer.state), (), 1 if anchor > frame else -1)
            returns.append(_Return(frame, cast("Sam2Track", track), abs(frame - anchor) % stride))
        for frame, prediction in _arrivals(stream, returns, anchor, stride):
            found[frame] = _iou_of(prediction, mask)
        yield from sorted(found.items())


def _arrivals(
    stream: VideoStream, returns: Sequence[_Return], anchor: int, stride: int
) -> Iterator[tuple[int, Prediction]]:
    """Move all on until they are at the anchor."""
    going = list(returns)
    while going:
        for one in going:
            one.set_step(anchor, stride)
        answers = stream.advance([one.track for one in going])
        yield from ((one.frame, a) for one, a in zip(going, answers, strict=True) if one.track.frame == anchor)
        going = [one for one in going if one.track.frame != anchor]


def _iou_of(prediction: Prediction, mask: NDArray[np.bool_]) -> float:
    """Return the IoU with a mask of the frame; 1 for two empty ones."""
    (y, x), (height, width) = prediction.corner, prediction.part.shape
    inside = prediction.part > 0
    common = int(np.count_nonzero(inside & mask[y : y + height, x : x + width]))
    union = int(np.count_nonzero(inside)) + int(np.count_nonzero(mask)) - common
    return common / union if union else 1.0
