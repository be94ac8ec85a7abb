"""What a run has under way: the tracks of the model, and the masks that wait until their frame is complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam2.core.intensity_range import IntensityRange
    from napari_sam2.session.log.records import ConditioningRecord, MaskRecord


@dataclass
class ActiveTrack:
    """A track of the predictor with what the session must know of it.

    ``value_range`` limits its masks; ``absent`` counts the last frames without the object; ``first_iou`` is the
    predicted IoU of the first frame.
    """

    track: Any
    owner: ConditioningRecord
    context: tuple[ConditioningRecord, ...]
    frame: int
    value_range: IntensityRange | None = None
    absent: int = 0
    first_iou: float | None = None


@dataclass(frozen=True)
class PendingMask:
    """A computed mask that waits until its frame is complete."""

    record: MaskRecord
    logits: Any = None
