"""A Dask cluster of this machine's own, with as many processes as it can hold."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
from distributed import Client, Nanny, Scheduler, SpecCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a worker needs beside its images: Python with torch, a model and a session.
_WORKER_BYTES = 3 * 2**30


def worker_count(jobs: int, cores: int, memory_bytes: int, gpus: int) -> int:
    """Return how many processes a cluster of one machine should have.

    One for each GPU; without one, as many as cores, memory (3 GiB each) and jobs allow: on a CPU, two processes of one
    thread do more than one process of two.

    Examples
    --------
    >>> worker_count(jobs=100, cores=8, memory_bytes=16 * 2**30, gpus=0)
    5
    """
    most = gpus or min(cores, memory_bytes // _WORKER_BYTES)
    return max(1, min(jobs, most))


@contextmanager
def local_cluster(jobs: int, device: str = "auto") -> Iterator[Client]:
    """Start a cluster of this machine's own, on loopback, and end it with the block.

    Parameters
    ----------
    jobs
        How many jobs there are to do.
    device
        As :func:`napari_sam2.load_predictor` takes it; ``"cpu"`` leaves GPUs alone.
    """
    gpus = [] if device == "cpu" else _gpus()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = worker_count(jobs, cores, psutil.virtual_memory().available, len(gpus))
    threads = str(max(1, cores // count))
    workers = {}
    for i in range(count):
        environment = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        if gpus:
            environment["CUDA_VISIBLE_DEVICES"] = gpus[i]
        workers[i] = {"cls": Nanny, "options": {"nthreads": 1, "env": environment, "host": "127.0.0.1"}}
    # Without an address of its own, its server for metrics listens to the whole network, on a port that may be taken.
    options = {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    scheduler = {"cls": Scheduler, "options": options}
    with (
        SpecCluster(workers=workers, scheduler=scheduler, silence_logs=50) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _gpus() -> list[str]:
    """Return the ids of the CUDA devices that may be used."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [d for d in visible.split(",") if d.strip()]
    from napari_sam2.engine.device import available_devices

    return [name.partition(":")[2] or "0" for name in available_devices() if name.startswith("cuda")]
