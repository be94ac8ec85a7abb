"""Tensor names of Hugging Face's layout of SAM 2 (transformers' ``Sam2VideoModel``), turned back into Meta's.

transformers renames layers when it converts a checkpoint, joins the four point embeddings in one table, and stores the
random frequencies of positions twice. Nothing else differs, so its ``model.safetensors`` can be read as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from napari_sam2.engine.sam2.network.config import Sam2Config
from napari_sam2.engine.sam2.network.model import Sam2Model
from napari_sam2.engine.sam2.network.released_configs import infer_config

_TRUNK = "vision_encoder.backbone."
_POINTS = "prompt_encoder.point_embed.weight"
_POINT = "sam_prompt_encoder.point_embeddings.{}.weight"
_SECOND_COPY = "shared_image_embedding.positional_embedding"

# Meta's names → transformers', applied in this order.
_RENAMES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^image_encoder\.trunk\.", _TRUNK),
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
    )
]
_DOWNSAMPLER = re.compile(r"mask_downsampler\.encoder\.(0|1|3|4|6|7|9|10)\.")


def hf_name(name: str) -> str:
    """Return transformers' name of a tensor; ``name`` is Meta's, and none of the point embeddings."""
    step = _DOWNSAMPLER.search(name)
    if step:
        layer, kind = divmod(int(step[1]), 3)
        name = name.replace(step[0], f"mask_downsampler.layers.{layer}.{'layer_norm' if kind else 'conv'}.")
    for pattern, replacement in _RENAMES:
        name = pattern.sub(replacement, name)
    return name


def is_hf_layout(state_dict: Mapping[str, Tensor]) -> bool:
    """Return whether these tensors have transformers' names."""
    return f"{_TRUNK}patch_embed.projection.weight" in state_dict


def from_hf_names(state_dict: Mapping[str, Tensor]) -> tuple[Sam2Config, dict[str, Tensor]]:
    """Rename the tensors of a ``Sam2VideoModel`` to Meta's names.

    Returns
    -------
    config : Sam2Config
        Recognised from the shapes, as for Meta's own checkpoints.
    state_dict : dict of str to Tensor
        Tensors whose names are not known keep them.

    Raises
    ------
    ValueError
        Where the network is of no released size, or has no memory (transformers' ``Sam2Model``, for single images).
    """
    if "memory_attention.layer_norm.weight" not in state_dict:
        raise ValueError("it is the network for single images, without the memory that a stack needs")
    trunk = {key.replace(_TRUNK, "image_encoder.trunk."): value for key, value in state_dict.items()}
    trunk["image_encoder.trunk.patch_embed.proj.weight"] = state_dict[f"{_TRUNK}patch_embed.projection.weight"]
    trunk["memory_attention.norm.weight"] = state_dict["memory_attention.layer_norm.weight"]
    if hf_name("obj_ptr_tpos_proj.weight") in state_dict:
        trunk["obj_ptr_tpos_proj.weight"] = state_dict[hf_name("obj_ptr_tpos_proj.weight")]
    config = infer_config(trunk)
    with torch.device("meta"):
        names = {hf_name(name): name for name in Sam2Model(config).state_dict()}
    renamed = {names.get(key, key): value for key, value in state_dict.items() if key not in (_POINTS, _SECOND_COPY)}
    if _POINTS in state_dict:
        renamed |= {_POINT.format(label): row[None] for label, row in enumerate(state_dict[_POINTS])}
    frequencies = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
    if frequencies not in renamed and _SECOND_COPY in state_dict:
        renamed[frequencies] = state_dict[_SECOND_COPY]
    return config, renamed
