"""Predicts masks, their quality and the object's presence (``modeling/sam/mask_decoder.py``)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_sam2.engine.sam2.network.config import Sam2Config
from napari_sam2.engine.sam2.network.layers import LayerNorm2d, Mlp, PointwiseConv2d, to_maps
from napari_sam2.engine.sam2.network.transformer import TwoWayTransformer

NUM_MASKS = 4


class MaskDecoder(nn.Module):
    """The mask decoder: mask 0 is the single answer, masks 1 to 3 are alternatives."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        dim = config.d_model
        self.hint_clamp = config.prompt_hint.clamp if config.prompt_hint else 16.0
        self.transformer = TwoWayTransformer(config.decoder_depth, dim, config.decoder_heads, config.decoder_mlp_dim)
        self.iou_token = nn.Embedding(1, dim)
        self.mask_tokens = nn.Embedding(NUM_MASKS, dim)
        self.obj_score_token = nn.Embedding(1, dim)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(dim, dim // 4, kernel_size=2, stride=2),
            LayerNorm2d(dim // 4),
            nn.GELU(),
            nn.ConvTranspose2d(dim // 4, dim // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.conv_s0 = PointwiseConv2d(dim, dim // 8)
        self.conv_s1 = PointwiseConv2d(dim, dim // 4)
        self.output_hypernetworks_mlps = nn.ModuleList(Mlp(dim, dim, dim, dim // 8) for _ in range(NUM_MASKS))
        hidden = config.iou_head_hidden_dim
        self.iou_prediction_head = Mlp(dim, hidden, hidden, NUM_MASKS)
        self.pred_obj_score_head = Mlp(dim, dim, dim, 1)
        self.prompt_residual = nn.Parameter(torch.zeros(2, NUM_MASKS)) if config.prompt_residual else None

    def forward(
        self, image: Tensor, image_pos: Tensor, prompts: Tensor, dense: Tensor, s8: Tensor, s4: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Predict all four masks.

        Parameters
        ----------
        image : Tensor, (B, C, h, w)
            Features conditioned on memory.
        image_pos : Tensor, (1, C, h, w)
        prompts : Tensor, (B, P, C)
        dense : Tensor, broadcastable to ``image``
            The embedded mask prompt.
        s8, s4 : Tensor, (B, C/4, 2h, 2w) and (B, C/8, 4h, 4w)
            High-resolution features.

        Returns
        -------
        logits : Tensor, (B, 4, 4h, 4w) float32
        iou : Tensor, (B, 4) float32
        mask_tokens : Tensor, (B, 4, C)
        object_score : Tensor, (B, 1) float32
            A logit; the object is there where it is above 0.
        """
        batch, _, height, width = image.shape
        own = torch.cat((self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight))
        tokens = torch.cat((own.expand(batch, -1, -1), prompts), dim=1)
        tokens, pixels = self.transformer(image + dense, image_pos, tokens)
        mask_tokens = tokens[:, 2 : 2 + NUM_MASKS]
        upscaled = self._upscale(to_maps(pixels, height, width), s8, s4)
        weights = [mlp(mask_tokens[:, index]) for index, mlp in enumerate(self.output_hypernetworks_mlps)]
        logits = torch.stack(weights, dim=1) @ upscaled.flatten(2)
        iou = self.iou_prediction_head(tokens[:, 1]).float().sigmoid()
        score = self.pred_obj_score_head(tokens[:, 0]).float()
        return logits.reshape(batch, NUM_MASKS, 4 * height, 4 * width).float(), iou, mask_tokens, score

    def _upscale(self, image: Tensor, s8: Tensor, s4: Tensor) -> Tensor:
        up1, norm, act1, up2, act2 = self.output_upscaling
        out: Tensor = act2(up2(act1(norm(up1(image) + s8))) + s4)
        return out

    def residual(self, mask_logits: Tensor, row: int) -> Tensor:
        """Return the drawn prompt's contribution to the four masks.

        Parameters
        ----------
        mask_logits : Tensor, (B, 1, S/4, S/4)
        row : int
            0 for prompts drawn on an empty canvas, 1 where an earlier mask is the base.

        Returns
        -------
        Tensor, (B, 4, S/4, S/4) float32
        """
        if self.prompt_residual is None:
            raise ValueError("this network has no prompt_residual")
        factors = self.prompt_residual[row].float().view(1, NUM_MASKS, 1, 1)
        return factors * mask_logits.float().clamp(-self.hint_clamp, self.hint_clamp)


def pick(values: Tensor, index: Tensor) -> Tensor:
    """Pick one entry along axis 1 for each of the batch: (B, M, ...), (B,) to (B, ...)."""
    return values[torch.arange(values.shape[0], device=values.device), index]


def best_alternative(iou: Tensor) -> Tensor:
    """Return which of masks 1 to 3 has the best predicted IoU: (B, 4) to (B,) integers in 1 … 3."""
    return iou[:, 1:].argmax(dim=1) + 1


def larger_than(logits: Tensor, area: Tensor) -> Tensor:
    """Return 1 for masks of more than ``area`` (B,) pixels, 0 for others: (B, M, h, w) to (B, M) float32."""
    return ((logits > 0).flatten(2).sum(2) > area[:, None]).float()


def mean_alternative(logits: Tensor) -> Tensor:
    """Mean of masks 1 to 3, (B, 4, h, w) to (B, 1, h, w)."""
    return logits[:, 1:].mean(1, keepdim=True)


def stable_choice(logits: Tensor, iou: Tensor, delta: float, threshold: float) -> Tensor:
    """Return 0 where mask 0 hardly depends on the threshold, else the best of masks 1 to 3.

    Parameters
    ----------
    logits : Tensor, (B, 4, H, W)
    iou : Tensor, (B, 4)
    delta : float
        Logits by which the threshold is moved up and down.
    threshold : float
        Least ratio of the two areas.

    Returns
    -------
    Tensor, (B,) integers in 0 … 3
    """
    single = logits[:, 0].flatten(1)
    smaller, larger = (single > delta).sum(1).float(), (single > -delta).sum(1).float()
    stability = torch.where(larger > 0, smaller / larger, 1.0)
    return torch.where(stability >= threshold, 0, best_alternative(iou))
