"""Layers that several parts of SAM 2 share."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from napari_sam2.engine.sam2.network import cpu_kernels
from napari_sam2.engine.sam2.network.cpu_kernels import ActivationName


class Linear(nn.Linear):
    """A fully connected layer, with the activation that follows it."""

    def forward(self, x: Tensor, activation: ActivationName = "none") -> Tensor:
        """Map (..., in) to (..., out)."""
        return cpu_kernels.linear(x, self.weight, self.bias, activation)


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution, which is a fully connected layer in each pixel."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in, H, W) to (B, out, H, W)."""
        if not cpu_kernels.takes(x):
            return super().forward(x)
        return _in_each_pixel(x, self.weight[:, :, 0, 0], self.bias)

    def after(self, first: PointwiseConv2d, x: Tensor) -> Tensor:
        """Map (B, in, H, W) through ``first`` and through this layer, on a CPU as the one layer that they make."""
        if not cpu_kernels.takes(x):
            through: Tensor = self(first(x))
            return through
        assert first.bias is not None  # a convolution has one unless it is told otherwise
        weight = self.weight[:, :, 0, 0]
        bias = F.linear(first.bias, weight, self.bias)
        return _in_each_pixel(x, weight @ first.weight[:, :, 0, 0], bias)


def _in_each_pixel(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    # Maps that come from tokens lie in memory as tokens already, so this copies nothing.
    return cpu_kernels.linear(x.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Fully connected layers with an activation between them.

    Parameters
    ----------
    widths : int
        Channels of the input, of each hidden layer and of the output.
    activation : {"relu", "gelu"}
        Applied after all layers but the last.
    """

    def __init__(self, *widths: int, activation: ActivationName = "relu") -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(before, after) for before, after in pairwise(widths))
        self.activation: ActivationName = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., widths[0]) to (..., widths[-1])."""
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            x = layer(x, "none" if index == last else self.activation)
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


def without_repeats(maps: Tensor) -> Tensor:
    """Return the first of a batch of maps where all are the same memory, so that it is computed with once."""
    return maps[:1] if maps.shape[0] > 1 and maps.stride(0) == 0 else maps


def to_tokens(maps: Tensor) -> Tensor:
    """Turn (B, C, H, W) maps into (B, H * W, C) tokens, row by row."""
    return maps.flatten(2).transpose(1, 2)


def to_maps(tokens: Tensor, height: int, width: int) -> Tensor:
    """Turn (B, H * W, C) tokens back into (B, C, H, W) maps."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, height, width)
