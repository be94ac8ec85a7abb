"""Import large libraries in a worker while the window goes on answering. No Qt."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# In the order in which one needs the other.
_LIBRARIES = ("libgomp.so.1", "libc10.so", "libtorch_cpu.so", "libtorch.so", "libtorch_python.so")


@contextmanager
def gently() -> Iterator[None]:
    """Keep the interpreter free for other threads while what is inside imports torch.

    Two things hold all threads for long: the loading of torch's shared libraries, which Python does with its lock
    held, and the collector of circles, which walks through all objects several times while a million are made.
    """
    _load_libraries()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load_libraries() -> None:
    """Load torch's libraries without the interpreter's lock; its import finds them in memory."""
    if "torch" in sys.modules or not sys.platform.startswith("linux"):
        return
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    # A foreign function is called without the lock, which loading by ctypes itself is not.
    load = ctypes.CDLL(None).dlopen
    load.restype = ctypes.c_void_p
    for name in _LIBRARIES:
        if (folder / name).exists():
            load(os.fsencode(folder / name), ctypes.c_int(os.RTLD_NOW | os.RTLD_GLOBAL))
