"""transformers' Sam2VideoModel as an independent oracle with the weights of one of our models."""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from napari_sam2.engine.sam2 import Sam2Config, Sam2Model
from napari_sam2.engine.sam2.network.hf_state_dict import hf_name

SIZE = 256
PROMPTS = {
    "one_click": ([[60.0, 100.5]], [1]),
    "several_clicks": ([[60.0, 100.0], [200.0, 30.0], [90.0, 110.0]], [1, 0, 1]),
    "box": ([[20.0, 60.0], [99.0, 139.0]], [2, 3]),
    "box_and_click": ([[20.0, 60.0], [99.0, 139.0], [50.0, 70.0]], [2, 3, 0]),
    "no_prompt": (None, None),
}
"""Points ``(x, y)`` and labels of each kind of prompt."""
"""Input size of the parity tests: small enough for a laptop, large enough for windows with padding."""


_EMBEDDING = re.compile(r"(_tokens?|_embed|embeddings\.\d|embed_spatial|embed_window|no_obj_ptr|pos_enc)(\.weight)?$")


def randomise(model: nn.Module, seed: int) -> None:
    """Give every tensor random values, those that training starts at 0 or 1 included.

    A norm left at one, or a layer scale left at 1e-6, would hide a wrong name or a forgotten term.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            noise = torch.randn(tensor.shape, generator=generator)
            if "positional_encoding_gaussian_matrix" in name:
                tensor.copy_(noise)
            elif name.endswith("bias"):
                tensor.copy_(0.1 * noise)
            elif "norm" in name or re.search(r"(encoder|output_upscaling|mask_downscaling)\.(1|4|7|10)\.weight", name):
                tensor.copy_(1 + 0.2 * noise)
            elif tensor.ndim == 1 or _EMBEDDING.search(name):
                tensor.copy_(0.5 * noise)
            else:
                # Calmer than the usual scale where large values would sharpen a softmax until it magnifies rounding.
                calm = 0.3 if "neck.convs" in name else 0.5 if re.search(r"[qk]_proj|qkv", name) else 1.0
                tensor.copy_(calm * noise / max(tensor[0].numel(), 1) ** 0.5)


def build_oracle(model: Sam2Model) -> nn.Module:
    """Build transformers' model with the weights of ours, which has to be of a released size."""
    from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig
    from transformers.models.sam2_video.configuration_sam2_video import (
        Sam2VideoMaskDecoderConfig,
        Sam2VideoPromptEncoderConfig,
    )

    config: Sam2Config = model.config
    size, grid = config.image_size, config.image_size // 16
    # image_size does not reach the parts of transformers' configuration: every one has to be told.
    vision = Sam2VisionConfig(
        backbone_config=Sam2HieraDetConfig(
            image_size=[size, size],
            hidden_size=config.embed_dim,
            embed_dim_per_stage=list(config.stage_channels),
            num_attention_heads=config.num_heads,
            num_attention_heads_per_stage=[config.num_heads * 2**stage for stage in range(4)],
            blocks_per_stage=list(config.stages),
            global_attention_blocks=list(config.global_att_blocks),
            window_size_per_stage=list(config.window_spec),
            window_positional_embedding_background_size=list(config.window_pos_embed_bkg_spatial_size),
        ),
        backbone_channel_list=list(reversed(config.stage_channels)),
        backbone_feature_sizes=[[grid * 4, grid * 4], [grid * 2, grid * 2], [grid, grid]],
    )
    oracle_config = Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(image_size=size),
        mask_decoder_config=Sam2VideoMaskDecoderConfig(),
        image_size=size,
        memory_attention_rope_feat_sizes=[grid, grid],
        enable_temporal_pos_encoding_for_object_pointers=config.add_tpos_enc_to_obj_ptrs,
        enable_occlusion_spatial_embedding=config.no_obj_embed_spatial,
    )
    oracle = Sam2VideoModel(oracle_config)
    oracle.load_state_dict(to_hf_names(model.state_dict()), strict=True)
    return oracle.eval().requires_grad_(False)


def to_hf_names(state_dict: dict[str, Tensor], copy: bool = True) -> dict[str, Tensor]:
    """Rename Meta's tensors to those of transformers."""
    renamed = {hf_name(name): tensor.clone() if copy else tensor for name, tensor in state_dict.items()}
    points = [renamed.pop(f"prompt_encoder.point_embeddings.{label}.weight") for label in range(4)]
    renamed["prompt_encoder.point_embed.weight"] = torch.cat(points)
    shared = renamed["prompt_encoder.shared_embedding.positional_embedding"]
    renamed["shared_image_embedding.positional_embedding"] = shared.clone()
    return renamed
