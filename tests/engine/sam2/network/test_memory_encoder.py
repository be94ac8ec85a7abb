"""The memory encoder against transformers'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from napari_sam2.engine.sam2 import ImageFeatures, Sam2Model
from support.hf_oracle import SIZE

Close = Callable[..., float]


GRID = SIZE // 16


@pytest.mark.parametrize("binarise", [False, True])
def test_memory_encoder(
    model: Sam2Model, oracle: Any, features: ImageFeatures, assert_close: Close, binarise: bool
) -> None:
    logits = 3 * torch.randn(2, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    score = torch.tensor([[2.0], [-2.0]])
    with torch.inference_mode():
        ours = model.encode_memory(features.s16, logits, score, binarise)
        mask = (logits > 0).float() if binarise else logits.sigmoid()
        # transformers' own wrapper rounds to bfloat16 at its end, too coarse for this comparison.
        theirs, positions = oracle.memory_encoder(features.s16, mask * 20 - 10)
        absent = (score <= 0).float()[..., None, None]
        theirs = theirs + absent * oracle.occlusion_spatial_embedding_parameter[..., None, None]
        tokens = features.s16.flatten(2).permute(2, 0, 1)
        wrapped, _ = oracle._encode_new_memory(tokens, logits, score[:, None], binarise)
    assert_close("memory", ours, theirs)
    assert_close("memory_positions", model.memory_position_encoding(GRID, GRID), positions[:1])
    # … but it shows that the object-gone embedding is added as we do it.
    assert_close("memory_bfloat16", ours.flatten(2).permute(2, 0, 1), wrapped.float(), tolerance=2**-7)
