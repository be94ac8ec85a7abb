"""Turns points, boxes and mask logits into tokens and maps (``modeling/sam/prompt_encoder.py``)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from napari_sam2.engine.sam2.network.config import Sam2Config
from napari_sam2.engine.sam2.network.layers import LayerNorm2d, PointwiseConv2d
from napari_sam2.engine.sam2.network.position_encoding import RandomFourierEncoding, TableCache

PAD_LABEL = -1
MASK_CHANNELS = 16


class PromptEncoder(nn.Module):
    """The prompt encoder.

    Labels are -1 (no point), 0 (outside), 1 (inside), 2 and 3 (a box's first and last corner).
    """

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        dim = config.d_model
        self.image_size = config.image_size
        self.pe_layer = RandomFourierEncoding(dim)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, dim) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, dim)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, MASK_CHANNELS // 4, kernel_size=2, stride=2),
            LayerNorm2d(MASK_CHANNELS // 4),
            nn.GELU(),
            nn.Conv2d(MASK_CHANNELS // 4, MASK_CHANNELS, kernel_size=2, stride=2),
            LayerNorm2d(MASK_CHANNELS),
            nn.GELU(),
            PointwiseConv2d(MASK_CHANNELS, dim),
        )
        self.no_mask_embed = nn.Embedding(1, dim)
        self._grid = TableCache(self.pe_layer.grid)

    def image_positions(self, height: int, width: int) -> Tensor:
        """Return the positions of the image tokens, (1, C, h, w)."""
        weight = self.no_mask_embed.weight
        return self._grid.get(height, width, weight.dtype, weight.device)

    def forward(self, points: Tensor, labels: Tensor) -> Tensor:
        """Embed points.

        Parameters
        ----------
        points : Tensor, (B, P, 2)
            (x, y) in pixels of the network's input, before the half-pixel shift that is made here.
        labels : Tensor, (B, P) integers

        Returns
        -------
        Tensor, (B, P + 1, C)
            One padding token is always appended; the released weights expect it.
        """
        points = torch.cat((points.float(), points.new_zeros(points.shape[0], 1, 2).float()), dim=1)
        labels = torch.cat((labels, labels.new_full((labels.shape[0], 1), PAD_LABEL)), dim=1)
        encoded = self.pe_layer((points + 0.5) / self.image_size)
        weights = [self.get_parameter(f"point_embeddings.{label}.weight") for label in range(4)]
        table = torch.cat([self.not_a_point_embed.weight, *weights])
        embedding = table[labels.long() + 1]
        is_point = (labels != PAD_LABEL)[..., None]
        return torch.where(is_point, encoded, 0.0).to(table.dtype) + embedding

    def embed_mask(self, mask_logits: Tensor | None) -> Tensor:
        """Embed a mask prompt.

        Parameters
        ----------
        mask_logits : Tensor, (B, 1, S/4, S/4), optional

        Returns
        -------
        Tensor, (B, C, h, w), or (1, C, 1, 1) where there is no mask
        """
        weight = self.no_mask_embed.weight
        if mask_logits is None:
            return weight.reshape(1, -1, 1, 1)
        out: Tensor = self.mask_downscaling(mask_logits.to(weight.dtype))
        return out

    # The cached grid is made of a buffer: it goes when the buffer changes.
    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._grid = TableCache(self.pe_layer.grid)
        super()._load_from_state_dict(*args, **kwargs)

    def _apply(self, *args: Any, **kwargs: Any) -> PromptEncoder:
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._grid = TableCache(self.pe_layer.grid)
        return self
