"""Where the runs of masks are: in memory up to a budget, beyond it in temporary files, from where they are read again.

A session keeps a mask of each object on each frame for as long as it lives, and undo keeps those before. Without a
budget that is what grows with the length of a stack.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import weakref
import zlib
from collections import deque
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import numpy as np

from napari_sam2.core.user_folders import cache_folder
from napari_sam2.errors import ReadError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

DEFAULT_BUDGET = 16 * 2**20
# Of a mask with fewer bytes, the bookkeeping would take as much as is gained.
_WORTH_IT = 2048
_SEGMENT_BYTES = 64 * 2**20


class Spillable(Protocol):
    """A holder of runs that can be told to let go of them."""

    @property
    def nbytes(self) -> int:
        """Bytes of the runs."""
        ...

    def spill(self, pool: RunPool) -> None:
        """Put the runs aside in a pool, with :meth:`RunPool.write`."""
        ...


class _Segment:
    """A temporary file that is gone when nobody holds a part of it any more; where possible it has no name."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="masks-", dir=folder)  # noqa: SIM115 - closed below
        self._lock = threading.Lock()
        self.size = 0
        weakref.finalize(self, self._file.close)

    def write(self, data: bytes) -> int:
        """Append bytes; return where they begin."""
        with self._lock:
            place = self.size
            self._file.seek(place)
            self._file.write(data)
            self._file.flush()
            self.size += len(data)
        return place

    def read(self, place: int, length: int) -> bytes:
        try:
            if hasattr(os, "pread"):
                # A process that was forked shares the position in the file.
                return os.pread(self._file.fileno(), length, place)
            with self._lock:
                self._file.seek(place)
                return self._file.read(length)
        except (OSError, ValueError) as error:
            raise ReadError(
                f"A mask that was put aside in {self._folder} cannot be read: {error}.\n"
                "Check that disk; a session with a file has the mask there, and can be opened from it again."
            ) from error


class SpilledRuns:
    """Runs in a temporary file."""

    __slots__ = ("_length", "_place", "_segment")

    def __init__(self, segment: _Segment, place: int, length: int) -> None:
        self._segment, self._place, self._length = segment, place, length

    def read(self) -> NDArray[np.int32]:
        """Return the runs, ``(n, 2) int32``, a new array.

        Raises
        ------
        ReadError
            If the disk refuses.
        """
        # Neighbouring rows are alike, so that the steps from one edge to the next pack well.
        steps = np.frombuffer(zlib.decompress(self._segment.read(self._place, self._length)), np.int32)
        runs = np.cumsum(steps, dtype=np.int32).reshape(-1, 2)
        runs.setflags(write=False)
        return runs


class RunPool:
    """The masks whose runs are in memory, oldest first; beyond a budget the oldest are written to a temporary file.

    Parameters
    ----------
    budget_bytes
        Of the runs in memory. Masks of less than 2 KiB do not count and stay.
    folder
        Of the temporary files; default: the user's cache folder. (On many systems the folder for temporary files is
        itself in memory.)
    """

    def __init__(self, budget_bytes: int = DEFAULT_BUDGET, folder: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._folder = folder
        self._held: deque[tuple[weakref.ref[Spillable], int]] = deque()
        self._dead: deque[int] = deque()
        self._segment: _Segment | None = None
        self._refused = False
        self._living = 0
        self.used = 0
        self.budget_bytes = budget_bytes

    def add(self, mask: Spillable) -> None:
        """Take note of a new mask, and put the oldest aside where they are too many."""
        size = mask.nbytes
        if size < _WORTH_IT or self._refused:
            return
        with self._lock:
            self._settle()
            self._held.append((weakref.ref(mask, partial(_note, self._dead, size)), size))
            self.used += size
            self._living += 1
            while self.used > self.budget_bytes and self._held and not self._refused:
                self._put_oldest_aside()

    def write(self, runs: NDArray[np.int32]) -> SpilledRuns:
        """Write runs ``(n, 2) int32`` to a temporary file; OSError where the disk refuses."""
        data = zlib.compress(np.diff(runs.ravel(), prepend=np.int32(0)).astype(np.int32).tobytes(), level=1)
        with self._lock:
            if self._segment is None or self._segment.size > _SEGMENT_BYTES:
                folder = self._folder or cache_folder()
                self._segment = _Segment(folder)
            return SpilledRuns(self._segment, self._segment.write(data), len(data))

    def part_from_parent(self) -> None:
        """Write to a file of one's own from now on; for a process that was forked."""
        self._lock = threading.RLock()
        self._segment = None

    def _settle(self) -> None:
        """Count out the masks that are gone, and forget them once they are most of those that are listed."""
        while self._dead:
            self.used -= self._dead.popleft()
            self._living -= 1
        if len(self._held) > 2 * self._living + 1000:
            self._held = deque(entry for entry in self._held if entry[0]() is not None)

    def _put_oldest_aside(self) -> None:
        reference, size = self._held.popleft()
        mask = reference()
        if mask is None:
            return  # counted out when it died
        try:
            mask.spill(self)
        except OSError as error:
            _log.warning("Masks cannot be put aside on the disk and stay in memory: %s", error)
            self._refused = True
            return
        self.used -= size
        self._living -= 1


def _note(dead: deque[int], size: int, _: weakref.ref[Spillable]) -> None:
    # Called when memory is freed, at any moment and in any thread: it may do nothing else.
    dead.append(size)


POOL = RunPool()
"""That of all masks of the process."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.part_from_parent)
