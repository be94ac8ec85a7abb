"""A walk over a batch of clips with the engine's own parts, as in use but with gradients.

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
from training.crops import Clips
from training.prompts import Kind, Points, Prompter

_MAX_CONDITIONING = 4  # accepted frames that a track attends, as in the engine
_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ClipScript:
    """What happens during a walk.

    Attributes
    ----------
    prompt : str
        On the first frame: ``"click"``, ``"box"`` or ``"mask"``.
    first_corrections : int
        Clicks on what is wrong there; none upon a mask.
    corrected_frame : int or None
        A tracked frame that gets a correction; tracking starts anew from it.
    frame_corrections : int
        How many clicks it gets.
    as_in_use : bool
        Whether negative clicks on it take away what they point at before the network is asked, as the engine does
        for small models; else the network has to do it.
    through_masks : bool
        Whether gradients flow through the previous frame's mask as well as through the memories.
    slipped_frame : int or None
        A frame whose mask goes on wrong (`training.slips`): a tracked one, or the first if a mask is given, which is
        what a track begins with when its window is cut anew.
    quiet : int
        So many frames after the first are tracked without gradient or answer: they only lead to where a long track is.
    both_ends : bool
        Whether the last frame is prompted as the first is, before anything is tracked, so that those between have an
        accepted frame on either side; no frame is slipped or corrected there.
    """

    prompt: Kind
    first_corrections: int = 0
    corrected_frame: int | None = None
    frame_corrections: int = 1
    as_in_use: bool = True
    through_masks: bool = False
    slipped_frame: int | None = None
    quiet: int = 0
    both_ends: bool = False


@dataclass(frozen=True)
class Answer:
    """One run of the mask decoder: the frame, what came out, and how the mask that is shown was made.

    It is mask 0, or with ``multimask`` the best of 1 to 3 or, ``averaged``, their mean.
    """

    frame: int
    decoding: MaskDecoding
    multimask: bool
    averaged: bool = False


def walk(model: Sam2Model, clips: Clips, plan: ClipScript, prompter: Prompter) -> list[Answer]:
    """Prompt the first frame of each clip and follow its objects.

    Parameters
    ----------
    model
        Its input size is that of the clips.
    clips
        B clips with O objects each; the objects go through the decoder as a batch of N = B * O.
    plan, prompter
        What is asked.

    Returns
    -------
    list of Answer
        In the order of the decoder's runs; a given mask is no answer.
    """
    return _Walk(model, clips, plan, prompter).run()


class _Walk:
    def __init__(self, model: Sam2Model, clips: Clips, plan: ClipScript, prompter: Prompter) -> None:
        hint = model.config.prompt_hint
        if hint is None:
            raise ValueError("the recipe trains networks whose prompts are drawn as hints")
        self._hint = hint
        self._model, self._plan, self._prompter = model, plan, prompter
        objects, self._frames = clips.masks.shape[1:3]
        self._masks = clips.masks.flatten(0, 1)
        quiet = range(1, 1 + plan.quiet)
        with torch.no_grad():
            self._features = self._encode(clips.images, quiet, objects)
        self._features |= self._encode(clips.images, [f for f in range(self._frames) if f not in quiet], objects)
        self._bank = self._empty_bank()
        self._known: Tensor | None = None
        self._answers: list[Answer] = []

    def run(self) -> list[Answer]:
        last = self._prompted(0).low_res_logits
        end = self._frames
        if self._plan.both_ends:
            end -= 1
            ahead = self._prompted(end).low_res_logits
            self._known = (ahead > 0).flatten(1).any(1, keepdim=True)
        with torch.no_grad():
            for frame in range(1, 1 + self._plan.quiet):
                tracked = _without_strays(self._track(frame, last), last)
                self._bank.remember(frame, self._memory(frame, tracked), 1)
                last = tracked.low_res_logits
        for frame in range(1 + self._plan.quiet, end):
            tracked = self._track(frame, last)
            self._answers.append(Answer(frame, tracked, multimask=True, averaged=True))
            tracked = _without_strays(tracked, last)
            if frame == self._plan.corrected_frame:
                tracked, memory = self._corrected(frame, tracked, last)
                # In use the track ends here and a new one starts, which knows the accepted frames only.
                conditioning = self._bank.conditioning
                self._bank = self._empty_bank()
                self._bank.conditioning = conditioning
                self._bank.conditioning[frame] = memory
            elif frame == self._plan.slipped_frame:
                tracked, memory = self._slipped(frame, tracked)
                self._bank.remember(frame, memory, 1)
            else:
                self._bank.remember(frame, self._memory(frame, tracked), 1)
            last = tracked.low_res_logits
        return self._answers

    # ------------------------------------------------------------------ frames

    def _prompted(self, frame: int) -> MaskDecoding:
        """An accepted frame: the prompt, then clicks on what is wrong, each on the logits of the last."""
        features, masks = self._features[frame], self._masks[:, frame]
        if self._plan.prompt == "mask":
            if self._plan.slipped_frame == frame:
                masks = self._prompter.slip(masks, self._masks[:, -1])[:, 0] > 0
            decoding = self._model.mask_as_output(features, masks[:, None].float())
            self._bank.conditioning[frame] = self._memory(frame, decoding, _as_high_res(masks))
            return decoding
        conditioned = self._model.condition_without_memory(features.s16)
        points, labels = self._prompter.first(masks, self._plan.prompt)
        decoding = self._decode(frame, conditioned, (points, labels), None)
        for _ in range(self._plan.first_corrections):
            points, labels = _append((points, labels), self._prompter.correction(masks, self._binary(decoding)))
            decoding = self._decode(frame, conditioned, (points, labels), decoding.low_res_logits)
        if self._plan.prompt == "box":
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
        last = last if self._plan.through_masks else last.detach()
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

    def _slipped(self, frame: int, tracked: MaskDecoding) -> tuple[MaskDecoding, Memory]:
        """A tracked frame with a wrong mask, and its memory."""
        found = tracked.low_res_logits[:, 0].detach() > 0
        earlier = F.interpolate(self._masks[:, frame // 2, None].float(), found.shape[-2:], mode="area")
        wrong = self._prompter.slip(found, earlier[:, 0] > 0.5)
        return replace(tracked, low_res_logits=wrong), self._memory(frame, tracked, self._high_res(wrong))

    def _corrected(self, frame: int, tracked: MaskDecoding, last: Tensor) -> tuple[MaskDecoding, Memory]:
        """Clicks on a tracked frame, on its mask, seen with the memories of the accepted frames alone.

        Where the object was lost, on the mask of the frame before, moved onto the click; in use that frame may be
        farther away. What is accepted, and its memory. That the engine spares hollow parts
        (`apply_negative_clicks`, ``accepted``) is left out: they are rare.
        """
        features, masks = self._features[frame], self._masks[:, frame]
        context = self._empty_bank()
        context.conditioning = dict(self._bank.conditioning)
        memory, position, pointers = context.tokens(self._model, frame, 1, self._model.config.max_obj_ptrs_in_encoder)
        conditioned = self._model.condition_on_memory(features.s16, memory, position, pointers)
        found = self._binary(tracked)
        clicks = self._prompter.correction(masks, found)
        base = _each(apply_negative_clicks, found, clicks) if self._plan.as_in_use else found
        nearby = _each(move_mask_to_click, self._high_res(last)[:, 0] > 0, clicks)
        base = torch.where(found.flatten(1).any(1)[:, None, None], base, nearby)
        decoding = self._decode(frame, conditioned, clicks, self._as_logits(base))
        for _ in range(self._plan.frame_corrections - 1):
            clicks = _append(clicks, self._prompter.correction(masks, self._binary(decoding)))
            decoding = self._decode(frame, conditioned, clicks, decoding.low_res_logits)
        if not self._plan.as_in_use:
            return decoding, self._memory(frame, decoding)
        # Where all clicks were negative, the engine takes what is left of the mask as it is, in full resolution.
        negative = (clicks[1] != 1).all(dim=1)
        accepted = _where(negative, self._model.mask_as_output(features, base[:, None].float()), decoding)
        high = torch.where(negative.view(-1, 1, 1, 1), _as_high_res(base), self._high_res(decoding.low_res_logits))
        return accepted, self._memory(frame, accepted, high)

    # ------------------------------------------------------------------ parts

    def _encode(self, images: Tensor, frames: Sequence[int], objects: int) -> dict[int, ImageFeatures]:
        """The features of some frames, repeated for each object of a clip."""
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
        if before is not None and not self._plan.through_masks:
            before = before.detach()
        decoding = decode_drawn(self._model, self._features[frame], conditioned, points, labels, before)
        self._answers.append(Answer(frame, decoding, multimask=labels.shape[1] <= 1))
        return decoding

    def _memory(self, frame: int, decoding: MaskDecoding, high_res: Tensor | None = None) -> Memory:
        """The memory of a frame, of logits ``(N, 1, S, S)`` where they are known better than the decoder has them."""
        high = self._high_res(decoding.low_res_logits) if high_res is None else high_res
        features = self._model.encode_memory(self._features[frame].s16, high, decoding.object_score, binarise=False)
        return Memory(features, decoding.object_pointer)

    def _high_res(self, low_res: Tensor) -> Tensor:
        size = self._model.config.image_size
        return F.interpolate(low_res, size=(size, size), mode="bilinear", align_corners=False)

    def _binary(self, decoding: MaskDecoding) -> Tensor:
        """The masks ``(N, S, S)`` that a user would see."""
        return self._high_res(decoding.low_res_logits.detach())[:, 0] > 0

    def _as_logits(self, masks: Tensor) -> Tensor:
        """Masks ``(N, S, S)`` as the logits that corrections start from."""
        side = self._model.config.low_res_size
        return resize_antialiased(masks[:, None].float(), (side, side)) * MASK_SCALE + MASK_BIAS

    def _empty_bank(self) -> MemoryBank:
        config = self._model.config
        return MemoryBank(config.num_maskmem - 1, config.max_obj_ptrs_in_encoder, _MAX_CONDITIONING)


def _without_strays(tracked: MaskDecoding, last: Tensor) -> MaskDecoding:
    """A tracked frame as the engine passes it on; what it is judged by has the strays."""
    return replace(tracked, low_res_logits=drop_disconnected(tracked.low_res_logits, last))


def _as_high_res(masks: Tensor) -> Tensor:
    """Masks ``(N, S, S)`` as the logits ``(N, 1, S, S)`` that their memory is made of."""
    return masks[:, None].float() * MASK_SCALE + MASK_BIAS


def _append(before: Points, after: Points) -> Points:
    return torch.cat([before[0], after[0]], 1), torch.cat([before[1], after[1]], 1)


def _each(change: Callable[[_Mask, list[PointPrompt]], _Mask], masks: Tensor, clicks: Points) -> Tensor:
    """Masks ``(N, S, S)``, each changed by its clicks as the engine does."""
    changed = []
    for mask, points, labels in zip(masks.cpu().numpy(), *(t.tolist() for t in clicks), strict=True):
        given = [PointPrompt(y, x, label == 1) for (x, y), label in zip(points, labels, strict=True) if label >= 0]
        changed.append(change(mask, given))
    return torch.from_numpy(np.stack(changed)).to(masks.device)


def _where(choice: Tensor, yes: MaskDecoding, no: MaskDecoding) -> MaskDecoding:
    """Row by row the one or the other; ``choice`` is (N,) bool."""
    chosen = {}
    for field in fields(MaskDecoding):
        one, other = getattr(yes, field.name), getattr(no, field.name)
        chosen[field.name] = torch.where(choice.view(-1, *[1] * (one.ndim - 1)), one, other)
    return MaskDecoding(**chosen)
