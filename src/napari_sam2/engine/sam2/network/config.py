"""Configuration of a SAM 2 network, without torch.

Everything that a checkpoint's tensors do not say about how they are to be used stands here. Meta's released sizes are
recognised from tensor shapes; other networks carry their configuration as JSON in the safetensors metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PromptHint:
    """Values of prompts drawn into the mask-prompt input (at a quarter of the input size), in logits.

    Attributes
    ----------
    background : float
        The empty canvas around clicks.
    positive, negative : float
        Value of the disc of a click inside / outside the object.
    radius_px : float
        Radius of that disc in pixels of the network's input.
    box_inside, box_outside : float
        Values inside and outside a box; they take the place of ``background``.
    clamp : float
        Bound of an earlier mask's logits before they serve as canvas or as prompt.
    """

    background: float = -4.0
    positive: float = 16.0
    negative: float = -32.0
    radius_px: float = 14.0
    box_inside: float = 4.0
    box_outside: float = -16.0
    clamp: float = 16.0


@dataclass(frozen=True)
class ZoomPolicy:
    """The square window, in data pixels, through which a small network looks at an object.

    Attributes
    ----------
    factor : float
        Side of the window over the longer side of the object's box.
    min_side_px : int
        Smallest side of the window.
    click_sides_px : tuple of int
        Sides tried around a click that has no box or mask beside it.
    """

    factor: float = 1.7
    min_side_px: int = 32
    click_sides_px: tuple[int, ...] = (32, 64, 128, 256, 512)


@dataclass(frozen=True)
class Sam2Config:
    """The whole configuration of a SAM 2 network; the defaults are those of ``sam2.1-tiny``.

    Attributes
    ----------
    name : str
        For messages only.
    image_size : int
        Side of the square input in pixels, a multiple of 32.
    embed_dim, num_heads, stages, global_att_blocks, window_spec, window_pos_embed_bkg_spatial_size
        The Hiera trunk: channels and heads of the first stage, blocks a stage, indices of the blocks with global
        attention, window side a stage, size of the coarse position table.
    d_model : int
        Channels of the feature maps, tokens and object pointers.
    fpn_top_down_levels : tuple of int
        Pyramid levels (0 = stride 4) that get the upsampled deeper level added.
    mem_dim : int
        Channels of a memory map (Meta's ``out_dim``); a pointer is split in ``d_model // mem_dim`` tokens.
    memory_attention_layers, memory_attention_heads, memory_attention_mlp_dim, rope_theta
        The attention to memories.
    fuser_layers : int
        ConvNeXt blocks of the memory encoder.
    decoder_depth, decoder_heads, decoder_mlp_dim, iou_head_hidden_dim
        The mask decoder.
    num_maskmem, max_obj_ptrs_in_encoder : int
        Memory maps attended (one of them conditioning) and frames whose object pointers are attended.
    no_obj_embed_spatial, add_tpos_enc_to_obj_ptrs, proj_tpos_enc_in_obj_ptrs, use_signed_tpos_enc_to_obj_ptrs : bool
        The complete difference between SAM 2 (all false) and SAM 2.1 (all true).
    sigmoid_scale_for_mem_enc, sigmoid_bias_for_mem_enc : float
        Mask probabilities are mapped ``p * scale + bias`` before the memory encoder.
    binarize_mask_from_pts_for_mem_enc : bool
        Whether masks of prompted frames are cut at logit 0 instead of passed through the sigmoid there.
    multimask_output_for_tracking, use_multimask_token_for_obj_ptr : bool
        Whether tracked frames choose among masks 1 to 3, and whether the pointer is that mask's token.
    dynamic_multimask_via_stability : bool
        Whether mask 0 gives way to the best of masks 1 to 3 where its area depends on the threshold.
    dynamic_multimask_stability_delta, dynamic_multimask_stability_thresh : float
        Logit offset and least area ratio of that rule.
    add_all_frames_to_correct_as_cond : bool
        In exact mode only: whether a corrected frame conditions all others. Meta's predictor has it off, so the next
        propagation tracks a corrected frame anew; its training has it on.
    pixel_mean, pixel_std : tuple of 3 floats
        Normalisation of RGB values in 0 … 1.
    prompt_hint : PromptHint or None
        Set for networks that want prompts drawn into the mask prompt as well.
    prompt_residual : bool
        Whether the decoder has the factors ``prompt_residual (2, 4)`` of the hint that is added to its logits.
    zoom : ZoomPolicy or None
        Set for networks that see objects through a window.
    """

    name: str = "custom"
    image_size: int = 1024
    embed_dim: int = 96
    num_heads: int = 1
    stages: tuple[int, ...] = (1, 2, 7, 2)
    global_att_blocks: tuple[int, ...] = (5, 7, 9)
    window_spec: tuple[int, ...] = (8, 4, 14, 7)
    window_pos_embed_bkg_spatial_size: tuple[int, int] = (7, 7)
    d_model: int = 256
    fpn_top_down_levels: tuple[int, ...] = (2, 3)
    mem_dim: int = 64
    memory_attention_layers: int = 4
    memory_attention_heads: int = 1
    memory_attention_mlp_dim: int = 2048
    rope_theta: float = 10000.0
    fuser_layers: int = 2
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp_dim: int = 2048
    iou_head_hidden_dim: int = 256
    num_maskmem: int = 7
    max_obj_ptrs_in_encoder: int = 16
    no_obj_embed_spatial: bool = True
    add_tpos_enc_to_obj_ptrs: bool = True
    proj_tpos_enc_in_obj_ptrs: bool = True
    use_signed_tpos_enc_to_obj_ptrs: bool = True
    sigmoid_scale_for_mem_enc: float = 20.0
    sigmoid_bias_for_mem_enc: float = -10.0
    binarize_mask_from_pts_for_mem_enc: bool = True
    multimask_output_for_tracking: bool = True
    use_multimask_token_for_obj_ptr: bool = True
    dynamic_multimask_via_stability: bool = True
    dynamic_multimask_stability_delta: float = 0.05
    dynamic_multimask_stability_thresh: float = 0.98
    add_all_frames_to_correct_as_cond: bool = False
    pixel_mean: tuple[float, float, float] = IMAGENET_MEAN
    pixel_std: tuple[float, float, float] = IMAGENET_STD
    prompt_hint: PromptHint | None = None
    prompt_residual: bool = False
    zoom: ZoomPolicy | None = None

    def __post_init__(self) -> None:
        if isinstance(self.image_size, bool) or not isinstance(self.image_size, int):
            raise ValueError(f"image_size must be an integer, not {self.image_size!r}")
        if self.image_size <= 0 or self.image_size % 32:
            raise ValueError(f"image_size must be a positive multiple of 32, not {self.image_size}")
        if len(self.stages) != 4 or len(self.window_spec) != 4:
            raise ValueError("stages and window_spec must have four entries, one for each stage of the trunk")
        if self.d_model % self.mem_dim:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of mem_dim ({self.mem_dim})")

    @property
    def stage_channels(self) -> tuple[int, ...]:
        """Channels of the four stages of the trunk, shallowest first."""
        return tuple(self.embed_dim * 2**stage for stage in range(len(self.stages)))

    @property
    def feature_size(self) -> int:
        """Side of the stride-16 feature map."""
        return self.image_size // 16

    @property
    def low_res_size(self) -> int:
        """Side of the decoder's masks and of mask prompts: a quarter of the input."""
        return self.image_size // 4

    def with_image_size(self, image_size: int) -> Sam2Config:
        """Return this configuration for another input size.

        Parameters
        ----------
        image_size : int
            Side of the square input in pixels.

        Raises
        ------
        ValueError
            Where it is not a positive multiple of 32.
        """
        return replace(self, image_size=image_size)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], name: str = "custom") -> Sam2Config:
        """Read the JSON of a checkpoint's metadata.

        Parameters
        ----------
        data : mapping
            The parsed JSON, with the sections ``image_encoder``, ``memory_attention``, ``memory_encoder``,
            ``mask_decoder``, ``input``, ``prompt_hint`` and ``zoom``.
        name : str
            For messages.

        Raises
        ------
        ValueError
            Where it describes another architecture or lacks an entry.
        """
        try:
            return _from_json(data, name)
        except (KeyError, TypeError) as error:
            raise ValueError(f"the configuration lacks or garbles an entry: {error}") from error


