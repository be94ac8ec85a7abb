"""Encodes a frame and its mask as a memory (``modeling/memory_encoder.py``)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_sam2.engine.sam2.network.config import Sam2Config
from napari_sam2.engine.sam2.network.layers import LayerNorm2d, Linear, PointwiseConv2d


class MaskDownSampler(nn.Module):
    """Four convolutions of stride 2 take the mask to the features' grid."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((1, 4), (4, 16), (16, 64), (64, 256)):
            layers += [nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1), LayerNorm2d(after), nn.GELU()]
        self.encoder = nn.Sequential(*layers, PointwiseConv2d(256, dim))

    def forward(self, mask: Tensor) -> Tensor:
        """Map (B, 1, S, S) to (B, C, S/16, S/16)."""
        out: Tensor = self.encoder(mask)
        return out


class ConvNextBlock(nn.Module):
    """A ConvNeXt block: 7x7 by channel, then two layers within each pixel, scaled by ``gamma``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = LayerNorm2d(dim)
        self.pwconv1 = Linear(dim, 4 * dim)
        self.pwconv2 = Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.full((dim,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """Update a (B, C, H, W) map."""
        update = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        update = self.gamma * self.pwconv2(self.pwconv1(update, "gelu"))
        out: Tensor = x + update.permute(0, 3, 1, 2)
        return out


class Fuser(nn.Module):
    """A stack of ConvNeXt blocks."""

    def __init__(self, dim: int, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ConvNextBlock(dim) for _ in range(num_layers))

    def forward(self, x: Tensor) -> Tensor:
        """Update a (B, C, H, W) map."""
        for layer in self.layers:
            x = layer(x)
        return x


class MemoryEncoder(nn.Module):
    """Fuses the frame's raw features (not those conditioned on memory) with its mask."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        dim = config.d_model
        self.mask_downsampler = MaskDownSampler(dim)
        self.pix_feat_proj = PointwiseConv2d(dim, dim)
        self.fuser = Fuser(dim, config.fuser_layers)
        self.out_proj = PointwiseConv2d(dim, config.mem_dim)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Encode a memory.

        Parameters
        ----------
        features : Tensor, (B, C, h, w)
        mask : Tensor, (B, 1, 16h, 16w)
            Scaled probabilities.

        Returns
        -------
        Tensor, (B, mem, h, w)
        """
        fused = self.fuser(self.pix_feat_proj(features) + self.mask_downsampler(mask))
        out: Tensor = self.out_proj(fused)
        return out
