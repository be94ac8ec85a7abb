"""Decide what becomes of freed memory: kept for the next array, or given back to the system.

glibc keeps what is freed for the next array, in a heap for each thread. Where several threads read planes of many
megabytes, as Zarr's do, these heaps fill with holes, and a process grows by the hundred megabytes that holds no more
than before. ``malloc_trim`` gives the holes back; it takes milliseconds, so it is called now and then only.

By default glibc also gives back the end of a heap as soon as some megabytes of it are free, which a small network frees
and wants again in each of its layers: the system then clears thousands of pages for every frame. A worker of Dask gives
back even more, which takes as long as the network itself (``benchmarks/freed_memory.py``, ``remote_model.py``).
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY = 5  # calls
_GROWN = 32 * 2**20  # bytes
# Parameters of mallopt, and bytes. Arrays of 32 MiB and more, the most that it takes, go straight back to the system.
_M_TRIM_THRESHOLD, _KEPT = -1, 64 * 2**20
_M_MMAP_THRESHOLD, _LARGE = -3, 32 * 2**20
_CHOICES = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_")
_OF_DASK = ("MALLOC_TRIM_THRESHOLD_", "65536")  # what its nanny starts every worker with


def keep_freed_memory() -> None:
    """Let each heap of this process keep up to 64 MiB that are free, for the next array.

    Nothing happens without glibc, or where somebody other than Dask has set its parameters in the environment.
    """
    library = _c_library()
    chosen = {name: os.environ[name] for name in _CHOICES if name in os.environ}
    if library is None or chosen.items() - {_OF_DASK}:
        return
    if hasattr(library, "malloc_trim"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT)


class HeapTrimmer:
    """Called after each frame, it trims the heaps where the process has grown; without glibc it does nothing."""

    def __init__(self) -> None:
        self._calls = 0
        self._low = 0

    def __call__(self) -> None:
        """Count a frame; now and then look at the memory of the process."""
        self._calls += 1
        if self._calls % _EVERY:
            return
        trim = _malloc_trim()
        if trim is not None and _resident() > self._low + _GROWN:
            trim(0)
            self._low = _resident()


@cache
def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


def _malloc_trim() -> Callable[[int], int] | None:
    return getattr(_c_library(), "malloc_trim", None)


def _resident() -> int:
    """Return the bytes of the process that are in memory."""
    return int(psutil.Process().memory_info().rss)
