"""The feature pyramid on top of the trunk (``modeling/backbones/image_encoder.py``)."""

from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from napari_sam2.engine.sam2.network.config import Sam2Config
from napari_sam2.engine.sam2.network.hiera import Hiera
from napari_sam2.engine.sam2.network.layers import PointwiseConv2d


class FpnNeck(nn.Module):
    """1x1 convolutions to a common width; deeper levels are added into some of the shallower ones.

    ``convs[0]`` belongs to the deepest level, as in the released checkpoints.
    """

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        self.top_down = config.fpn_top_down_levels
        self.convs = nn.ModuleList(
            nn.Sequential(OrderedDict(conv=PointwiseConv2d(channels, config.d_model)))
            for channels in reversed(config.stage_channels)
        )

    def forward(self, stages: list[Tensor]) -> list[Tensor]:
        """Map the four stages (stride 4 first) to as many maps of d_model channels, (B, C, H, W)."""
        outputs: list[Tensor] = []
        last = len(stages) - 1
        for level in range(last, -1, -1):
            lateral: Tensor = self.convs[last - level](stages[level])
            if outputs and level in self.top_down:
                # Nearest neighbours only copy, so half precision loses nothing here.
                lateral = lateral + F.interpolate(outputs[-1], scale_factor=2.0, mode="nearest")
            outputs.append(lateral)
        return outputs[::-1]


class ImageEncoder(nn.Module):
    """Trunk and pyramid; the deepest level only feeds the one above it."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        self.trunk = Hiera(config)
        self.neck = FpnNeck(config)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, 3, S, S) to maps of d_model channels at strides 4, 8 and 16."""
        s4, s8, s16, _ = self.neck(self.trunk(pixels))
        return s4, s8, s16
