"""Memories of accepted frames, made anew from their masks, also as they look through another window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.engine.sam2.tracking import crop_window
from napari_sam2.engine.sam2.tracking.frame_state import FrameState
from napari_sam2.engine.sam2.tracking.memory_bank import Memory
from napari_sam2.engine.sam2.tracking.stream import encode_low_res

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.engine.protocols import ConditioningFrame, CropWindow
    from napari_sam2.engine.sam2.network.model import Sam2Model
    from napari_sam2.engine.sam2.tracking.embedding_cache import EmbeddingCache

MAX_CONDITIONING = 4
"""Accepted frames that are attended, as in SAM 3's tracker; Meta's SAM 2 attends all."""


class AcceptedFrames:
    """Makes memories of accepted frames.

    Parameters
    ----------
    model, embeddings
        The network and the embeddings of the stack.
    shape
        ``(Y, X)`` of a frame.
    """

    def __init__(self, model: Sam2Model, embeddings: EmbeddingCache, shape: tuple[int, int]) -> None:
        self._model, self._embeddings, self._shape = model, embeddings, shape

    def mask_of(self, accepted: ConditioningFrame) -> NDArray[np.bool_]:
        """Return the mask of an accepted frame, ``(Y, X) bool``."""
        state: FrameState = accepted.state
        pasted = crop_window.paste_logits(state.low_res_logits.float(), state.window, self._shape)
        mask: NDArray[np.bool_] = (pasted > 0).cpu().numpy()
        return mask

    def nearest(self, context: Sequence[ConditioningFrame], frame: int, window: CropWindow) -> list[tuple[int, Memory]]:
        """Return the frames nearest to ``frame`` that can be seen through a window, with their memories."""
        ordered = sorted(context, key=lambda c: abs(c.frame - frame))[: MAX_CONDITIONING - 1]
        found = [(other.frame, self._seen_through(other, window)) for other in ordered]
        return [(other, memory) for other, memory in found if memory is not None]

    def remember(self, frame: int, state: FrameState, window: CropWindow) -> Memory:
        """Return the memory of a frame, whose state lies in ``window``."""
        model = self._model
        features = self._embeddings.get([(frame, window)])[0]
        binarise = state.from_prompts and model.config.binarize_mask_from_pts_for_mem_enc
        if state.high_res_logits is not None and not binarise:
            memory = model.encode_memory(features.s16, state.high_res_logits, state.object_score, binarise=False)
        else:
            memory = encode_low_res(
                model, features.s16, state.low_res_logits, state.object_score, binarise, limit=state.limit
            )
        return Memory(memory, state.pointer)

    def _seen_through(self, other: ConditioningFrame, window: CropWindow) -> Memory | None:
        """Return the memory of a frame seen through a window; None if its mask does not fit in."""
        state: FrameState = other.state
        if state.window == window:
            return self.remember(other.frame, state, window)
        n = state.low_res_logits.shape[-1]
        box = crop_window.box_in_window(state.low_res_logits[0, 0] > 0)
        if box is not None:
            y0, x0, y1, x1 = crop_window.to_frame_box(box, n, state.window)
            if y0 < window.y0 or x0 < window.x0 or y1 > window.y1 or x1 > window.x1:
                return None
        logits = crop_window.resample_logits(state.low_res_logits, state.window, window)
        moved = FrameState(window, logits, state.pointer, state.object_score, None, state.from_prompts)
        return self.remember(other.frame, moved, window)
