"""Networks that get more blocks."""

from __future__ import annotations

import pytest
import torch

from support.small_training import CPU
from training.depth_growth import grow_depth
from training.recipe import Recipe
from training.steps import StepMaker
from training.train import Trainer, new_network


def test_a_grown_network_begins_by_answering_as_before(recipe: Recipe) -> None:
    encoder, memory = recipe.network["image_encoder"], recipe.network["memory_attention"]
    shallow, deep = (
        {
            **recipe.network,
            "image_encoder": {**encoder, "stages": stages, "global_att_blocks": attending},
            "memory_attention": {**memory, "num_layers": layers},
        }
        for stages, attending, layers in (([1, 2, 2, 1], [4, 5], 1), ([2, 3, 4, 1], [6, 7, 8, 9], 3))
    )
    state = new_network(shallow, 0)
    grown = grow_depth(state, deep)
    assert len(grown.weights) > len(state.weights)
    before, after = (Trainer(recipe, p, CPU).model.eval() for p in (state, grown))
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        one, other = (m.encode_image(images) for m in (before, after))
    for name in ("s4", "s8", "s16"):
        assert torch.allclose(getattr(one, name), getattr(other, name), atol=1e-5)
    assert torch.isfinite(Trainer(recipe, grown, CPU).step(StepMaker(recipe, [], False).make(0)).loss)


def test_a_network_that_differs_in_more_than_depth_does_not_grow(recipe: Recipe) -> None:
    shallow = {**recipe.network, "memory_attention": {**recipe.network["memory_attention"], "num_layers": 1}}
    wider = {**shallow, "image_encoder": {**shallow["image_encoder"], "embed_dim": 16}}
    with pytest.raises(ValueError, match="with more blocks"):
        grow_depth(new_network(wider, 0), recipe.network)
