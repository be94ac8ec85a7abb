"""Checkpoints to go on from, and weights to begin with.

A checkpoint is one torch file of tensors and plain containers (read with ``weights_only``). It holds the network's
configuration, the weights as they are trained, their average, and the state of AdamW. The compact form keeps the
average in half precision, the trained weights as an 8-bit difference from it, and AdamW's moments in 8 and 16 bits.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_sam2.engine.sam2.checkpoint import read_checkpoint

FORMAT = 1
_SMALL = 4096  # tensors of at most so many numbers stay as they are: they weigh nothing
Tensors = dict[str, Tensor]


@dataclass
class TrainingState:
    """A run at some moment.

    Attributes
    ----------
    network : mapping
        JSON of the configuration.
    step : int
        Training steps so far, all runs together.
    weights, average : dict of str to Tensor
        State dicts in float32: as they are trained, and their moving average.
    optimizer_start : int
        The step at which this optimizer began (for its warm-up).
    from_scratch : bool
        Whether the network began without weights.
    seconds : float
        Of training, all runs of this recipe together.
    cool_down_start, cool_down_steps : int
        Where a cool-down began and how long it is; no steps: none.
    exp_avg, exp_avg_sq : dict of str to Tensor
        AdamW's first and second moments by parameter; empty: not known.
    updates : int
        Steps that AdamW has made.
    """

    network: Mapping[str, Any]
    step: int
    weights: Tensors
    average: Tensors
    optimizer_start: int = 0
    from_scratch: bool = False
    seconds: float = 0.0
    cool_down_start: int = 0
    cool_down_steps: int = 0
    exp_avg: Tensors = field(default_factory=dict)
    exp_avg_sq: Tensors = field(default_factory=dict)
    updates: int = 0


# Attributes and their keys in the file, which stay as they were first written.
_NUMBERS = {
    "step": "step",
    "optimizer_start": "begun",
    "from_scratch": "from_nothing",
    "seconds": "seconds",
    "cool_down_start": "cool_from",
    "cool_down_steps": "cool_steps",
    "updates": "updates",
}
_TENSORS = {"average": "average", "weights": "live", "exp_avg": "first", "exp_avg_sq": "second"}


def save(path: Path, state: TrainingState, compact: bool = False) -> None:
    """Write a checkpoint; a run that is killed in the middle leaves the old one.

    Parameters
    ----------
    path
        Of the file; its folder is made.
    state
        The run.
    compact
        Whether to write the compact form.
    """
    content: dict[str, Any] = {"format": FORMAT, "network": dict(state.network)}
    content |= {key: getattr(state, name) for name, key in _NUMBERS.items()}
    if compact:
        average = {k: _half(v) for k, v in state.average.items()}
        content["average"] = average
        content["live"] = {k: _bytes(state.weights[k] - _unpacked(v)) for k, v in average.items()}
        content["first"] = {k: _bytes(v) for k, v in state.exp_avg.items()}
        # The second moment spans too many decades for 16 bits; its root does not.
        content["second"] = {k: _scaled_half(v.sqrt()) for k, v in state.exp_avg_sq.items()}
    else:
        content |= {key: dict(getattr(state, name)) for name, key in _TENSORS.items()}
    content["compact"] = compact
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    torch.save(content, unfinished)
    os.replace(unfinished, path)


def load(path: Path, network: Mapping[str, Any] | None = None) -> TrainingState:
    """Read a checkpoint, or weights to begin with.

    Parameters
    ----------
    path
        A checkpoint of ours, full or compact; the notebook's checkpoint (``w`` and ``meta``); or a ``.safetensors``.
    network
        Configuration for files that carry none.

    Raises
    ------
    ValueError
        Where the file is something else.
    """
    if path.suffix == ".safetensors":
        return _from_weights(path)
    content = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, dict) and content.get("format") == FORMAT:
        return _from_checkpoint(content)
    if isinstance(content, dict) and {"w", "meta"} <= set(content) and network is not None:
        return _from_notebook(content, network)
    raise ValueError(f"{path} is no checkpoint of this recipe")


def _from_weights(path: Path) -> TrainingState:
    from training.export_weights import config_to_json

    config, tensors = read_checkpoint(path)
    weights = {k: v.float() for k, v in tensors.items()}
    return TrainingState(config_to_json(config), 0, dict(weights), weights)


def _from_checkpoint(content: Mapping[str, Any]) -> TrainingState:
    numbers = {name: content[key] for name, key in _NUMBERS.items()}
    if not content["compact"]:
        tensors = {name: content[key] for name, key in _TENSORS.items()}
        return TrainingState(network=content["network"], **numbers, **tensors)
    average = {k: _unpacked(v) for k, v in content["average"].items()}
    return TrainingState(
        network=content["network"],
        **numbers,
        average=average,
        weights={k: average[k] + _unpacked(v) for k, v in content["live"].items()},
        exp_avg={k: _unpacked(v) for k, v in content["first"].items()},
        exp_avg_sq={k: _unpacked(v) ** 2 for k, v in content["second"].items()},
    )


def _from_notebook(content: Mapping[str, Any], network: Mapping[str, Any]) -> TrainingState:
    """Read the format of the first trials: name to (average in half precision, 8-bit difference, scale of each row)."""
    average = {k: mean.float() for k, (mean, _, _) in content["w"].items()}
    weights = {
        k: average[k] + (q.float() * scale).reshape(average[k].shape) for k, (_, q, scale) in content["w"].items()
    }
    step = int(content["meta"]["step"])
    return TrainingState(network, step, weights, average, optimizer_start=step)


# ---------------------------------------------------------------------------------------------------------- packing
# A packed tensor is a list: its shape, its numbers, and the scale of each row (absent where there is none).


def _half(tensor: Tensor) -> list[Any]:
    return [list(tensor.shape), tensor if tensor.numel() <= _SMALL else tensor.half(), None]


def _scaled_half(tensor: Tensor) -> list[Any]:
    scale = tensor.abs().max().clamp(min=1e-30)
    return [list(tensor.shape), (tensor / scale).half(), scale]


def _bytes(tensor: Tensor) -> list[Any]:
    if tensor.numel() <= _SMALL:
        return [list(tensor.shape), tensor, None]
    rows = tensor.reshape(tensor.shape[0], -1)
    scale = rows.abs().amax(1, keepdim=True).clamp(min=1e-30) / 127
    return [list(tensor.shape), (rows / scale).round().to(torch.int8), scale]


def _unpacked(packed: list[Any]) -> Tensor:
    shape, numbers, scale = packed
    values: Tensor = numbers.float() if scale is None else numbers.float() * scale
    return values.reshape(shape)
