"""Matrix products and attention on a CPU through oneDNN.

torch multiplies float32 matrices with MKL, which does not use the wide registers (AVX-512) of every CPU; oneDNN does,
and takes the activation with it. Its product of a layer is part of torch, as the operator that compiled networks call.
It has no gradients, so training goes the usual way, as do GPUs, half precision, and a torch that lacks the operator.
A CPU without those registers computes GELU apart, and attends with torch's own kernel, because both are faster there.
Figures are in ``benchmarks/NOTES.md``.
"""

from __future__ import annotations

import functools
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

ActivationName = Literal["none", "relu", "gelu"]

_AT_ONCE = 2**20  # numbers for each thread: 4 MiB, about what stays in a core's cache
_LEAST_SCORES = 2**17  # of one head: below this, torch's fused attention over the whole batch is quicker


@functools.cache
def _has_wide_registers() -> bool:
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


@functools.cache
def _has_onednn() -> bool:
    return bool(torch._C._has_mkldnn) and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def takes(x: Tensor) -> bool:
    """Return whether a tensor's products can be left to oneDNN: float32 on a CPU, and nobody wants a gradient."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled() and _has_onednn()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, activation: ActivationName = "none") -> Tensor:
    """Multiply and activate.

    Parameters
    ----------
    x : Tensor, (..., n)
    weight : Tensor, (m, n)
    bias : Tensor, (m,), optional
    activation : {"none", "relu", "gelu"}
        "gelu" is the exact one.

    Returns
    -------
    Tensor, (..., m)
    """
    if not takes(x):
        out = F.linear(x, weight, bias)
        if activation == "none":
            return out
        return F.relu(out) if activation == "relu" else F.gelu(out)
    if activation == "gelu" and not _has_wide_registers():
        return F.gelu(linear(x, weight, bias))
    algorithm = "none" if activation == "gelu" else ""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], algorithm)
    return product


def numbers_at_once() -> int:
    """Return how many numbers to compute in one go. All threads meet after each, so it grows with them."""
    return _AT_ONCE * torch.get_num_threads()


def suits(query: Tensor, key: Tensor, value_width: int) -> bool:
    """Return whether `attention` is the quicker way for these (B, heads, n, d) and (B, heads, m, d).

    Without wide registers it is only where the values are narrower than the keys, which torch's own has no use for.
    """
    is_large = query.shape[2] * key.shape[2] >= _LEAST_SCORES
    return is_large and takes(query) and (_has_wide_registers() or value_width < key.shape[3])


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend head by head, a few queries at a time, so that the scores stay in the cache.

    Parameters
    ----------
    query : Tensor, (B, heads, n, d)
    key : Tensor, (B, heads, m, d)
    value : Tensor, (B, heads, m, c)
        May have another width than queries and keys, or one head that serves all.

    Returns
    -------
    Tensor, (B, n, heads * c)
    """
    batch, heads, count, width = query.shape
    out = query.new_empty(batch, count, heads, value.shape[-1])
    at_once = max(32, numbers_at_once() // key.shape[2])
    scaled = query * width**-0.5
    for b in range(batch):
        for h in range(heads):
            # Slices of a wider tensor would be multiplied by a slow, general routine.
            keys, values = key[b, h].contiguous(), value[b, h % value.shape[1]].contiguous().T
            for start in range(0, count, at_once):
                scores = linear(scaled[b, h, start : start + at_once], keys)
                out[b, start : start + at_once, h] = linear(scores.softmax(-1), values)
    return out.flatten(2)
