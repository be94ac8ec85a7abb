"""A video predictor as small as can be: one object, Meta's memory rules, nothing optimised.

It stands in for `VideoSession(exact=True)` where only the network is under test: `track` takes and returns plain
tensors, so either can be compared with an oracle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_sam2.engine.sam2 import ImageFeatures, MaskDecoding, Sam2Model


@dataclass
class Prompt:
    """Points or a mask on one frame; ``hint`` is a drawn prompt for networks that want one."""

    points: Tensor | None = None  # (1, P, 2) x, y in input pixels
    labels: Tensor | None = None  # (1, P)
    mask: Tensor | None = None  # (1, 1, S, S)
    hint: Tensor | None = None  # (1, 1, S/4, S/4)


@dataclass
class Memory:
    """What later frames see of a frame."""

    maps: Tensor  # (1, mem, h, w)
    pointer: Tensor  # (1, C)


@dataclass
class ReferenceLoop:
    """Tracks one object through a clip.

    Parameters
    ----------
    model : Sam2Model
    pixels : Tensor, (T, 3, S, S)
        Normalised frames.
    store : callable
        How a memory map is kept; Meta's predictor keeps bfloat16 even where it computes in float32.
    residual : bool
        Whether tracked frames get the previous frame's chosen logits as mask prompt, with row 1 of the network's
        ``prompt_residual``.
    full_mask : bool
        Whether the memory of a mask prompt is made of the mask itself, as in training, and not of the mask shrunk to
        the low resolution and enlarged again, as in Meta's predictor.
    conditioning, tracked, results, features
        By frame: what has been computed so far. ``features`` may be shared between loops over the same clip.
    """

    model: Sam2Model
    pixels: Tensor
    store: Callable[[Tensor], Tensor] = field(default=lambda maps: maps.bfloat16().float())
    residual: bool = False
    full_mask: bool = False
    conditioning: dict[int, Memory] = field(default_factory=dict)
    tracked: dict[int, Memory] = field(default_factory=dict)
    results: dict[int, MaskDecoding] = field(default_factory=dict)
    features: dict[int, ImageFeatures] = field(default_factory=dict)

    def prompt(self, frame: int, prompt: Prompt) -> MaskDecoding:
        """Answer a prompt on a frame without memory, and let the frame condition all others."""
        features = self._features(frame)
        if prompt.mask is not None:
            result = self.model.mask_as_output(features, prompt.mask)
        else:
            assert prompt.labels is not None
            conditioned = self.model.condition_without_memory(features.s16)
            multimask = prompt.labels.shape[1] <= 1
            row = 0 if prompt.hint is not None else None
            result = self.model.decode(
                conditioned, features.s8, features.s4, prompt.points, prompt.labels, prompt.hint, multimask, row
            )
        binarise = self.model.config.binarize_mask_from_pts_for_mem_enc
        high_res = None
        if prompt.mask is not None and self.full_mask:
            high_res = prompt.mask * 20 - 10
        self.conditioning[frame] = self._memory(features, result, binarise, high_res)
        self.results[frame] = result
        return result

    def correct(self, frame: int, prompt: Prompt, reverse: bool = False) -> MaskDecoding:
        """Answer clicks on a tracked frame, upon its mask and with its memory, and let it condition all others.

        Meta clamps the earlier logits at 32 before they are fed as a mask prompt.
        """
        assert prompt.labels is not None
        features = self._features(frame)
        conditioned = self.model.condition_on_memory(features.s16, *self._gather(frame, reverse))
        before = self.results[frame].low_res_logits.clamp(-32.0, 32.0)
        multimask = prompt.labels.shape[1] <= 1
        result = self.model.decode(
            conditioned, features.s8, features.s4, prompt.points, prompt.labels, before, multimask
        )
        binarise = self.model.config.binarize_mask_from_pts_for_mem_enc
        self.conditioning[frame] = self._memory(features, result, binarise)
        del self.tracked[frame]
        self.results[frame] = result
        return result

    def track(self, frame: int, reverse: bool = False) -> MaskDecoding:
        """Predict a frame from the memory of others."""
        features = self._features(frame)
        conditioned = self.model.condition_on_memory(features.s16, *self._gather(frame, reverse))
        hint = None
        if self.residual:
            assert self.model.config.prompt_hint is not None
            clamp = self.model.config.prompt_hint.clamp
            hint = self.results[frame + (1 if reverse else -1)].low_res_logits.clamp(-clamp, clamp)
        row = 1 if self.residual else None
        result = self.model.decode(conditioned, features.s8, features.s4, None, None, hint, True, row)
        self.tracked[frame] = self._memory(features, result, binarise=False)
        self.results[frame] = result
        return result

    def _features(self, frame: int) -> ImageFeatures:
        if frame not in self.features:
            self.features[frame] = self.model.encode_image(self.pixels[frame : frame + 1])
        return self.features[frame]

    def _memory(
        self, features: ImageFeatures, result: MaskDecoding, binarise: bool, high_res: Tensor | None = None
    ) -> Memory:
        size = self.model.image_size
        if high_res is None:
            high_res = F.interpolate(result.low_res_logits, size=(size, size), mode="bilinear", align_corners=False)
        maps = self.model.encode_memory(features.s16, high_res, result.object_score, binarise)
        return Memory(self.store(maps), result.object_pointer)

    def _gather(self, frame: int, reverse: bool) -> tuple[Tensor, Tensor, int]:
        """Collect memories: all conditioning frames, 6 tracked ones, and the pointers of up to 15 tracked ones."""
        model, config = self.model, self.model.config
        step = 1 if reverse else -1
        # Conditioning frames share the last temporal embedding; the frame r steps back has the one before r.
        entries = [(config.num_maskmem - 1, memory) for memory in self.conditioning.values()]
        for back in range(config.num_maskmem - 1, 0, -1):
            if frame + step * back in self.tracked:
                entries.append((back - 1, self.tracked[frame + step * back]))
        most = min(len(self.pixels), config.max_obj_ptrs_in_encoder)
        pointers = [
            (step * (other - frame), memory)
            for other, memory in self.conditioning.items()
            if step * (other - frame) >= 0
        ]
        for back in range(1, most):
            if frame + step * back in self.tracked:
                pointers.append((back, self.tracked[frame + step * back]))
        maps = [memory.maps.flatten(2).transpose(1, 2) for _, memory in entries]
        place = model.memory_position_encoding(*entries[0][1].maps.shape[-2:]).flatten(2).transpose(1, 2)
        places = [place + model.maskmem_tpos_enc[index].view(1, 1, -1) for index, _ in entries]
        if not pointers:
            return torch.cat(maps, 1), torch.cat(places, 1), 0
        distances = torch.tensor([distance for distance, _ in pointers]) / (most - 1)
        tokens, pos = model.pointer_tokens(torch.stack([m.pointer for _, m in pointers], dim=1), distances)
        return torch.cat([*maps, tokens], 1), torch.cat([*places, pos], 1), tokens.shape[1]
