"""Files that this process keeps locked, which it must therefore not open once more.

A POSIX record lock, such as those of SQLite, ends when the process closes *any* descriptor of the file (fcntl(2)), also
one that was opened only to read a few bytes. So whoever looks into files that may be locked asks here first.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FileKey = tuple[int, "int | str"]
_held: set[FileKey] = set()
_lock = threading.Lock()


def hold(path: Path) -> FileKey | None:
    """Note that this process locks a file from now on.

    Returns
    -------
    FileKey or None
        What :func:`let_go` takes; None if the file is held already.

    Raises
    ------
    OSError
        If there is no such file.
    """
    with _lock:
        key = _key(path)
        if key in _held:
            return None
        _held.add(key)
        return key


def let_go(key: FileKey) -> None:
    """Note that a file is no longer locked."""
    with _lock:
        _held.discard(key)


def is_held(path: Path) -> bool:
    """Return whether this process keeps a file locked; False where there is none."""
    # Asked for each file of large folders, while mostly no file is held.
    if not _held:
        return False
    try:
        return _key(path) in _held
    except OSError:
        return False


@contextmanager
def unless_held(path: Path) -> Iterator[bool]:
    """Yield whether the block may open a file; as long as it runs, nobody else can begin to hold one."""
    with _lock:
        yield not is_held(path)


def _key(path: Path) -> FileKey:
    found = path.stat()
    # Some network drives number no files.
    return found.st_dev, found.st_ino or str(path.resolve())
