"""A deeper network that begins by answering as the one it came from.

Each new block is a copy of the one before it whose outputs are zero, so what is added to the features is nothing at
first and grows with training. (Growth that keeps the function: *Net2Net*, arXiv 1511.05641; residual branches that
begin at zero: *Fixup*, arXiv 1901.09321.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, zeros_like

from napari_sam2.engine.sam2.network.config import Sam2Config
from training.run_checkpoint import Tensors, TrainingState

_TRUNK, _MEMORY = "image_encoder.trunk.blocks.", "memory_attention.layers."
# The last layer of each residual branch.
_OUTPUTS = ("attn.proj.", "mlp.layers.1.", "self_attn.out_proj.", "cross_attn_image.out_proj.", "linear2.")


def is_deeper(network: Mapping[str, Any], than: Mapping[str, Any]) -> bool:
    """Tell whether a network has more blocks in the trunk or more layers in the memory attention, and no fewer.

    Parameters
    ----------
    network, than
        JSON of the two configurations.
    """
    new, old = Sam2Config.from_json(network), Sam2Config.from_json(than)
    depths = zip((*new.stages, new.memory_attention_layers), (*old.stages, old.memory_attention_layers), strict=True)
    changes = [a - b for a, b in depths]
    return min(changes) >= 0 and max(changes) > 0


def grow_depth(state: TrainingState, network: Mapping[str, Any]) -> TrainingState:
    """Give a run the blocks of a deeper ``network``.

    Parameters
    ----------
    state
        A run of the same network with fewer blocks; all else must agree.
    network
        JSON of the configuration with more blocks.

    Returns
    -------
    TrainingState
        The new blocks have no moments in AdamW's state.

    Raises
    ------
    ValueError
        Where the two differ in more than depth.
    """
    new, old = Sam2Config.from_json(network), Sam2Config.from_json(state.network)
    deeper = replace(
        old,
        stages=new.stages,
        memory_attention_layers=new.memory_attention_layers,
        global_att_blocks=new.global_att_blocks,
        image_size=new.image_size,
    )
    if deeper != new or not is_deeper(network, state.network):
        raise ValueError("the recipe's network is not the checkpoint's with more blocks")
    trunk = _source_blocks(old.stages, new.stages, pooling=True)
    memory = _source_blocks((old.memory_attention_layers,), (new.memory_attention_layers,), pooling=False)

    def grown(tensors: Tensors, moments: bool = False) -> Tensors:
        return _grown(_grown(tensors, _TRUNK, trunk, moments), _MEMORY, memory, moments)

    return replace(
        state,
        network=network,
        weights=grown(state.weights),
        average=grown(state.average),
        exp_avg=grown(state.exp_avg, moments=True),
        exp_avg_sq=grown(state.exp_avg_sq, moments=True),
    )


def _source_blocks(old: tuple[int, ...], new: tuple[int, ...], pooling: bool) -> list[tuple[int, bool]]:
    """List for each new block the old one that it comes from, and whether it is that block itself or an addition.

    Additions are shared out among the blocks of their stage that they can be copies of: where stages begin with a block
    of another shape (``pooling``), not that one.
    """
    sources: list[tuple[int, bool]] = []
    before = 0
    for stage, (have, want) in enumerate(zip(old, new, strict=True)):
        first = 1 if pooling and stage > 0 else 0
        additions = [0] * have
        for extra in range(want - have):
            if have == first:
                raise ValueError(f"stage {stage + 1} has no block that a new one could be a copy of")
            additions[first + extra % (have - first)] += 1
        for block, count in enumerate(additions, before):
            sources += [(block, True)] + [(block, False)] * count
        before += have
    return sources


def _grown(tensors: Tensors, prefix: str, sources: list[tuple[int, bool]], moments: bool) -> Tensors:
    parts: dict[int, Tensors] = {}
    grown: Tensors = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix):
            index, _, rest = name.removeprefix(prefix).partition(".")
            parts.setdefault(int(index), {})[rest] = tensor
        else:
            grown[name] = tensor
    for block, (source, is_itself) in enumerate(sources):
        for rest, tensor in parts.get(source, {}).items():
            if is_itself:
                grown[f"{prefix}{block}.{rest}"] = tensor
            elif not moments:
                grown[f"{prefix}{block}.{rest}"] = _initial_tensor(rest, tensor)
    return grown


def _initial_tensor(rest: str, tensor: Tensor) -> Tensor:
    return zeros_like(tensor) if rest.startswith(_OUTPUTS) else tensor.clone()
