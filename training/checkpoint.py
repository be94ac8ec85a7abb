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
class Progress:
    """A run at some moment.

    Attributes
    ----------
    network : mapping
        JSON of the configuration.
    step, begun : int
        Steps of the network's life, and the step at which this optimizer began (for its warm-up).
    from_nothing : bool
        Whether it began without weights.
    seconds : float
        Of training, all runs of this recipe together.
    cool_from, cool_steps : int
        Where a cool-down began and how long it is; no steps: none.
    live, average : dict of str to Tensor
        State dicts in float32.
    first, second : dict of str to Tensor
        AdamW's moments by parameter; empty: not known.
    updates : int
        Steps that AdamW has made.
    """

    network: Mapping[str, Any]
    step: int
    live: Tensors
    average: Tensors
    begun: int = 0
    from_nothing: bool = False
    seconds: float = 0.0
    cool_from: int = 0
    cool_steps: int = 0
    first: Tensors = field(default_factory=dict)
    second: Tensors = field(default_factory=dict)
    updates: int = 0


_NUMBERS = ("step", "begun", "from_nothing", "seconds", "cool_from", "cool_steps", "updates")


def save(path: Path, progress: Progress, compact: bool = False) -> None:
    """Write a checkpoint; a run that is killed in the middle leaves the old one."""
    state: dict[str, Any] = {"format": FORMAT, "network": dict(progress.network)}
    state |= {name: getattr(progress, name) for name in _NUMBERS}
    if compact:
        average = {k: _half(v) for k, v in progress.average.items()}
        state["average"] = average
        state["live"] = {k: _bytes(progress.live[k] - _unpacked(v)) for k, v in average.items()}
        state["first"] = {k: _bytes(v) for k, v in progress.first.items()}
        # The second moment spans too many decades for 16 bits; its root does not.
        state["second"] = {k: _scaled_half(v.sqrt()) for k, v in progress.second.items()}
    else:
        state |= {name: dict(getattr(progress, name)) for name in ("average", "live", "first", "second")}
    state["compact"] = compact
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    torch.save(state, unfinished)
    os.replace(unfinished, path)


def load(path: Path, network: Mapping[str, Any] | None = None) -> Progress:
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
    state = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(state, dict) and state.get("format") == FORMAT:
        return _from_state(state)
    if isinstance(state, dict) and {"w", "meta"} <= set(state) and network is not None:
        return _from_notebook(state, network)
    raise ValueError(f"{path} is no checkpoint of this recipe")


def _from_weights(path: Path) -> Progress:
    from training.export import config_to_json

    config, tensors = read_checkpoint(path)
    weights = {k: v.float() for k, v in tensors.items()}
    return Progress(config_to_json(config), 0, dict(weights), weights)


def _from_state(state: Mapping[str, Any]) -> Progress:
    numbers = {name: state[name] for name in _NUMBERS}
    if not state["compact"]:
        groups = {name: state[name] for name in ("live", "average", "first", "second")}
        return Progress(network=state["network"], **numbers, **groups)
    average = {k: _unpacked(v) for k, v in state["average"].items()}
    return Progress(
        network=state["network"],
        **numbers,
        average=average,
        live={k: average[k] + _unpacked(v) for k, v in state["live"].items()},
        first={k: _unpacked(v) for k, v in state["first"].items()},
        second={k: _unpacked(v) ** 2 for k, v in state["second"].items()},
    )


def _from_notebook(state: Mapping[str, Any], network: Mapping[str, Any]) -> Progress:
    """The format of the first trials: name to (average in half precision, 8-bit difference, scale of each row)."""
    average = {k: mean.float() for k, (mean, _, _) in state["w"].items()}
    live = {k: average[k] + (q.float() * scale).reshape(average[k].shape) for k, (_, q, scale) in state["w"].items()}
    step = int(state["meta"]["step"])
    return Progress(network, step, live, average, begun=step)


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
