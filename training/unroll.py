"""Unroll the engine's network over a batch of clips, as in use but with gradients.

What the session and the stream of the engine do for one object at a time, this does for all clips at once: the first
frame is prompted, the others are tracked, some are corrected. `tests/training` compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.core.prompts import PointPrompt
from napari_sam2.engine.sam2.network.layers import resize_antialiased
from napari_sam2.engine.sam2.network.model import MASK_BIAS, MASK_SCALE, ImageFeatures, MaskDecoding, Sam2Model
from napari_sam2.engine.sam2.tracking.mask_cleanup import drop_disconnected, drop_small
from napari_sam2.engine.sam2.tracking.memory_bank import Memory, MemoryBank
from napari_sam2.engine.sam2.tracking.negative_click import apply_negative_clicks
from napari_sam2.engine.sam2.tracking.prompt_decoding import decode_drawn
from napari_sam2.engine.sam2.tracking.relocate import move_mask_to_click
from training.clip_sampling import ClipBatch
from training.clip_script import BothEndsClip, ClipScript, CorrectedClip, FrameCorrection
from training.simulated_prompts import Points, Prompter

_MAX_CONDITIONING = 4  # accepted frames that a track attends, as in the engine
_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class DecoderOutput:
    """One run of the mask decoder.

    Attributes
    ----------
    frame : int
        Index in the clip.
    decoding : MaskDecoding
        Masks and scores of all N objects.
    multimask : bool
        Whether the shown mask comes from masks 1 to 3 instead of mask 0: the best of them or, ``averaged``, their mean.
    averaged : bool
        See ``multimask``.
    """

    frame: int
    decoding: MaskDecoding
    multimask: bool
    averaged: bool = False


def unroll(model: Sam2Model, clips: ClipBatch, script: ClipScript, prompter: Prompter) -> list[DecoderOutput]:
    """Prompt the first frame of each clip and follow its objects.

    Parameters
    ----------
    model
        Its input size is that of the clips.
    clips
        B clips with O objects each; the objects go through the decoder as a batch of N = B * O.
    script
        The order of events.
    prompter
        Gives the prompts and the corrupted masks.

    Returns
    -------
    list of DecoderOutput
        In the order of the decoder's runs; a given mask does not pass the decoder.
    """
    return _Unroll(model, clips, script, prompter).run()


class _Unroll:
    def __init__(self, model: Sam2Model, clips: ClipBatch, script: ClipScript, prompter: Prompter) -> None:
        hint = model.config.prompt_hint
        if hint is None:
            raise ValueError("the recipe trains networks whose prompts are drawn as hints")
        self._hint = hint
        self._model, self._script, self._prompter = model, script, prompter
        self._correction = script.correction if isinstance(script, CorrectedClip) else None
        self._corrupted_frame = script.corrupted_frame if isinstance(script, CorrectedClip) else None
        objects, self._frames = clips.masks.shape[1:3]
        self._masks = clips.masks.flatten(0, 1)
        skipped = range(1, 1 + script.skipped_frames)
        with torch.no_grad():
            self._features = self._encode(clips.images, skipped, objects)
        self._features |= self._encode(clips.images, [f for f in range(self._frames) if f not in skipped], objects)
        self._bank = self._empty_bank()
        self._known: Tensor | None = None
        self._outputs: list[DecoderOutput] = []

    def run(self) -> list[DecoderOutput]:
        last = self._prompted(0).low_res_logits
        end, first = self._frames, 1 + self._script.skipped_frames
        if isinstance(self._script, BothEndsClip):
            end -= 1
            at_end = self._prompted(end).low_res_logits
            self._known = (at_end > 0).flatten(1).any(1, keepdim=True)
        with torch.no_grad():
            for frame in range(1, first):
                tracked = _without_strays(self._track(frame, last), last)
                self._bank.remember(frame, self._memory(frame, tracked), 1)
                last = tracked.low_res_logits
        for frame in range(first, end):
            tracked = self._track(frame, last)
            self._outputs.append(DecoderOutput(frame, tracked, multimask=True, averaged=True))
            tracked = _without_strays(tracked, last)
            if self._correction is not None and frame == self._correction.frame:
                tracked, memory = self._corrected(self._correction, tracked, last)
                # In use the track ends here and a new one starts, which knows the accepted frames only.
                conditioning = self._bank.conditioning
                self._bank = self._empty_bank()
                self._bank.conditioning = conditioning
                self._bank.conditioning[frame] = memory
            elif frame == self._corrupted_frame:
                tracked, memory = self._corrupted(frame, tracked)
                self._bank.remember(frame, memory, 1)
            else:
                self._bank.remember(frame, self._memory(frame, tracked), 1)
            last = tracked.low_res_logits
        return self._outputs

    # ------------------------------------------------------------------ frames

    def _prompted(self, frame: int) -> MaskDecoding:
        """Accept a frame: the prompt, then clicks on what is wrong, each on the logits of the last."""
        features, masks = self._features[frame], self._masks[:, frame]
        if self._script.prompt == "mask":
            if self._corrupted_frame == frame:
                masks = self._prompter.corrupt(masks, self._masks[:, -1])[:, 0] > 0
            decoding = self._model.mask_as_output(features, masks[:, None].float())
            self._bank.conditioning[frame] = self._memory(frame, decoding, _as_high_res(masks))
            return decoding
        conditioned = self._model.condition_without_memory(features.s16)
        points, labels = self._prompter.first_prompt(masks, self._script.prompt)
        decoding = self._decode(frame, conditioned, (points, labels), None)
        for _ in range(self._script.first_corrections):
            click = self._prompter.correction_click(masks, self._binary(decoding))
            points, labels = _append((points, labels), click)
            decoding = self._decode(frame, conditioned, (points, labels), decoding.low_res_logits)
        if self._script.prompt == "box":
            logits = drop_small(decoding.low_res_logits, points, labels, self._model.config.image_size)
            decoding = replace(decoding, low_res_logits=logits)
        if frame:
            # A frame that the object is not on is accepted as empty.
            empty = ~masks.flatten(1).any(1)
            decoding = _where(empty, self._model.mask_as_output(features, masks[:, None].float()), decoding)
        self._bank.conditioning[frame] = self._memory(frame, decoding)
        return decoding

    def _track(self, frame: int, last: Tensor) -> MaskDecoding:
        features = self._features[frame]
        span = self._model.config.max_obj_ptrs_in_encoder
        memory, position, pointers = self._bank.tokens(self._model, frame, 1, span)
        conditioned = self._model.condition_on_memory(features.s16, memory, position, pointers)
        last = last if self._script.gradient_through_masks else last.detach()
        hint = last.clamp(-self._hint.clamp, self._hint.clamp)
        return self._model.decode(
            conditioned,
            features.s8,
            features.s4,
            None,
            None,
            hint,
            multimask=True,
            residual_row=1,
            known=self._known,
            averaged=True,
        )

    def _corrupted(self, frame: int, tracked: MaskDecoding) -> tuple[MaskDecoding, Memory]:
        """Replace the mask of a tracked frame by a wrong one; return it and its memory."""
        found = tracked.low_res_logits[:, 0].detach() > 0
        earlier = F.interpolate(self._masks[:, frame // 2, None].float(), found.shape[-2:], mode="area")
        wrong = self._prompter.corrupt(found, earlier[:, 0] > 0.5)
        return replace(tracked, low_res_logits=wrong), self._memory(frame, tracked, self._high_res(wrong))

    def _corrected(
        self, correction: FrameCorrection, tracked: MaskDecoding, last: Tensor
    ) -> tuple[MaskDecoding, Memory]:
        """Click on the mask of a tracked frame, seen with the memories of the accepted frames alone.

        Where the object was lost, the clicks are on the mask of the frame before, moved onto the click; in use that
        frame may be farther away. Return what is accepted, and its memory. That the engine spares hollow parts
        (`apply_negative_clicks`, ``accepted``) is left out: they are rare.
        """
        frame = correction.frame
        features, masks = self._features[frame], self._masks[:, frame]
        context = self._empty_bank()
        context.conditioning = dict(self._bank.conditioning)
        memory, position, pointers = context.tokens(self._model, frame, 1, self._model.config.max_obj_ptrs_in_encoder)
        conditioned = self._model.condition_on_memory(features.s16, memory, position, pointers)
        found = self._binary(tracked)
        clicks = self._prompter.correction_click(masks, found)
        base = _each(apply_negative_clicks, found, clicks) if correction.erases else found
        nearby = _each(move_mask_to_click, self._high_res(last)[:, 0] > 0, clicks)
        base = torch.where(found.flatten(1).any(1)[:, None, None], base, nearby)
        decoding = self._decode(frame, conditioned, clicks, self._as_logits(base))
        for _ in range(correction.clicks - 1):
            clicks = _append(clicks, self._prompter.correction_click(masks, self._binary(decoding)))
            decoding = self._decode(frame, conditioned, clicks, decoding.low_res_logits)
        if not correction.erases:
            return decoding, self._memory(frame, decoding)
        # Where all clicks were negative, the engine takes what is left of the mask as it is, in full resolution.
        negative = (clicks[1] != 1).all(dim=1)
        accepted = _where(negative, self._model.mask_as_output(features, base[:, None].float()), decoding)
        high = torch.where(negative.view(-1, 1, 1, 1), _as_high_res(base), self._high_res(decoding.low_res_logits))
        return accepted, self._memory(frame, accepted, high)

    # ------------------------------------------------------------------ parts

    def _encode(self, images: Tensor, frames: Sequence[int], objects: int) -> dict[int, ImageFeatures]:
        """Encode some frames; the features are repeated for each object of a clip."""
        if not frames:
            return {}
        config = self._model.config
        mean, std = (images.new_tensor(v).view(1, 3, 1, 1) for v in (config.pixel_mean, config.pixel_std))
        chosen = images[:, list(frames)].flatten(0, 1)
        features = self._model.encode_image((chosen[:, None].expand(-1, 3, -1, -1) - mean) / std)
        clip = torch.arange(len(images), device=images.device).repeat_interleave(objects)
        return {frame: features.select(clip * len(frames) + i) for i, frame in enumerate(frames)}

    def _decode(self, frame: int, conditioned: Tensor, prompts: Points, before: Tensor | None) -> MaskDecoding:
        points, labels = prompts
        if before is not None and not self._script.gradient_through_masks:
            before = before.detach()
        decoding = decode_drawn(self._model, self._features[frame], conditioned, points, labels, before)
        self._outputs.append(DecoderOutput(frame, decoding, multimask=labels.shape[1] <= 1))
        return decoding

    def _memory(self, frame: int, decoding: MaskDecoding, high_res: Tensor | None = None) -> Memory:
        """Encode the memory of a frame, of logits ``(N, 1, S, S)`` where better ones than the decoder's are known."""
        high = self._high_res(decoding.low_res_logits) if high_res is None else high_res
        features = self._model.encode_memory(self._features[frame].s16, high, decoding.object_score, binarise=False)
        return Memory(features, decoding.object_pointer)

    def _high_res(self, low_res: Tensor) -> Tensor:
        size = self._model.config.image_size
        return F.interpolate(low_res, size=(size, size), mode="bilinear", align_corners=False)

    def _binary(self, decoding: MaskDecoding) -> Tensor:
        """Return the masks ``(N, S, S)`` that a user would see."""
        return self._high_res(decoding.low_res_logits.detach())[:, 0] > 0

    def _as_logits(self, masks: Tensor) -> Tensor:
        """Turn masks ``(N, S, S)`` into the logits that corrections start from."""
        side = self._model.config.low_res_size
        return resize_antialiased(masks[:, None].float(), (side, side)) * MASK_SCALE + MASK_BIAS

    def _empty_bank(self) -> MemoryBank:
        config = self._model.config
        return MemoryBank(config.num_maskmem - 1, config.max_obj_ptrs_in_encoder, _MAX_CONDITIONING)


