"""The feature pyramid on top of the trunk (``modeling/backbones/image_encoder.py``)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import cast

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
        self.top_down = frozenset(config.fpn_top_down_levels)
        self.convs = nn.ModuleList(
            nn.Sequential(OrderedDict(conv=PointwiseConv2d(channels, config.d_model)))
            for channels in reversed(config.stage_channels)
        )

    def forward(self, stages: list[Tensor], further: Sequence[PointwiseConv2d] = ()) -> list[Tensor]:
        """Map the stages to maps of d_model channels.

        Parameters
        ----------
        stages : list of Tensor, (B, C, H, W)
            Stride 4 first.
        further : sequence of PointwiseConv2d
            What the maps of the first levels go through next.

        Returns
        -------
        list of Tensor, (B, d_model, H, W), or as many channels as its further layer has
        """
        maps: list[Tensor] = []
        deeper: Tensor | None = None
        for level in range(len(stages) - 1, -1, -1):
            convolution = cast(PointwiseConv2d, self.convs[len(stages) - 1 - level].conv)
            after = further[level] if level < len(further) else None
            if after is not None and not self.top_down.intersection((level, level - 1)):
                maps.append(after.after(convolution, stages[level]))
                continue
            lateral: Tensor = convolution(stages[level])
            if deeper is not None and level in self.top_down:
                # Nearest neighbours only copy, so half precision loses nothing here.
                lateral = lateral + F.interpolate(deeper, scale_factor=2.0, mode="nearest")
            maps.append(lateral if after is None else after(lateral))
            deeper = lateral
        return maps[::-1]


class ImageEncoder(nn.Module):
    """Trunk and pyramid; the deepest level only feeds the one above it."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        self.trunk = Hiera(config)
        self.neck = FpnNeck(config)

    def forward(self, pixels: Tensor, further: Sequence[PointwiseConv2d] = ()) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, 3, S, S) to maps of d_model channels at strides 4, 8 and 16, the first ones through ``further``."""
        s4, s8, s16, _ = self.neck(self.trunk(pixels), further)
        return s4, s8, s16
