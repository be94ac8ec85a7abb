"""The SAM 2 network as a whole (``modeling/sam2_base.py``).

Module names are Meta's state-dict names, so released checkpoints load with no conversion. The network knows single
frames only: which memories a frame attends to is decided above it.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from napari_sam2.engine.sam2.network.config import Sam2Config
from napari_sam2.engine.sam2.network.features import ABSENT_LOGIT as ABSENT_LOGIT
from napari_sam2.engine.sam2.network.features import ImageFeatures as ImageFeatures
from napari_sam2.engine.sam2.network.features import MaskDecoding as MaskDecoding
from napari_sam2.engine.sam2.network.fpn import ImageEncoder
from napari_sam2.engine.sam2.network.layers import Linear, Mlp, resize_antialiased, to_maps, to_tokens, without_repeats
from napari_sam2.engine.sam2.network.mask_decoder import (
    MaskDecoder,
    best_alternative,
    larger_than,
    mean_alternative,
    pick,
    stable_choice,
)
from napari_sam2.engine.sam2.network.memory_attention import MemoryAttention
from napari_sam2.engine.sam2.network.memory_encoder import MemoryEncoder
from napari_sam2.engine.sam2.network.position_encoding import TableCache, sine_1d, sine_grid
from napari_sam2.engine.sam2.network.prompt_encoder import PAD_LABEL, PromptEncoder

_JUST_PRESENT = 1e-3  # an object score
MASK_SCALE, MASK_BIAS = 20.0, -10.0
"""A mask taken as the output gets the logits +10 inside and -10 outside."""


class Sam2Model(nn.Module):
    """SAM 2 or 2.1 with Meta's state-dict names.

    Parameters
    ----------
    config : Sam2Config

    Notes
    -----
    A new model has random weights; use `napari_sam2.engine.sam2.checkpoint.load_model` for a checkpoint. S stands for
    ``config.image_size``, h = w = S/16, C for ``d_model`` and mem for ``mem_dim`` in all shapes.
    """

    no_obj_embed_spatial: nn.Parameter | None

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        self.config = config
        dim, mem = config.d_model, config.mem_dim
        self.image_encoder = ImageEncoder(config)
        self.memory_attention = MemoryAttention(config)
        self.memory_encoder = MemoryEncoder(config)
        self.sam_prompt_encoder = PromptEncoder(config)
        self.sam_mask_decoder = MaskDecoder(config)
        self.mask_downsample = nn.Conv2d(1, 1, kernel_size=4, stride=4)
        self.obj_ptr_proj = Mlp(dim, dim, dim, dim)
        self.maskmem_tpos_enc = nn.Parameter(torch.zeros(config.num_maskmem, 1, 1, mem))
        self.no_mem_embed = nn.Parameter(torch.zeros(1, 1, dim))
        self.no_mem_pos_enc = nn.Parameter(torch.zeros(1, 1, dim))  # unused, but part of every checkpoint
        self.no_obj_ptr = nn.Parameter(torch.zeros(1, dim))
        self.no_obj_embed_spatial = nn.Parameter(torch.zeros(1, mem)) if config.no_obj_embed_spatial else None
        self.obj_ptr_tpos_proj = Linear(dim, mem) if config.proj_tpos_enc_in_obj_ptrs else None
        self._image_pos = TableCache(partial(sine_grid, channels=dim))
        self._memory_pos = TableCache(partial(sine_grid, channels=mem))

    @property
    def device(self) -> torch.device:
        """Return the device of the weights."""
        return self.no_mem_embed.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return self.no_mem_embed.dtype

    @property
    def image_size(self) -> int:
        """Side S of the square input in pixels."""
        return self.config.image_size

    def encode_image(self, pixels: Tensor) -> ImageFeatures:
        """Encode images.

        Parameters
        ----------
        pixels : Tensor, (B, 3, S, S)
            Already normalised with ``config.pixel_mean`` and ``pixel_std``.
        """
        decoder = self.sam_mask_decoder
        s4, s8, s16 = self.image_encoder(pixels.to(self.dtype), (decoder.conv_s0, decoder.conv_s1))
        return ImageFeatures(s16=s16, s8=s8, s4=s4)

    def condition_without_memory(self, s16: Tensor) -> Tensor:
        """Mark features (B, C, h, w) as those of a frame without any memory."""
        return s16 + self.no_mem_embed.reshape(1, -1, 1, 1)

    def condition_on_memory(self, s16: Tensor, memory: Tensor, memory_pos: Tensor, num_pointer_tokens: int) -> Tensor:
        """Condition features on memories.

        Parameters
        ----------
        s16 : Tensor, (B, C, h, w)
        memory : Tensor, (B, N, mem)
            Whole memory maps as tokens, row by row, followed by the tokens of object pointers.
        memory_pos : Tensor, (B, N, mem)
            Their positions: `memory_position_encoding` plus an entry of ``maskmem_tpos_enc`` for maps; for pointers
            those of `pointer_tokens`.
        num_pointer_tokens : int

        Returns
        -------
        Tensor, (B, C, h, w)
        """
        height, width = s16.shape[-2:]
        s16 = without_repeats(s16)
        pos = to_tokens(self._image_pos.get(height, width, s16.dtype, s16.device))
        memory, memory_pos = memory.to(s16.dtype), memory_pos.to(s16.dtype)
        out = self.memory_attention(
            to_tokens(s16), pos, memory, memory_pos, (height, width), pointer_tokens=num_pointer_tokens
        )
        return to_maps(out, height, width)

    def decode(
        self,
        conditioned: Tensor,
        s8: Tensor,
        s4: Tensor,
        points: Tensor | None,
        labels: Tensor | None,
        mask_logits: Tensor | None,
        multimask: bool,
        residual_row: int | None = None,
        known: Tensor | None = None,
        averaged: bool = False,
        most_area: Tensor | None = None,
        alternative: int | None = None,
    ) -> MaskDecoding:
        """Predict a mask for each object of the batch.

        Parameters
        ----------
        conditioned : Tensor, (B, C, h, w)
            Of `condition_without_memory` or `condition_on_memory`.
        s8, s4 : Tensor
            Of `encode_image`; a batch of 1 serves all objects.
        points : Tensor, (B, P, 2), optional
            (x, y) in pixels of the input; half a pixel is added here. A box is its two corners with the labels 2
            and 3, before any clicks. None stands for one empty point, as on tracked frames.
        labels : Tensor, (B, P) integers, optional
            -1 none, 0 outside, 1 inside, 2 and 3 corners of a box.
        mask_logits : Tensor, (B, 1, S/4, S/4), optional
            A mask prompt.
        multimask : bool
            Whether the best of masks 1 to 3 is chosen (a single click, or a tracked frame) or mask 0 (a box, or
            several clicks).
        residual_row : int, optional
            Adds this row of the network's ``prompt_residual``, times ``mask_logits``, to all masks.
        known : Tensor, (B, 1) bool, optional
            Objects that are there whatever the network says; their scores are at least just above 0.
        averaged : bool
            With ``multimask``: the mean of masks 1 to 3 is shown instead of the best one; IoU and pointer stay those
            of the best one.
        most_area : Tensor, (B,), optional
            With ``multimask``: masks 1 to 3 with more low-resolution pixels are chosen only where all have more.
        alternative : int, optional
            With ``multimask``: this mask, 0 to 3, is chosen instead of the best one.
        """
        batch = conditioned.shape[0]
        if points is None or labels is None:
            points = conditioned.new_zeros(batch, 1, 2)
            labels = torch.full((batch, 1), PAD_LABEL, dtype=torch.int32, device=conditioned.device)
        prompts = self.sam_prompt_encoder(points, labels)
        dense = self.sam_prompt_encoder.embed_mask(mask_logits)
        pos = self.sam_prompt_encoder.image_positions(*conditioned.shape[-2:])
        logits, iou, tokens, score = self.sam_mask_decoder(conditioned, pos, prompts, dense, s8, s4)
        if residual_row is not None and mask_logits is not None:
            logits = logits + self.sam_mask_decoder.residual(mask_logits, residual_row)
        if known is not None:
            score = torch.where(known, score.clamp(min=_JUST_PRESENT), score)
        return self._choose(logits, iou, tokens, score, multimask, averaged, most_area, alternative)

    def _choose(
        self,
        logits: Tensor,
        iou: Tensor,
        tokens: Tensor,
        score: Tensor,
        multimask: bool,
        averaged: bool = False,
        most_area: Tensor | None = None,
        alternative: int | None = None,
    ) -> MaskDecoding:
        config = self.config
        zero = torch.zeros(logits.shape[0], dtype=torch.long, device=logits.device)
        if multimask:
            choice = best_alternative(iou if most_area is None else iou - larger_than(logits, most_area))
            if alternative is not None:
                choice = torch.full_like(choice, alternative)
            token_choice = choice if config.use_multimask_token_for_obj_ptr else zero
        else:
            # The pointer stays that of mask 0 even where another mask is shown: that is what the network learned.
            choice = token_choice = zero
            if config.dynamic_multimask_via_stability:
                delta, threshold = config.dynamic_multimask_stability_delta, config.dynamic_multimask_stability_thresh
                choice = stable_choice(logits, iou, delta, threshold)
        present = score > 0
        shown = mean_alternative(logits) if multimask and averaged else pick(logits, choice)[:, None]
        chosen = torch.where(present[:, :, None, None], shown, ABSENT_LOGIT)
        pointer = self._gate_pointer(self.obj_ptr_proj(pick(tokens, token_choice)), present)
        return MaskDecoding(logits, iou, chosen, pick(iou, choice), score, pointer)

    def _gate_pointer(self, pointer: Tensor, present: Tensor) -> Tensor:
        """Replace the pointers (B, C) of objects that are absent; ``present`` is (B, 1) bool."""
        weight = present.to(pointer.dtype)
        return weight * pointer + (1 - weight) * self.no_obj_ptr

    def mask_as_output(self, features: ImageFeatures, mask: Tensor) -> MaskDecoding:
        """Take a given mask as the answer; the decoder is asked for the object pointer only.

        Parameters
        ----------
        features : ImageFeatures
            Of batch B. They are used unconditioned.
        mask : Tensor, (B, 1, S, S)
            0 or 1.

        Returns
        -------
        MaskDecoding
            ``low_res_logits`` is the mask shrunk, +10 inside and -10 outside; ``all_logits`` repeats it four times.
            All IoUs are 1; the object is present where the mask has any pixel.
        """
        mask = mask.float()
        present = mask.flatten(1).any(dim=1)[:, None]
        high_res = mask * MASK_SCALE + MASK_BIAS
        size = (mask.shape[-2] // 4, mask.shape[-1] // 4)
        low_res = resize_antialiased(high_res, size)
        prompt = self.mask_downsample(mask.to(self.dtype))
        decoded = self.decode(features.s16, features.s8, features.s4, None, None, prompt, multimask=False)
        ones = torch.ones(mask.shape[0], 4, device=mask.device)
        return MaskDecoding(
            all_logits=low_res.expand(-1, 4, -1, -1),
            all_iou=ones,
            low_res_logits=low_res,
            iou=ones[:, 0],
            object_score=present.float() * MASK_SCALE + MASK_BIAS,
            # Gated a second time, now by the mask itself: an empty mask has no pointer whatever the decoder thinks.
            object_pointer=self._gate_pointer(decoded.object_pointer, present),
        )

    def encode_memory(self, s16: Tensor, mask_logits_high_res: Tensor, object_score: Tensor, binarise: bool) -> Tensor:
        """Encode frames and their masks as memories.

        Parameters
        ----------
        s16 : Tensor, (B, C, h, w)
            Not conditioned on memory.
        mask_logits_high_res : Tensor, (B, 1, S, S)
        object_score : Tensor, (B, 1)
        binarise : bool
            Cut the mask at logit 0 instead of using probabilities; ``config.binarize_mask_from_pts_for_mem_enc``
            on prompted frames.

        Returns
        -------
        Tensor, (B, mem, h, w)
        """
        logits = mask_logits_high_res.float()
        mask = (logits > 0).float() if binarise else logits.sigmoid()
        mask = mask * self.config.sigmoid_scale_for_mem_enc + self.config.sigmoid_bias_for_mem_enc
        memory: Tensor = self.memory_encoder(without_repeats(s16), mask.to(s16.dtype))
        if self.no_obj_embed_spatial is not None:
            absent = (object_score <= 0).to(memory.dtype)[:, :, None, None]
            memory = memory + absent * self.no_obj_embed_spatial[:, :, None, None]
        return memory

    def memory_position_encoding(self, height: int, width: int) -> Tensor:
        """Return the positions within a memory map, (1, mem, h, w); the time is not part of them."""
        return self._memory_pos.get(height, width, self.dtype, self.device)

    def pointer_tokens(self, pointers: Tensor, distances: Tensor) -> tuple[Tensor, Tensor]:
        """Split object pointers into tokens of a memory's width.

        Parameters
        ----------
        pointers : Tensor, (B, n, C)
        distances : Tensor, (n,) float
            Frames between each pointer's frame and the current one, divided by (attended pointers - 1). Networks of
            version 2.0 ignore them.

        Returns
        -------
        tokens, pos : Tensor, (B, n * C / mem, mem)
        """
        mem = self.config.mem_dim
        tokens = pointers.reshape(pointers.shape[0], pointers.shape[1] * self.config.d_model // mem, mem)
        if not self.config.add_tpos_enc_to_obj_ptrs or pointers.shape[1] == 0:
            return tokens, torch.zeros_like(tokens)
        distances = distances.to(pointers.device, non_blocking=True)
        if self.obj_ptr_tpos_proj is None:
            pos = sine_1d(distances, mem).to(tokens.dtype)
        else:
            pos = self.obj_ptr_tpos_proj(sine_1d(distances, self.config.d_model).to(self.dtype))
        pos = pos.repeat_interleave(self.config.d_model // mem, dim=0)
        return tokens, pos.expand(pointers.shape[0], -1, -1)
