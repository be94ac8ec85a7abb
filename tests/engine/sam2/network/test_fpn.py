"""The pyramid adds deeper levels into the shallower ones that the configuration names, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from napari_sam2.engine.sam2 import Sam2Config
from napari_sam2.engine.sam2.network.fpn import FpnNeck, ImageEncoder
from napari_sam2.engine.sam2.network.layers import PointwiseConv2d
from support.networks import SMALL


@pytest.fixture
def config() -> Sam2Config:
    return Sam2Config.from_json(SMALL)


def test_levels_reach_those_above_them_as_the_configuration_says(config: Sam2Config) -> None:
    neck = FpnNeck(config)
    with torch.no_grad():
        for convolution in neck.convs:
            convolution.conv.weight.zero_()
            convolution.conv.bias.zero_()
        neck.convs[0].conv.bias.fill_(1.0)  # the deepest level
    stages = [torch.zeros(1, c, 32 >> i, 32 >> i) for i, c in enumerate(config.stage_channels)]
    levels = [float(level.detach().max()) for level in neck(stages)]
    reached = [1.0 if all(k in config.fpn_top_down_levels for k in range(i, 3)) else 0.0 for i in range(3)]
    assert levels == [*reached, 1.0]


@pytest.mark.parametrize("top_down", [(2, 3), (1, 2, 3), (0,)])
def test_further_layers_are_as_if_they_followed(config: Sam2Config, top_down: tuple[int, ...]) -> None:
    neck = FpnNeck(replace(config, fpn_top_down_levels=top_down))
    further = (PointwiseConv2d(config.d_model, 3), PointwiseConv2d(config.d_model, 5))
    stages = [torch.randn(2, c, 32 >> i, 32 >> i) for i, c in enumerate(config.stage_channels)]
    with torch.inference_mode():
        plain = neck(stages)
        found = neck(stages, further)
        expected = [F.conv2d(level, layer.weight, layer.bias) for level, layer in zip(plain, further, strict=False)]
    for one, other in zip(found, [*expected, *plain[2:]], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_maps_have_strides_4_8_and_16(config: Sam2Config) -> None:
    side = config.image_size
    with torch.inference_mode():
        maps = ImageEncoder(config).eval()(torch.zeros(2, 3, side, side))
    assert [tuple(m.shape) for m in maps] == [(2, config.d_model, side // s, side // s) for s in (4, 8, 16)]
