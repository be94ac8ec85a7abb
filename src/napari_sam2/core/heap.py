"""Give freed memory back to the system in a long computation.

glibc keeps what is freed for the next array, in a heap for each thread. Where several threads read planes of many
megabytes, as Zarr's do, these heaps fill with holes, and a process grows by the hundred megabytes that holds no more
than before. ``malloc_trim`` gives the holes back; it takes milliseconds, so it is called now and then only. (To give
back at once whatever is freed makes small frames take twice as long.)
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY = 5  # calls
_GROWN = 32 * 2**20  # bytes


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
def _malloc_trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    return trim


def _resident() -> int:
    """Return the bytes of the process that are in memory."""
    return int(psutil.Process().memory_info().rss)
