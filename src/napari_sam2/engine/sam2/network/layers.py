"""Layers that several parts of SAM 2 share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]


class Mlp(nn.Module):
    """Fully connected layers with an activation between them.

    Parameters
    ----------
    widths : int
        Channels of the input, of each hidden layer and of the output.
    activation : callable
        Applied after all layers but the last.
    """

    def __init__(self, *widths: int, activation: Activation = F.relu) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., widths[0]) to (..., widths[-1])."""
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            x = layer(x) if index == last else self.activation(layer(x))
        return x


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels of a (B, C, H, W) map."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each pixel's channels; shape (B, C, H, W) in and out."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def resize_antialiased(maps: Tensor, size: tuple[int, int], mode: str = "bilinear") -> Tensor:
    """Resize (B, C, H, W) maps with antialiasing; on the CPU where the device is MPS.

    Not every torch has this operation on MPS (its issue 141287), and the maps that are resized so are few.
    """
    source = maps.cpu() if maps.device.type == "mps" else maps
    return F.interpolate(source, size=size, mode=mode, align_corners=False, antialias=True).to(maps.device)


def to_tokens(maps: Tensor) -> Tensor:
    """Turn (B, C, H, W) maps into (B, H * W, C) tokens, row by row."""
    return maps.flatten(2).transpose(1, 2)


def to_maps(tokens: Tensor, height: int, width: int) -> Tensor:
    """Turn (B, H * W, C) tokens back into (B, C, H, W) maps."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, height, width)
