"""Several processes that train one network on the cores of one machine.

Networks as small as the bundled one hardly gain from a second thread. Two processes of one thread each make clips and
gradients of their own at nearly full speed; the gradients are averaged before each step, so all have the same weights.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor


class Together:
    """The group of processes, seen from one of them; a context manager.

    Parameters
    ----------
    rank
        0 for the process that decides, logs and writes.
    size
        How many there are.
    meeting
        A file that does not exist yet, the same for all: through it they find each other.
    """

    def __init__(self, rank: int, size: int, meeting: Path) -> None:
        self.rank = rank
        if sys.platform == "linux":
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # the name of the machine need not resolve
        dist.init_process_group("gloo", init_method=meeting.resolve().as_uri(), rank=rank, world_size=size)

    def average(self, parameters: Iterable[Tensor]) -> None:
        """Replace the gradients by their means; the processes must have the same ones."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        means = torch.split(flat, [g.numel() for g in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agree(self, wish: bool) -> bool:
        """What the first process wishes."""
        decision = torch.tensor(float(wish))
        dist.broadcast(decision, 0)
        return bool(decision)

    def __enter__(self) -> Together:
        return self

    def __exit__(self, *error: object) -> None:
        dist.destroy_process_group()
