"""A network at work on one stack of frames: prompts answered, objects tracked, memory bounded.

Tracking follows Meta's ``sam2_base.py``; what differs from it is said where it differs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
import torch.nn.functional as F

from napari_sam2.core.masks import RunLengthMask, bounding_box
from napari_sam2.core.prompts import MaskPrompt, PromptSet
from napari_sam2.engine.protocols import ConditioningFrame, CropWindow, Prediction, Proposal
from napari_sam2.engine.sam2.network.layers import resize_antialiased
from napari_sam2.engine.sam2.network.model import ImageFeatures
from napari_sam2.engine.sam2.tracking import crop_window, limits
from napari_sam2.engine.sam2.tracking.accepted_frames import MAX_CONDITIONING, AcceptedFrames
from napari_sam2.engine.sam2.tracking.frame_state import FrameState, Sam2Track
from napari_sam2.engine.sam2.tracking.going_back import go_back
from napari_sam2.engine.sam2.tracking.mask_cleanup import fill_holes
from napari_sam2.engine.sam2.tracking.memory_bank import Memory, MemoryBank
from napari_sam2.engine.sam2.tracking.motion import box_of, new_motion
from napari_sam2.engine.sam2.tracking.negative_click import apply_negative_clicks
from napari_sam2.engine.sam2.tracking.object_budget import objects_that_fit
from napari_sam2.engine.sam2.tracking.prompt_decoding import BASE_LOGIT, Prompting
from napari_sam2.engine.sam2.tracking.proposals import (
    MAX_BLUR_PX,
    MIN_IOU,
    MIN_STABILITY,
    SMALL_MIN_IOU,
    Criteria,
    Proposer,
)
from napari_sam2.engine.sam2.tracking.relocate import move_mask_to_click
from napari_sam2.engine.sam2.tracking.selective_memory import new_bank
from napari_sam2.engine.sam2.tracking.stream import Answer, Stream
from napari_sam2.engine.sam2.tracking.tracking_step import Outcome, TrackingStep
from napari_sam2.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sam2.engine.options import TrackingOptions
    from napari_sam2.engine.protocols import FrameSource
    from napari_sam2.engine.sam2.network.config import ZoomPolicy
    from napari_sam2.engine.sam2.network.model import MaskDecoding, Sam2Model
    from napari_sam2.engine.sam2.tracking.embedding_store import EmbeddingStore
    from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer

_MAX_HOLE_AREA = 8  # low-resolution pixels; Meta's fill_hole_area, here the same on every device


class Sam2VideoStream(Stream):
    """A network at work by the rules of this project."""

    def __init__(
        self,
        model: Sam2Model,
        frames: FrameSource,
        zoom: ZoomPolicy | None,
        store: EmbeddingStore,
        batch_sizer: BatchSizer,
        options: TrackingOptions | None = None,
    ) -> None:
        super().__init__(model, frames, store, batch_sizer, options)
        self._zoom = zoom

    @property
    def _prompting(self) -> Prompting:
        return Prompting(self._model, self.embeddings, self._shape, self._zoom, self._whole, self._options.click_mask)

    @property
    def _accepted(self) -> AcceptedFrames:
        return AcceptedFrames(self._model, self.embeddings, self._shape)

    @property
    def sees_whole_frames(self) -> bool:
        """See :class:`~napari_sam2.engine.protocols.EncodesAhead`."""
        return self._zoom is None

    def objects_that_fit(self) -> int:
        """See :class:`~napari_sam2.engine.protocols.BoundsObjects`."""
        return objects_that_fit(self._model, self._shape)

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
        forbidden: NDArray[np.bool_] | None = None,
    ) -> Prediction:
        """Answer the prompts of one object on one frame; see :class:`~napari_sam2.engine.protocols.VideoStream`."""
        if not prompts:
            raise PromptError(f"Frame {frame} has no prompt to answer.")
        if prompts.mask is not None:
            return self._take_mask(frame, prompts, window)
        if base is None:
            return self._held(self._answer(frame, prompts, None, None, ()), forbidden)
        if self._policy.applies_negative_clicks:
            clicked = any(not p.positive for p in prompts.points)
            accepted = [self._accepted.mask_of(other) for other in context] if clicked else []
            base = apply_negative_clicks(base, prompts.points, accepted)
            if prompts.box is None and not any(p.positive for p in prompts.points):
                base = base if forbidden is None else base & ~forbidden
                return self._take_mask(frame, PromptSet(mask=MaskPrompt(RunLengthMask.encode(base))), window)
        if base.any():
            return self._held(self._answer(frame, prompts, base, window, context), forbidden)
        if self._policy.relocates_lost_masks and nearest is not None and prompts.box is None:
            base = move_mask_to_click(nearest, prompts.points)
            if base.any():
                return self._held(self._answer(frame, prompts, base, None, context), forbidden)
        return self._held(self._answer(frame, prompts, None, None, ()), forbidden)

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

    def _held(self, answer: Prediction, forbidden: NDArray[np.bool_] | None) -> Prediction:
        """Return an answer that keeps out of what is forbidden, and so does all that is remembered of it."""
        if forbidden is None:
            return answer
        state: FrameState = answer.state
        size = self._model.config.image_size
        limit = limits.in_window(forbidden, answer.window, size, self._model.device)
        logits = limits.limited(state.low_res_logits, limits.shrunk(limit, size // 4))
        state = replace(state, low_res_logits=logits, limit=limit)
        y, x = answer.corner
        held = forbidden[y : y + answer.part.shape[0], x : x + answer.part.shape[1]]
        part = np.where(held, np.minimum(answer.part, np.float32(limits.LIMIT_LOGIT)), answer.part)
        return replace(answer, part=part, state=state)

    def _take_mask(self, frame: int, prompts: PromptSet, window: CropWindow | None) -> Prediction:
        """Take a mask prompt as its own answer; the network only makes the memory and the pointer from it."""
        assert prompts.mask is not None
        mask = prompts.mask.mask.decode()
        box = bounding_box(mask)
        if self._zoom is None or (box is None and window is None):
            window = self._whole
        elif box is not None:
            window = crop_window.square_around(box, self._zoom.factor, self._zoom.min_side_px)
        assert window is not None
        size = self._model.config.image_size
        if self._zoom is None and window == crop_window.whole_frame(self._shape):
            picture = torch.from_numpy(mask).to(self._model.device).float()[None, None]
            if self._shape != (size, size):
                picture = resize_antialiased(picture, (size, size))
            inside = (picture >= 0.5).float()
        else:
            inside = (crop_window.crop_mask(mask, window, size, self._model.device) > 0.5).float()
        features = self.embeddings.get([(frame, window)])[0]
        decoding = self._model.mask_as_output(features, inside)
        prediction = self._prediction(decoding, window, from_prompts=False, mask_logits=inside * 20.0 - 10.0)
        y0, x0, y1, x1 = box or (0, 0, 1, 1)
        part = np.where(mask[y0:y1, x0:x1], np.float32(BASE_LOGIT), np.float32(-BASE_LOGIT))
        return Prediction(part, prediction.scores, window, prediction.state, (y0, x0), self._shape)

    @torch.inference_mode()
    def propose(
        self,
        frame: int,
        spacing_px: float | None = None,
        *,
        min_iou: float | None = None,
        min_stability: float | None = None,
        max_overlap: float = 0.5,
        forbidden: NDArray[np.bool_] | None = None,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Proposal]:
        """Find objects by a grid of clicks; see :class:`~napari_sam2.engine.protocols.Proposes`."""
        criteria = Criteria(
            (SMALL_MIN_IOU if self._model.config.prompt_hint else MIN_IOU) if min_iou is None else min_iou,
            MIN_STABILITY if min_stability is None else min_stability,
            max_overlap,
            MAX_BLUR_PX if min_stability is None else 0.0,
        )
        proposer = Proposer(
            self._model, self.embeddings, self._batch_sizer, self._shape, self._zoom, self._whole, criteria
        )
        return proposer.propose(frame, spacing_px, forbidden, cancelled, progress)

    # ------------------------------------------------------------------ tracking

    @torch.inference_mode()
    def track(self, owner: ConditioningFrame, context: Sequence[ConditioningFrame], step: Literal[1, -1]) -> Sam2Track:
        """Return a track that starts at an accepted frame; ``context`` are other accepted frames of the object."""
        state: FrameState = owner.state
        bank = self._bank()
        bank.conditioning[owner.frame] = self._accepted.remember(owner.frame, state, state.window)
        bank.conditioning.update(self._accepted.nearest(context, owner.frame, state.window))
        shown = [c.frame for c in context if c.state.shows_object]
        ahead = [f for f in shown if (f - owner.frame) * step > 0]
        goes_on_to = max(ahead, key=lambda f: abs(f - owner.frame), default=None)
        motion = new_motion(self._model.config.embed_dim) if self._options.motion else None
        if motion is not None:
            motion.see(box_of(state.low_res_logits[0, 0], state.window), 1.0)
        return Sam2Track(owner.frame, step, state.window, bank, state.low_res_logits, goes_on_to, motion)

    @torch.inference_mode()
    def advance(
        self, tracks: Sequence[Sam2Track], *, forbidden: Sequence[NDArray[np.bool_] | None] | None = None
    ) -> list[Prediction]:
        """Move every track one frame on; tracks of the same number of memory tokens go through the network together.

        See :class:`~napari_sam2.engine.protocols.VideoStream`. The images of what is forbidden are cut as the frames.
        """
        for track in tracks:
            self._follow_window(track)
        banned = [None] * len(tracks) if forbidden is None else list(forbidden)
        size, device = self._model.config.image_size, self._model.device
        held = [
            None if where is None else limits.in_window(where, track.window, size, device)
            for track, where in zip(tracks, banned, strict=True)
        ]
        step = TrackingStep(self._model, self.embeddings, self._batch_sizer, self._options, self._decode_tracked)
        steps = step.outcomes(tracks, held)
        results = self._tracked(tracks, steps, banned)
        # All are moved, or none: an error above leaves every track where it was, to be asked again.
        for track, to in zip(tracks, steps, strict=True):
            track.frame += track.step
            track.last_logits = to.decoding.low_res_logits
            track.bank.remember(track.frame, to.memory, track.step, to.evidence)
            if track.motion is not None and to.evidence is not None:
                track.motion.see(box_of(track.last_logits[0, 0], track.window), to.evidence.iou)
        return results

    @torch.inference_mode()
    def check(
        self,
        anchor: int,
        mask: NDArray[np.bool_],
        tracked: Mapping[int, NDArray[np.bool_]],
        *,
        stride: int = 1,
    ) -> Iterator[tuple[int, float]]:
        """Track back from tracked frames to the accepted one; see :class:`~napari_sam2.engine.protocols.Checks`."""
        yield from go_back(self, anchor, mask, tracked, self._batch_sizer.objects_at_once, stride)

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
        return new_bank(self._options.memory, config.num_maskmem - 1, config.max_obj_ptrs_in_encoder, MAX_CONDITIONING)

    def _condition_on(
        self, frame: int, features: ImageFeatures, window: CropWindow, context: Sequence[ConditioningFrame]
    ) -> Tensor:
        """Return the features of a corrected frame, conditioned on the object's other accepted frames."""
        bank = self._bank()
        bank.conditioning.update(self._accepted.nearest(context, frame, window))
        if not bank.conditioning:
            return self._model.condition_without_memory(features.s16)
        tokens, position, pointers = bank.tokens(self._model, frame, 1, self._model.config.max_obj_ptrs_in_encoder)
        return self._model.condition_on_memory(features.s16, tokens, position, pointers)

    # ------------------------------------------------------------------ results

    def _prediction(
        self,
        decoding: MaskDecoding,
        window: CropWindow,
        *,
        from_prompts: bool,
        mask_logits: Tensor | None = None,
    ) -> Prediction:
        logits = decoding.low_res_logits
        if mask_logits is None:
            logits = self._filled([logits])[0]
        keep_high = mask_logits is not None and not self._model.config.binarize_mask_from_pts_for_mem_enc
        state = FrameState(
            window,
            logits,
            decoding.object_pointer,
            decoding.object_score,
            mask_logits if keep_high else None,
            from_prompts,
        )
        return self._shown([Answer(logits, decoding.iou, decoding.object_score, window, state)])[0]

    def _filled(self, logits: Sequence[Tensor]) -> list[Tensor]:
        """Return logits ``(1, 1, n, n)`` without specks of background inside masks."""
        if not self._policy.fills_holes:
            return list(logits)
        filled = fill_holes(torch.cat(list(logits)), _MAX_HOLE_AREA)
        return [filled[k : k + 1] for k in range(len(logits))]

    def _tracked(
        self, tracks: Sequence[Sam2Track], steps: Sequence[Outcome], banned: Sequence[NDArray[np.bool_] | None]
    ) -> list[Prediction]:
        """Return the masks of one step of tracks."""
        answers = []
        filled = self._filled([to.decoding.low_res_logits for to in steps])
        for track, to, logits, forbidden in zip(tracks, steps, filled, banned, strict=True):
            decoding = to.decoding
            state = FrameState(track.window, logits, decoding.object_pointer, decoding.object_score, None, False)
            rival = None if to.evidence is None else to.evidence.rival
            answers.append(Answer(logits, decoding.iou, decoding.object_score, track.window, state, forbidden, rival))
        return self._shown(answers)
