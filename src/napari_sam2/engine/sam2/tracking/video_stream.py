"""A network at work on one stack of frames: prompts answered, objects tracked, memory bounded.

Tracking follows Meta's ``sam2_base.py``; what differs from it is said where it differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
import torch.nn.functional as F

from napari_sam2.core.masks import RunLengthMask, bounding_box
from napari_sam2.core.prompts import MaskPrompt, PromptSet
from napari_sam2.engine.protocols import ConditioningFrame, CropWindow, Prediction
from napari_sam2.engine.sam2.network.layers import resize_antialiased
from napari_sam2.engine.sam2.network.model import ImageFeatures
from napari_sam2.engine.sam2.tracking import crop_window
from napari_sam2.engine.sam2.tracking.mask_cleanup import fill_holes
from napari_sam2.engine.sam2.tracking.memory_bank import Memory, MemoryBank
from napari_sam2.engine.sam2.tracking.negative_click import apply_negative_clicks
from napari_sam2.engine.sam2.tracking.prompt_decoding import BASE_LOGIT, Prompting, mask_tensor
from napari_sam2.engine.sam2.tracking.relocate import move_mask_to_click
from napari_sam2.engine.sam2.tracking.stream import Stream
from napari_sam2.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sam2.engine.protocols import FrameSource
    from napari_sam2.engine.sam2.network.config import ZoomPolicy
    from napari_sam2.engine.sam2.network.model import MaskDecoding, Sam2Model
    from napari_sam2.engine.sam2.tracking.embedding_store import EmbeddingStore
    from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer

_MAX_HOLE_AREA = 8  # low-resolution pixels; Meta's fill_hole_area, here the same on every device
_MAX_CONDITIONING = 4  # as in SAM 3's tracker; Meta's SAM 2 attends all


@dataclass(frozen=True)
class FrameState:
    """What an accepted frame leaves behind for tracking.

    ``low_res_logits (1, 1, S/4, S/4)`` lie in ``window``; ``high_res_logits (1, 1, S, S)`` only where the memory is
    not made from the low-resolution ones; ``from_prompts`` says whether the memory may be binarised.
    """

    window: CropWindow
    low_res_logits: Tensor
    pointer: Tensor
    object_score: Tensor
    high_res_logits: Tensor | None = None
    from_prompts: bool = True


@dataclass
class Sam2Track:
    """One object followed in one direction.

    ``frame`` is the last frame that was answered; ``goes_on_to`` the farthest accepted frame ahead with the object,
    None where there is none.
    """

    frame: int
    step: Literal[1, -1]
    window: CropWindow
    bank: MemoryBank
    last_logits: Tensor
    goes_on_to: int | None = None

    @property
    def is_known_ahead(self) -> bool:
        """Whether the next frame lies between accepted frames that show the object."""
        return self.goes_on_to is not None and (self.goes_on_to - self.frame) * self.step > 0


class Sam2VideoStream(Stream):
    """A network at work by the rules of this project."""

    def __init__(
        self,
        model: Sam2Model,
        frames: FrameSource,
        zoom: ZoomPolicy | None,
        store: EmbeddingStore,
        batch_sizer: BatchSizer,
    ) -> None:
        super().__init__(model, frames, store, batch_sizer)
        self._zoom = zoom

    @property
    def _prompting(self) -> Prompting:
        return Prompting(self._model, self.embeddings, self._shape, self._zoom)

    @property
    def sees_whole_frames(self) -> bool:
        """See :class:`~napari_sam2.engine.protocols.EncodesAhead`."""
        return self._zoom is None

    # ------------------------------------------------------------------ prompts

    @torch.inference_mode()
    def predict(
        self,
        frame: int,
        prompts: PromptSet,
        *,
        base: NDArray[np.bool_] | None = None,
        window: CropWindow | None = None,
        context: Sequence[ConditioningFrame] = (),
        nearest: NDArray[np.bool_] | None = None,
    ) -> Prediction:
        """Answer the prompts of one object on one frame; see :class:`~napari_sam2.engine.protocols.VideoStream`."""
        if not prompts:
            raise PromptError(f"Frame {frame} has no prompt to answer.")
        if prompts.mask is not None:
            return self._take_mask(frame, prompts, window)
        if base is None:
            return self._answer(frame, prompts, None, None, ())
        if self._policy.applies_negative_clicks:
            accepted = [] if all(p.positive for p in prompts.points) else [self._mask_of(other) for other in context]
            base = apply_negative_clicks(base, prompts.points, accepted)
            if prompts.box is None and not any(p.positive for p in prompts.points):
                return self._take_mask(frame, PromptSet(mask=MaskPrompt(RunLengthMask.encode(base))), window)
        if base.any():
            return self._answer(frame, prompts, base, window, context)
        if self._policy.relocates_lost_masks and nearest is not None and prompts.box is None:
            base = move_mask_to_click(nearest, prompts.points)
            if base.any():
                return self._answer(frame, prompts, base, None, context)
        return self._answer(frame, prompts, None, None, ())

    def _answer(
        self,
        frame: int,
        prompts: PromptSet,
        base: NDArray[np.bool_] | None,
        window: CropWindow | None,
        context: Sequence[ConditioningFrame],
    ) -> Prediction:
        window = self._prompting.window(frame, prompts, base, window)
        features = self.embeddings.get([(frame, window)])[0]
        start = None if base is None else self._prompting.mask_logits(base, window)
        conditioned = self._model.condition_without_memory(features.s16)
        if start is not None and context:
            conditioned = self._condition_on(frame, features, window, context)
        decoding = self._prompting.refine(features, conditioned, prompts, window, start)
        return self._prediction(decoding, window, from_prompts=True)

    def _take_mask(self, frame: int, prompts: PromptSet, window: CropWindow | None) -> Prediction:
        """A mask prompt is its own answer; the network only makes the memory and the pointer from it."""
        assert prompts.mask is not None
        mask = prompts.mask.mask.decode()
        box = bounding_box(mask)
        if self._zoom is None or (box is None and window is None):
            window = crop_window.whole_frame(self._shape)
        elif box is not None:
            window = crop_window.square_around(box, self._zoom.factor, self._zoom.min_side_px)
        assert window is not None
        size = self._model.config.image_size
        if self._zoom is None:
            picture = torch.from_numpy(mask).to(self._model.device).float()[None, None]
            if self._shape != (size, size):
                picture = resize_antialiased(picture, (size, size))
            inside = (picture >= 0.5).float()
        else:
            inside = (crop_window.crop(mask_tensor(mask, self._model.device)[None], window, size) > 0.5).float()
        features = self.embeddings.get([(frame, window)])[0]
        decoding = self._model.mask_as_output(features, inside)
        prediction = self._prediction(decoding, window, from_prompts=False, mask_logits=inside * 20.0 - 10.0)
        logits = np.where(mask, np.float32(BASE_LOGIT), np.float32(-BASE_LOGIT))
        return Prediction(logits, prediction.scores, window, prediction.state)

    # ------------------------------------------------------------------ tracking

    @torch.inference_mode()
    def track(self, owner: ConditioningFrame, context: Sequence[ConditioningFrame], step: Literal[1, -1]) -> Sam2Track:
        """A track that starts at an accepted frame; ``context`` are other accepted frames of the object."""
        state: FrameState = owner.state
        bank = self._bank()
        bank.conditioning[owner.frame] = self._remember_state(owner.frame, state, state.window)
        for other in self._nearest(context, owner.frame):
            memory = self._foreign_memory(other, state.window)
            if memory is not None:
                bank.conditioning[other.frame] = memory
        shown = [c.frame for c in context if _shows_object(c.state)]
        ahead = [f for f in shown if (f - owner.frame) * step > 0]
        goes_on_to = max(ahead, key=lambda f: abs(f - owner.frame), default=None)
        return Sam2Track(owner.frame, step, state.window, bank, state.low_res_logits, goes_on_to)

    @torch.inference_mode()
    def advance(self, tracks: Sequence[Sam2Track]) -> list[Prediction]:
        """Move every track one frame on; tracks of the same number of memory tokens go through the network together."""
        for track in tracks:
            self._follow_window(track)
        features = self.embeddings.get([(t.frame + t.step, t.window) for t in tracks])
        span = self._model.config.max_obj_ptrs_in_encoder
        inputs = [t.bank.tokens(self._model, t.frame + t.step, t.step, span) for t in tracks]
        groups: dict[tuple[int, int], list[int]] = {}
        for i, (memory, _, pointers) in enumerate(inputs):
            groups.setdefault((memory.shape[1], pointers), []).append(i)

        def follow(members: Sequence[int]) -> list[tuple[MaskDecoding, Tensor]]:
            batch = ImageFeatures.cat([features[i] for i in members])
            memory = torch.cat([inputs[i][0] for i in members])
            position = torch.cat([inputs[i][1] for i in members])
            conditioned = self._model.condition_on_memory(batch.s16, memory, position, inputs[members[0]][2])
            last = torch.cat([tracks[i].last_logits for i in members])
            known = torch.tensor([[tracks[i].is_known_ahead] for i in members], device=last.device)
            decoding = self._decode_tracked(batch, conditioned, last, known)
            remembered = self._encode(batch.s16, decoding.low_res_logits, decoding.object_score, binarise=False)
            return [(_row(decoding, k), remembered[k : k + 1]) for k in range(len(members))]

        followed: dict[int, tuple[MaskDecoding, Tensor]] = {}
        for members in groups.values():
            followed.update(zip(members, self._batch_sizer.track(follow, members), strict=True))
        results = [self._prediction(followed[i][0], track.window, from_prompts=False) for i, track in enumerate(tracks)]
        # All are moved, or none: an error above leaves every track where it was, to be asked again.
        for i, track in enumerate(tracks):
            decoding, remembered = followed[i]
            track.frame += track.step
            track.last_logits = decoding.low_res_logits
            track.bank.remember(track.frame, Memory(remembered, decoding.object_pointer), track.step)
        return results

    def _follow_window(self, track: Sam2Track) -> None:
        """Cut the window anew if the mask outgrew it; then its last mask, resampled, starts a fresh memory."""
        if self._zoom is None:
            return
        box = crop_window.needs_new_window(track.last_logits[0, 0], track.window, self._zoom.min_side_px)
        if box is None:
            return
        target = crop_window.square_around(box, self._zoom.factor, self._zoom.min_side_px)
        logits = crop_window.resample_logits(track.last_logits.clamp(-16.0, 16.0), track.window, target)
        size = self._model.config.image_size
        inside = (F.interpolate(logits, size=(size, size), mode="bilinear", align_corners=False) > 0).float()
        features = self.embeddings.get([(track.frame, target)])[0]
        decoding = self._model.mask_as_output(features, inside)
        memory = self._model.encode_memory(features.s16, inside * 20.0 - 10.0, decoding.object_score, binarise=False)
        track.bank = self._bank()
        track.bank.conditioning[track.frame] = Memory(memory, decoding.object_pointer)
        track.window, track.last_logits = target, logits

    def _bank(self) -> MemoryBank:
        config = self._model.config
        return MemoryBank(
            recent_frames=config.num_maskmem - 1,
            recent_pointers=config.max_obj_ptrs_in_encoder,
            max_conditioning=_MAX_CONDITIONING,
        )

    def _nearest(self, context: Sequence[ConditioningFrame], frame: int) -> list[ConditioningFrame]:
        ordered = sorted(context, key=lambda c: abs(c.frame - frame))
        return ordered[: _MAX_CONDITIONING - 1]

    def _condition_on(
        self, frame: int, features: ImageFeatures, window: CropWindow, context: Sequence[ConditioningFrame]
    ) -> Tensor:
        """Features of a corrected frame, conditioned on the object's other accepted frames."""
        bank = self._bank()
        for other in self._nearest(context, frame):
            memory = self._foreign_memory(other, window)
            if memory is not None:
                bank.conditioning[other.frame] = memory
        if not bank.conditioning:
            return self._model.condition_without_memory(features.s16)
        tokens, position, pointers = bank.tokens(self._model, frame, 1, self._model.config.max_obj_ptrs_in_encoder)
        return self._model.condition_on_memory(features.s16, tokens, position, pointers)

    # ------------------------------------------------------------------ accepted frames

    def _mask_of(self, accepted: ConditioningFrame) -> NDArray[np.bool_]:
        state: FrameState = accepted.state
        pasted = crop_window.paste_logits(state.low_res_logits.float(), state.window, self._shape)
        mask: NDArray[np.bool_] = (pasted > 0).cpu().numpy()
        return mask

    def _remember_state(self, frame: int, state: FrameState, window: CropWindow) -> Memory:
        features = self.embeddings.get([(frame, window)])[0]
        binarise = state.from_prompts and self._model.config.binarize_mask_from_pts_for_mem_enc
        if state.high_res_logits is not None and not binarise:
            memory = self._model.encode_memory(features.s16, state.high_res_logits, state.object_score, binarise=False)
        else:
            memory = self._encode(features.s16, state.low_res_logits, state.object_score, binarise)
        return Memory(memory, state.pointer)

    def _foreign_memory(self, other: ConditioningFrame, window: CropWindow) -> Memory | None:
        """The memory of another accepted frame, seen through this window; None if its mask does not fit in."""
        state: FrameState = other.state
        if state.window == window:
            return self._remember_state(other.frame, state, window)
        n = state.low_res_logits.shape[-1]
        box = crop_window.box_in_window(state.low_res_logits[0, 0] > 0)
        if box is not None:
            y0, x0, y1, x1 = crop_window.to_frame_box(box, n, state.window)
            if y0 < window.y0 or x0 < window.x0 or y1 > window.y1 or x1 > window.x1:
                return None
        logits = crop_window.resample_logits(state.low_res_logits, state.window, window)
        moved = FrameState(window, logits, state.pointer, state.object_score, None, state.from_prompts)
        return self._remember_state(other.frame, moved, window)

    # ------------------------------------------------------------------ results

    def _prediction(
        self, decoding: MaskDecoding, window: CropWindow, *, from_prompts: bool, mask_logits: Tensor | None = None
    ) -> Prediction:
        logits = decoding.low_res_logits
        if self._policy.fills_holes and mask_logits is None:
            logits = fill_holes(logits, _MAX_HOLE_AREA)
        keep_high = mask_logits is not None and not self._model.config.binarize_mask_from_pts_for_mem_enc
        state = FrameState(
            window,
            logits,
            decoding.object_pointer,
            decoding.object_score,
            mask_logits if keep_high else None,
            from_prompts,
        )
        return self._shown(logits, decoding.iou, decoding.object_score, window, state)


def _shows_object(state: FrameState) -> bool:
    return bool((state.low_res_logits > 0).any())


def _row(decoding: MaskDecoding, k: int) -> MaskDecoding:
    """One object of a batch of decodings."""
    part = slice(k, k + 1)
    return type(decoding)(
        all_logits=decoding.all_logits[part],
        all_iou=decoding.all_iou[part],
        low_res_logits=decoding.low_res_logits[part],
        iou=decoding.iou[part],
        object_score=decoding.object_score[part],
        object_pointer=decoding.object_pointer[part],
    )
