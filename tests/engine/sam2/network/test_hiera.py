"""The image encoder against transformers'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from napari_sam2.engine.sam2 import ImageFeatures, Sam2Model
from napari_sam2.engine.sam2.network.hiera import MultiScaleAttention

Close = Callable[..., float]


def test_image_encoder(
    model: Sam2Model, oracle: Any, pixels: Any, features: ImageFeatures, assert_close: Close
) -> None:
    with torch.inference_mode():
        expected = oracle.get_image_features(pixels[:2], return_dict=True).fpn_hidden_states
    ours = {"s4": features.s4, "s8": features.s8, "s16": features.s16}
    for (name, actual), tokens in zip(ours.items(), expected, strict=True):
        assert_close(name, actual.flatten(2).permute(2, 0, 1), tokens)


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize(("height", "width", "side"), [(14, 14, 12), (14, 20, 8), (6, 26, 12), (16, 18, 8)])
def test_queries_of_padding_are_left_out_without_a_change(height: int, width: int, side: int, pool: bool) -> None:
    torch.manual_seed(0)
    attention = MultiScaleAttention(32, 64, 2, pool)
    x = torch.randn(2, height, width, 32)
    with torch.inference_mode():
        found = attention(x, side)
    # Where gradients are wanted, all of the padded windows is computed.
    expected = attention(x, side).detach()
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-6)