def _without_strays(tracked: MaskDecoding, last: Tensor) -> MaskDecoding:
    """Drop strays, as the engine does before a tracked mask goes on; the loss is of the mask with its strays."""
    return replace(tracked, low_res_logits=drop_disconnected(tracked.low_res_logits, last))


def _as_high_res(masks: Tensor) -> Tensor:
    """Turn masks ``(N, S, S)`` into the logits ``(N, 1, S, S)`` that their memory is made of."""
    return masks[:, None].float() * MASK_SCALE + MASK_BIAS


def _append(before: Points, after: Points) -> Points:
    return torch.cat([before[0], after[0]], 1), torch.cat([before[1], after[1]], 1)


def _each(change: Callable[[_Mask, list[PointPrompt]], _Mask], masks: Tensor, clicks: Points) -> Tensor:
    """Change each of the masks ``(N, S, S)`` by its clicks, as the engine does."""
    changed = []
    for mask, points, labels in zip(masks.cpu().numpy(), *(t.tolist() for t in clicks), strict=True):
        given = [PointPrompt(y, x, label == 1) for (x, y), label in zip(points, labels, strict=True) if label >= 0]
        changed.append(change(mask, given))
    return torch.from_numpy(np.stack(changed)).to(masks.device)


def _where(choice: Tensor, yes: MaskDecoding, no: MaskDecoding) -> MaskDecoding:
    """Choose one or the other row by row; ``choice`` is (N,) bool."""
    chosen = {}
    for field in fields(MaskDecoding):
        one, other = getattr(yes, field.name), getattr(no, field.name)
        chosen[field.name] = torch.where(choice.view(-1, *[1] * (one.ndim - 1)), one, other)
    return MaskDecoding(**chosen)
