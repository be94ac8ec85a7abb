"""Export weights for use: float16, with the configuration that the engine reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from napari_sam2.engine.sam2.network.config import Sam2Config

_SMALL = 64  # tensors of at most so many numbers stay float32


def config_to_json(config: Sam2Config) -> dict[str, Any]:
    """Write a configuration as the JSON that `Sam2Config.from_json` reads.

    Parameters
    ----------
    config
        Of a network.
    """
    hint, zoom = config.prompt_hint, config.zoom
    data: dict[str, Any] = {
        "architecture": "sam2.1" if config.no_obj_embed_spatial else "sam2",
        "image_size": config.image_size,
        "image_encoder": {
            "embed_dim": config.embed_dim,
            "num_heads": config.num_heads,
            "stages": list(config.stages),
            "global_att_blocks": list(config.global_att_blocks),
            "window_spec": list(config.window_spec),
            "window_pos_embed_bkg_spatial_size": list(config.window_pos_embed_bkg_spatial_size),
            "d_model": config.d_model,
            "fpn_top_down_levels": list(config.fpn_top_down_levels),
        },
        "memory_attention": {
            "num_layers": config.memory_attention_layers,
            "num_heads": config.memory_attention_heads,
            "dim_feedforward": config.memory_attention_mlp_dim,
            "rope_theta": config.rope_theta,
        },
        "memory_encoder": {"out_dim": config.mem_dim, "fuser_layers": config.fuser_layers},
        "mask_decoder": {
            "transformer_depth": config.decoder_depth,
            "num_heads": config.decoder_heads,
            "mlp_dim": config.decoder_mlp_dim,
            "iou_head_hidden_dim": config.iou_head_hidden_dim,
            "dynamic_multimask_via_stability": config.dynamic_multimask_via_stability,
        },
        "num_maskmem": config.num_maskmem,
        "max_obj_ptrs_in_encoder": config.max_obj_ptrs_in_encoder,
        "sigmoid_scale_for_mem_enc": config.sigmoid_scale_for_mem_enc,
        "sigmoid_bias_for_mem_enc": config.sigmoid_bias_for_mem_enc,
        "binarize_mask_from_pts_for_mem_enc": config.binarize_mask_from_pts_for_mem_enc,
        "multimask_output_for_tracking": config.multimask_output_for_tracking,
        "use_multimask_token_for_obj_ptr": config.use_multimask_token_for_obj_ptr,
        "input": {"mean": list(config.pixel_mean), "std": list(config.pixel_std)},
        "prompt_residual": config.prompt_residual,
    }
    if hint is not None:
        data["prompt_hint"] = {
            "clamp": hint.clamp,
            "click": {
                "background": hint.background,
                "positive": hint.positive,
                "negative": hint.negative,
                "radius_input_px": hint.radius_px,
            },
            "box": {"inside": hint.box_inside, "outside": hint.box_outside},
        }
    if zoom is not None:
        data["zoom"] = {
            "factor": zoom.factor,
            "min_side_px": zoom.min_side_px,
            "click_sides_px": list(zoom.click_sides_px),
        }
    return data


def write_weights(path: Path, network: Mapping[str, Any], weights: Mapping[str, Tensor], step: int) -> None:
    """Write a ``.safetensors`` that `napari_sam2.load_predictor` opens.

    Parameters
    ----------
    path
        Of the file.
    network
        JSON of the configuration.
    weights
        State dict in float32.
    step
        For the record.
    """
    config_to_json(Sam2Config.from_json(network))  # a configuration that the engine refuses is not written
    tensors = {k: (v if v.numel() <= _SMALL else v.half()).contiguous() for k, v in weights.items()}
    metadata = {"format": "pt", "config": json.dumps(dict(network)), "step": str(step), "licence": "Apache-2.0"}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata=metadata)
