"""How a worker process treats memory that was freed."""

from __future__ import annotations

import ctypes
import os
import sys

# Of glibc's mallopt.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _LARGEST_BYTES = 256 * 2**20, 32 * 2**20  # a larger second one is refused


def reuse_freed_memory() -> None:
    """Let the process keep what it frees for what it needs next, as it would without Dask.

    Dask's nanny starts workers with ``MALLOC_TRIM_THRESHOLD_=65536``: each larger block goes back to the system at once
    and is asked of it again, page by page. On a CPU that takes as long as the network itself
    (``benchmarks/remote_model.py``). Where somebody chose another value, or the C library is not glibc, nothing is
    done.
    """
    if sys.platform != "linux" or os.environ.get("MALLOC_TRIM_THRESHOLD_") != "65536":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES)
