"""Configurations of networks that are quick to build."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, Any] = {
    "architecture": "sam2.1",
    "image_size": 64,
    "image_encoder": {
        "embed_dim": 16,
        "num_heads": 1,
        "stages": [1, 1, 2, 1],
        "global_att_blocks": [3],
        "window_spec": [8, 4, 7, 7],
        "window_pos_embed_bkg_spatial_size": [7, 7],
        "d_model": 32,
    },
    "memory_attention": {"num_layers": 1, "dim_feedforward": 32},
    "memory_encoder": {"out_dim": 16},
    "mask_decoder": {"transformer_depth": 2, "num_heads": 4, "mlp_dim": 32},
    "num_maskmem": 7,
    "max_obj_ptrs_in_encoder": 16,
    "sigmoid_scale_for_mem_enc": 20.0,
    "sigmoid_bias_for_mem_enc": -10.0,
    "binarize_mask_from_pts_for_mem_enc": False,
}
