"""Configurations: released ones, those in metadata, and their recognition from shapes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from napari_sam2.engine.catalog.registry import MODELS
from napari_sam2.engine.sam2 import Sam2Config, Sam2Model, infer_config, released_config
from napari_sam2.engine.sam2.network.released_configs import RELEASED_NAMES
from support.networks import SMALL

# Counted on Meta's modules.
PARAMETERS = {
    "sam2.1-tiny": (38_962_498, 471),
    "sam2.1-small": (46_060_354, 519),
    "sam2.1-base-plus": (80_850_178, 615),
    "sam2.1-large": (224_446_642, 903),
    "sam2-tiny": (38_945_986, 468),
    "sam2-small": (46_043_842, 516),
    "sam2-base-plus": (80_833_666, 612),
    "sam2-large": (224_430_130, 900),
}


@pytest.mark.parametrize("name", RELEASED_NAMES)
def test_released_networks_have_the_published_size_and_are_recognised(name: str) -> None:
    with torch.device("meta"):
        model = Sam2Model(released_config(name))
    state_dict = model.state_dict()
    assert (sum(p.numel() for p in model.parameters()), len(state_dict)) == PARAMETERS[name]
    assert infer_config(state_dict) == released_config(name)
    assert MODELS[name].parameters == PARAMETERS[name][0]


def test_unknown_size_is_not_guessed() -> None:
    with torch.device("meta"):
        model = Sam2Model(Sam2Config.from_json(SMALL))
    with pytest.raises(ValueError, match=r"unknown size \(embed_dim 16, stages \[1, 1, 2, 1\]\)"):
        infer_config(model.state_dict())
    with pytest.raises(ValueError, match="not those of a SAM 2"):
        infer_config({"layer.weight": torch.zeros(1)})


def test_json_without_hint_zoom_or_normalisation_has_metas_defaults() -> None:
    config = Sam2Config.from_json(SMALL, name="small")
    assert (config.name, config.image_size, config.d_model, config.mem_dim) == ("small", 64, 32, 16)
    assert config.prompt_hint is None
    assert config.zoom is None
    assert not config.prompt_residual
    assert config.pixel_mean == (0.485, 0.456, 0.406)
    assert config.no_obj_embed_spatial


def test_json_of_version_2_0_has_none_of_the_additions() -> None:
    config = Sam2Config.from_json({**SMALL, "architecture": "sam2"})
    assert not config.no_obj_embed_spatial
    assert not config.add_tpos_enc_to_obj_ptrs
    assert not config.proj_tpos_enc_in_obj_ptrs
    assert not config.use_signed_tpos_enc_to_obj_ptrs


def test_broken_json_is_refused() -> None:
    broken = copy.deepcopy(SMALL)
    del broken["mask_decoder"]["mlp_dim"]
    with pytest.raises(ValueError, match="mlp_dim"):
        Sam2Config.from_json(broken)
    with pytest.raises(ValueError, match="unknown architecture 'sam3'"):
        Sam2Config.from_json({**SMALL, "architecture": "sam3"})


@pytest.mark.parametrize("size", [0, -32, 100, 1000, True, 512.0])
def test_image_size_must_be_a_multiple_of_32(size: Any) -> None:
    with pytest.raises(ValueError, match="image_size"):
        released_config("sam2.1-tiny").with_image_size(size)


@pytest.mark.parametrize("size", [32, 96, 160])
@pytest.mark.parametrize("architecture", ["sam2", "sam2.1"])
def test_every_multiple_of_32_works(size: int, architecture: str) -> None:
    config = Sam2Config.from_json({**SMALL, "architecture": architecture}).with_image_size(size)
    model = Sam2Model(config).eval()
    grid = size // 16
    with torch.inference_mode():
        features = model.encode_image(torch.randn(2, 3, size, size))
        assert features.s16.shape == (2, 32, grid, grid)
        assert features.select([1, 1, 0]).s4.shape == (3, 4, 4 * grid, 4 * grid)
        assert type(features).cat([features, features.select([0])]).s8.shape == (3, 8, 2 * grid, 2 * grid)
        assert features.nbytes == 4 * 2 * grid * grid * (32 + 4 * 8 + 16 * 4)
        decoded = model.decode(features.s16, features.s8, features.s4, None, None, None, multimask=True)
        assert decoded.all_logits.shape == (2, 4, size // 4, size // 4)
        assert decoded.low_res_logits.shape == (2, 1, size // 4, size // 4)
        assert decoded.object_pointer.shape == (2, 32)
        memory = model.encode_memory(features.s16, torch.zeros(2, 1, size, size), decoded.object_score, False)
        assert memory.shape == (2, 16, grid, grid)
        tokens, pos = model.pointer_tokens(decoded.object_pointer[:, None], torch.ones(1) / 15)
        assert tokens.shape == pos.shape == (2, 2, 16)
        assert bool(pos.any()) == (architecture == "sam2.1"), "version 2.0 does not tell pointers by their age"
        flat = torch.cat([memory.flatten(2).transpose(1, 2), tokens], dim=1)
        place = model.memory_position_encoding(grid, grid).flatten(2).transpose(1, 2).expand(2, -1, -1)
        conditioned = model.condition_on_memory(features.s16, flat, torch.cat([place, pos], dim=1), 2)
        assert conditioned.shape == features.s16.shape


def test_batches_do_not_change_answers() -> None:
    model = Sam2Model(Sam2Config.from_json(SMALL)).eval()
    pixels = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    points = torch.tensor([[[10.0, 20.0]], [[30.0, 40.0]], [[50.0, 5.0]]])
    labels = torch.tensor([[1], [0], [1]])
    with torch.inference_mode():
        features = model.encode_image(pixels)
        together = model.decode(features.s16, features.s8, features.s4, points, labels, None, multimask=True)
        for index in range(3):
            one = model.encode_image(pixels[index : index + 1])
            alone = model.decode(
                one.s16, one.s8, one.s4, points[index : index + 1], labels[index : index + 1], None, multimask=True
            )
            torch.testing.assert_close(together.all_logits[index], alone.all_logits[0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(together.object_pointer[index], alone.object_pointer[0], rtol=1e-4, atol=1e-5)


def test_half_precision_weights_run_through() -> None:
    model = Sam2Model(Sam2Config.from_json(SMALL)).to(torch.bfloat16).eval()
    with torch.inference_mode():
        features = model.encode_image(torch.randn(1, 3, 64, 64))
        mask = torch.ones(1, 1, 64, 64)
        taken = model.mask_as_output(features, mask)
        memory = model.encode_memory(features.s16, torch.randn(1, 1, 64, 64), taken.object_score, True)
        tokens, pos = model.pointer_tokens(taken.object_pointer[:, None], torch.zeros(1))
        flat = torch.cat([memory.flatten(2).transpose(1, 2), tokens], dim=1)
        place = model.memory_position_encoding(4, 4).flatten(2).transpose(1, 2)
        conditioned = model.condition_on_memory(features.s16, flat, torch.cat([place, pos], dim=1), tokens.shape[1])
        decoded = model.decode(conditioned, features.s8, features.s4, None, None, None, multimask=True)
    assert conditioned.dtype == memory.dtype == torch.bfloat16
    assert decoded.all_logits.dtype == decoded.object_score.dtype == torch.float32
