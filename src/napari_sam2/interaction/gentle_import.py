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

_TURN_S = 0.0005  # Python's own 5 ms add up: the main thread waits so long after each call into the graphics library
# In the order in which one needs the other.
_LIBRARIES = ("libgomp.so.1", "libc10.so", "libtorch_cpu.so", "libtorch.so", "libtorch_python.so")


@contextmanager
def gently() -> Iterator[None]:
    """Keep the interpreter free for other threads while what is inside imports torch.

    Three things hold all threads for long: the loading of torch's shared libraries, which Python does with its lock
    held, the collector of circles, which walks through all objects several times while a million are made, and the
    time for which a thread may keep the lock while others wait.
    """
    turn = sys.getswitchinterval()
    sys.setswitchinterval(min(turn, _TURN_S))
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        _load_libraries()
        yield
    finally:
        _take_for_old()
        sys.setswitchinterval(turn)
        if was_enabled:
            gc.enable()


def _take_for_old() -> None:
    """Put all objects among the old ones, which the collector seldom looks at.

    What was imported stays, so there is nothing in it to collect; as young objects the collector would walk through
    all of them twice more, the second time most likely while the user marks something.
    """
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()


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