def _from_json(data: Mapping[str, Any], name: str) -> Sam2Config:
    architecture = data["architecture"]
    if architecture not in ("sam2", "sam2.1"):
        raise ValueError(f"unknown architecture {architecture!r}; 'sam2' and 'sam2.1' are known")
    encoder, attention = data["image_encoder"], data["memory_attention"]
    memory, decoder = data["memory_encoder"], data["mask_decoder"]
    newer = architecture == "sam2.1"
    mean, std = data.get("input", {}).get("mean", IMAGENET_MEAN), data.get("input", {}).get("std", IMAGENET_STD)
    return Sam2Config(
        name=name,
        image_size=data["image_size"],
        embed_dim=encoder["embed_dim"],
        num_heads=encoder["num_heads"],
        stages=tuple(encoder["stages"]),
        global_att_blocks=tuple(encoder["global_att_blocks"]),
        window_spec=tuple(encoder["window_spec"]),
        window_pos_embed_bkg_spatial_size=_pair(encoder["window_pos_embed_bkg_spatial_size"]),
        d_model=encoder["d_model"],
        fpn_top_down_levels=tuple(encoder.get("fpn_top_down_levels", (2, 3))),
        mem_dim=memory["out_dim"],
        memory_attention_layers=attention["num_layers"],
        memory_attention_heads=attention.get("num_heads", 1),
        memory_attention_mlp_dim=attention["dim_feedforward"],
        rope_theta=float(attention.get("rope_theta", 10000.0)),
        fuser_layers=memory.get("fuser_layers", 2),
        decoder_depth=decoder["transformer_depth"],
        decoder_heads=decoder["num_heads"],
        decoder_mlp_dim=decoder["mlp_dim"],
        iou_head_hidden_dim=decoder.get("iou_head_hidden_dim", 256),
        num_maskmem=data["num_maskmem"],
        max_obj_ptrs_in_encoder=data["max_obj_ptrs_in_encoder"],
        no_obj_embed_spatial=newer,
        add_tpos_enc_to_obj_ptrs=newer,
        proj_tpos_enc_in_obj_ptrs=newer,
        use_signed_tpos_enc_to_obj_ptrs=newer,
        sigmoid_scale_for_mem_enc=float(data["sigmoid_scale_for_mem_enc"]),
        sigmoid_bias_for_mem_enc=float(data["sigmoid_bias_for_mem_enc"]),
        binarize_mask_from_pts_for_mem_enc=bool(data["binarize_mask_from_pts_for_mem_enc"]),
        multimask_output_for_tracking=bool(data.get("multimask_output_for_tracking", True)),
        use_multimask_token_for_obj_ptr=bool(data.get("use_multimask_token_for_obj_ptr", True)),
        dynamic_multimask_via_stability=bool(decoder.get("dynamic_multimask_via_stability", True)),
        add_all_frames_to_correct_as_cond=bool(data.get("add_all_frames_to_correct_as_cond", False)),
        pixel_mean=_triple(mean),
        pixel_std=_triple(std),
        prompt_hint=_hint_from_json(data.get("prompt_hint")),
        prompt_residual=bool(data.get("prompt_residual")),
        zoom=_zoom_from_json(data.get("zoom")),
    )


def _hint_from_json(data: Mapping[str, Any] | None) -> PromptHint | None:
    if not data:
        return None
    click, box = data["click"], data["box"]
    return PromptHint(
        background=float(click["background"]),
        positive=float(click["positive"]),
        negative=float(click["negative"]),
        radius_px=float(click["radius_input_px"]),
        box_inside=float(box["inside"]),
        box_outside=float(box["outside"]),
        clamp=float(data["clamp"]),
    )


def _zoom_from_json(data: Mapping[str, Any] | None) -> ZoomPolicy | None:
    if not data:
        return None
    return ZoomPolicy(float(data["factor"]), int(data["min_side_px"]), tuple(int(x) for x in data["click_sides_px"]))


def _pair(values: Any) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)


def _triple(value: Any) -> tuple[float, float, float]:
    """One value for all three channels, or three."""
    if isinstance(value, (int, float)):
        return float(value), float(value), float(value)
    red, green, blue = value
    return float(red), float(green), float(blue)
