"""The memory attention against transformers'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from napari_sam2.engine.sam2 import ImageFeatures, Sam2Model
from support.hf_oracle import SIZE

Close = Callable[..., float]


GRID = SIZE // 16


@pytest.mark.parametrize(("frames", "pointers"), [(1, 1), (7, 16), (3, 0)])
def test_memory_attention(
    model: Sam2Model, oracle: Any, features: ImageFeatures, assert_close: Close, frames: int, pointers: int
) -> None:
    generator = torch.Generator().manual_seed(4)
    memory = torch.randn(2, frames * GRID * GRID, 64, generator=generator)
    memory_pos = torch.randn(2, frames * GRID * GRID, 64, generator=generator)
    distances = torch.arange(pointers) / 15
    with torch.inference_mode():
        raw = torch.randn(2, pointers, 256, generator=generator)
        tokens, pos = model.pointer_tokens(raw, distances)
        if pointers:
            expected_tokens, expected_pos = oracle._process_object_pointers(
                list(range(pointers)), list(raw.unbind(1)), 16, 2, 256, torch.device("cpu")
            )
            assert_close("pointer_tokens", tokens.transpose(0, 1), expected_tokens)
            assert_close("pointer_positions", pos.transpose(0, 1), expected_pos)
        memory, memory_pos = torch.cat([memory, tokens], 1), torch.cat([memory_pos, pos], 1)
        ours = model.condition_on_memory(features.s16, memory, memory_pos, tokens.shape[1])
        positions = oracle.vision_encoder(torch.zeros(1, 3, SIZE, SIZE), return_dict=True).fpn_position_encoding[-1]
        theirs = oracle.memory_attention(
            current_vision_features=features.s16.flatten(2).permute(2, 0, 1),
            current_vision_position_embeddings=positions.flatten(2).permute(2, 0, 1),
            memory=memory.transpose(0, 1),
            memory_posision_embeddings=memory_pos.transpose(0, 1),
            num_object_pointer_tokens=tokens.shape[1],
        )
    assert_close("conditioned", ours.flatten(2).transpose(1, 2), theirs[0])
