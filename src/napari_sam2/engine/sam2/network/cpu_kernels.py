"""Matrix products and attention of float32 on a CPU, arranged so that the fast registers and the cache are used.

torch multiplies float32 matrices with MKL, which does not use the wide registers (AVX-512) of every CPU; oneDNN does,
and takes the activation with it. Its product of a layer is part of torch, as the operator that compiled networks call.
It has no gradients. A CPU without those registers multiplies as fast with MKL, and attends faster with torch's own
kernel. Training goes the usual way, as do GPUs and half precision. Figures are in ``benchmarks/NOTES.md``.
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
def _multiplies_with_onednn() -> bool:
    return _has_wide_registers() and torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def takes(x: Tensor) -> bool:
    """Return whether this module arranges the work on a tensor: float32 on a CPU, and nobody wants a gradient."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled()


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
    if takes(x) and _multiplies_with_onednn():
        algorithm = "none" if activation == "gelu" else ""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], algorithm)
        return product
    out = F.linear(x, weight, bias)
    if activation == "none":
        return out
    return F.relu(out) if activation == "relu" else F.gelu(out)


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
