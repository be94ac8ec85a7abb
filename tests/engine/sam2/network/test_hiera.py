"""The image encoder against transformers'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from napari_sam2.engine.sam2 import ImageFeatures, Sam2Model

Close = Callable[..., float]


def test_image_encoder(
    model: Sam2Model, oracle: Any, pixels: Any, features: ImageFeatures, assert_close: Close
) -> None:
    with torch.inference_mode():
        expected = oracle.get_image_features(pixels[:2], return_dict=True).fpn_hidden_states
    ours = {"s4": features.s4, "s8": features.s8, "s16": features.s16}
    for (name, actual), tokens in zip(ours.items(), expected, strict=True):
        assert_close(name, actual.flatten(2).permute(2, 0, 1), tokens)
