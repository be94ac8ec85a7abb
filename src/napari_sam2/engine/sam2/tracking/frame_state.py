"""What a stream hands out: the state of an accepted frame, and a track that starts there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from napari_sam2.engine.protocols import CropWindow
    from napari_sam2.engine.sam2.network.model import MaskDecoding
    from napari_sam2.engine.sam2.tracking.memory_bank import MemoryBank
    from napari_sam2.engine.sam2.tracking.motion import Motion


@dataclass(frozen=True)
class FrameState:
    """The state that an accepted frame leaves behind for tracking.

    ``low_res_logits (1, 1, S/4, S/4)`` lie in ``window``; ``high_res_logits (1, 1, S, S)`` only where the memory is
    not made from the low-resolution ones; ``from_prompts`` says whether the memory may be binarised; ``limit
    (1, 1, S, S) bool`` where the object must not be.
    """

    window: CropWindow
    low_res_logits: Tensor
    pointer: Tensor
    object_score: Tensor
    high_res_logits: Tensor | None = None
    from_prompts: bool = True
    limit: Tensor | None = None

    @property
    def shows_object(self) -> bool:
        """Return whether the mask has any pixel."""
        return bool((self.low_res_logits > 0).any())


@dataclass
class Sam2Track:
    """One object followed in one direction.

    ``frame`` is the last frame that was answered; ``step`` is 1 or -1, or more where frames are left out;
    ``goes_on_to`` the farthest accepted frame ahead with the object, None where there is none; ``motion`` is None
    where it counts for nothing.
    """

    frame: int
    step: int
    window: CropWindow
    bank: MemoryBank
    last_logits: Tensor
    goes_on_to: int | None = None
    motion: Motion | None = None

    @property
    def is_known_ahead(self) -> bool:
        """Return whether the next frame lies between accepted frames that show the object."""
        return self.goes_on_to is not None and (self.goes_on_to - self.frame) * self.step > 0


def row_of(decoding: MaskDecoding, k: int) -> MaskDecoding:
    """Return one object of a batch of decodings."""
    part = slice(k, k + 1)
    return type(decoding)(
        all_logits=decoding.all_logits[part],
        all_iou=decoding.all_iou[part],
        low_res_logits=decoding.low_res_logits[part],
        iou=decoding.iou[part],
        object_score=decoding.object_score[part],
        object_pointer=decoding.object_pointer[part],
    )
