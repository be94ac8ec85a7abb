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


class ProcessGroup:
    """The group of processes, seen from one of them; a context manager.

    Parameters
    ----------
    rank
        0 for the process that decides, logs and writes.
    size
        How many there are.
    rendezvous
        A file that does not exist yet, the same for all: through it they find each other.
    """

    def __init__(self, rank: int, size: int, rendezvous: Path) -> None:
        self.rank = rank
        if sys.platform == "linux":
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # the name of the machine need not resolve
        dist.init_process_group("gloo", init_method=rendezvous.resolve().as_uri(), rank=rank, world_size=size)

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace the gradients by their means over the processes.

        Parameters
        ----------
        parameters
            The same ones have gradients in all processes.
        """
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        means = torch.split(flat, [g.numel() for g in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def broadcast(self, decision: bool) -> bool:
        """Return the decision of the first process.

        Parameters
        ----------
        decision
            This process's own, which counts in the first one only.
        """
        shared = torch.tensor(float(decision))
        dist.broadcast(shared, 0)
        return bool(shared)

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(self, *error: object) -> None:
        dist.destroy_process_group()
