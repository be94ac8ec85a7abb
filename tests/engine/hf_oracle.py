"""transformers' Sam2VideoModel as an independent oracle with the weights of one of our models."""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from napari_sam2.engine.sam2 import Sam2Config, Sam2Model

SIZE = 256
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
    """Build transformers' model with the weights of ours; the configuration has to be that of a tiny one."""
    from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig
    from transformers.models.sam2_video.configuration_sam2_video import (
        Sam2VideoMaskDecoderConfig,
        Sam2VideoPromptEncoderConfig,
    )

    config: Sam2Config = model.config
    size, grid = config.image_size, config.image_size // 16
    # image_size does not reach the parts of transformers' configuration: every one has to be told.
    vision = Sam2VisionConfig(
        backbone_config=Sam2HieraDetConfig(image_size=[size, size]),
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


_RENAMES = [
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"patch_embed\.proj", "patch_embed.projection"),
    (r"^sam_prompt_encoder\.pe_layer\..*", "prompt_encoder.shared_embedding.positional_embedding"),
    (r"mask_downscaling\.0", "mask_embed.conv1"),
    (r"mask_downscaling\.1", "mask_embed.layer_norm1"),
    (r"mask_downscaling\.3", "mask_embed.conv2"),
    (r"mask_downscaling\.4", "mask_embed.layer_norm2"),
    (r"mask_downscaling\.6", "mask_embed.conv3"),
    (r"^sam_(prompt_encoder|mask_decoder)\.", r"\1."),
    (r"output_upscaling\.0", "upscale_conv1"),
    (r"output_upscaling\.1", "upscale_layer_norm"),
    (r"output_upscaling\.3", "upscale_conv2"),
    (r"(backbone\.blocks\.\d+|transformer\.layers\.\d)\.mlp\.layers\.0", r"\1.mlp.proj_in"),
    (r"(backbone\.blocks\.\d+|transformer\.layers\.\d)\.mlp\.layers\.1", r"\1.mlp.proj_out"),
    (r"(mlps\.\d|prediction_head|score_head|obj_ptr_proj)\.layers\.0", r"\1.proj_in"),
    (r"(mlps\.\d|prediction_head|score_head|obj_ptr_proj)\.layers\.1", r"\1.layers.0"),
    (r"(mlps\.\d|prediction_head|score_head|obj_ptr_proj)\.layers\.2", r"\1.proj_out"),
    (r"mask_downsampler\.encoder\.12", "mask_downsampler.final_conv"),
    (r"^memory_encoder\.out_proj", "memory_encoder.projection"),
    (r"pix_feat_proj", "feature_projection"),
    (r"fuser\.layers", "memory_fuser.layers"),
    (r"dwconv", "depthwise_conv"),
    (r"pwconv", "pointwise_conv"),
    (r"gamma$", "scale"),
    (r"^obj_ptr_tpos_proj", "temporal_positional_encoding_projection_layer"),
    (r"^obj_ptr_proj", "object_pointer_proj"),
    (r"^no_obj_ptr", "no_object_pointer"),
    (r"^no_obj_embed_spatial", "occlusion_spatial_embedding_parameter"),
    (r"^maskmem_tpos_enc", "memory_temporal_positional_encoding"),
    (r"^no_mem_embed", "no_memory_embedding"),
    (r"^no_mem_pos_enc", "no_memory_positional_encoding"),
    (r"\.norm", ".layer_norm"),
    (r"out_proj", "o_proj"),
]


def to_hf_names(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename Meta's tensors to those of transformers."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in state_dict.items():
        step = re.search(r"mask_downsampler\.encoder\.(\d+)\.(weight|bias)", name)
        if step and step[1] != "12":
            layer, kind = divmod(int(step[1]), 3)
            part = "conv" if kind == 0 else "layer_norm"
            name = f"memory_encoder.mask_downsampler.layers.{layer}.{part}.{step[2]}"
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor.clone()
    points = [renamed.pop(f"prompt_encoder.point_embeddings.{label}.weight") for label in range(4)]
    renamed["prompt_encoder.point_embed.weight"] = torch.cat(points)
    shared = renamed["prompt_encoder.shared_embedding.positional_embedding"]
    renamed["shared_image_embedding.positional_embedding"] = shared.clone()
    return renamed
