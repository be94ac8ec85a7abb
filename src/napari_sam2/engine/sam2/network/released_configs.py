"""Configurations of Meta's released networks, by name and from the shapes of their tensors; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from napari_sam2.engine.sam2.network.config import Sam2Config


@dataclass(frozen=True)
class _Size:
    """Numbers that distinguish Meta's released sizes."""

    embed_dim: int
    num_heads: int
    stages: tuple[int, ...]
    global_att_blocks: tuple[int, ...]
    window_spec: tuple[int, ...] = field(default=(8, 4, 14, 7))
    background: tuple[int, int] = field(default=(7, 7))


_SIZES = {
    "tiny": _Size(96, 1, (1, 2, 7, 2), (5, 7, 9)),
    "small": _Size(96, 1, (1, 2, 11, 2), (7, 10, 13)),
    "base-plus": _Size(112, 2, (2, 3, 16, 3), (12, 16, 20), background=(14, 14)),
    "large": _Size(144, 2, (2, 6, 36, 4), (23, 33, 43), window_spec=(8, 4, 16, 8)),
}
RELEASED_NAMES = tuple(f"{version}-{size}" for version in ("sam2.1", "sam2") for size in _SIZES)


def released_config(name: str) -> Sam2Config:
    """Return the configuration of one of Meta's released networks.

    Parameters
    ----------
    name : str
        ``"sam2.1-tiny"``, ``"sam2.1-small"``, ``"sam2.1-base-plus"``, ``"sam2.1-large"``, or the same with ``sam2-``.

    Examples
    --------
    >>> released_config("sam2.1-large").embed_dim
    144
    """
    if name not in RELEASED_NAMES:
        raise ValueError(f"unknown network {name!r}; known are {', '.join(RELEASED_NAMES)}")
    version, _, size_name = name.partition("-")
    size, newer = _SIZES[size_name], version == "sam2.1"
    return Sam2Config(
        name=name,
        embed_dim=size.embed_dim,
        num_heads=size.num_heads,
        stages=size.stages,
        global_att_blocks=size.global_att_blocks,
        window_spec=size.window_spec,
        window_pos_embed_bkg_spatial_size=size.background,
        no_obj_embed_spatial=newer,
        add_tpos_enc_to_obj_ptrs=newer,
        proj_tpos_enc_in_obj_ptrs=newer,
        use_signed_tpos_enc_to_obj_ptrs=newer,
    )


def infer_config(state_dict: Mapping[str, Any]) -> Sam2Config:
    """Recognise one of Meta's released networks from the shapes of its tensors.

    Heads and windows leave no trace in the tensors, so a network of another size cannot be inferred.

    Parameters
    ----------
    state_dict : mapping of str to tensor
        Meta's names; only shapes are looked at.

    Raises
    ------
    ValueError
        Where the tensors are not those of a SAM 2 network, or of none of the released sizes.
    """
    trunk = "image_encoder.trunk."
    patch = state_dict.get(f"{trunk}patch_embed.proj.weight")
    if patch is None or "memory_attention.norm.weight" not in state_dict:
        raise ValueError("its tensors are not those of a SAM 2 network")
    embed_dim, stages = int(patch.shape[0]), _stages(state_dict, f"{trunk}blocks.")
    version = "sam2.1" if "obj_ptr_tpos_proj.weight" in state_dict else "sam2"
    for size_name, size in _SIZES.items():
        if (size.embed_dim, size.stages) == (embed_dim, stages):
            return released_config(f"{version}-{size_name}")
    raise ValueError(
        f"it is a SAM 2 network of an unknown size (embed_dim {embed_dim}, stages {list(stages)}) "
        "and carries no configuration; store one as JSON in the safetensors metadata under 'config'"
    )


def _stages(state_dict: Mapping[str, Any], prefix: str) -> tuple[int, ...]:
    """Blocks a stage: every stage but the first begins with the block that has a projection of its shortcut."""
    blocks = {int(key[len(prefix) :].split(".")[0]) for key in state_dict if key.startswith(prefix)}
    starts = [index for index in sorted(blocks) if f"{prefix}{index}.proj.weight" in state_dict]
    edges = [0, *starts, len(blocks)]
    return tuple(after - before for before, after in pairwise(edges))
