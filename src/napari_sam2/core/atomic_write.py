"""Files that are either whole or not there: write beside the target, sync, then rename over it."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_sam2.core.paths import advice_for, is_folder, why_no_file
from napari_sam2.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder that replaces the target when the block ends without an error.

    Parameters
    ----------
    path
        The target. Its whole name is kept at the end of the temporary one, because writers look at suffixes.

    Raises
    ------
    WriteError
        If the folder is missing, or the disk refuses. The target is then what it was before.
    """
    if not is_folder(path.parent):
        raise WriteError(f"{path} cannot be written: the folder {path.parent} does not exist.\nCreate it first.")
    why = why_no_file(path) if os.path.exists(path) else ""
    if why.startswith("it is"):
        raise WriteError(f"{path} cannot be written: {why}.\nGive the name of a file.")
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}.{path.name}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WriteError(f"{path} could not be written: {reason}.\nNothing was changed. {advice_for(error)}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    # The rename itself must reach the disk too; not every system lets a folder be opened for that.
    with suppress(OSError):
        _sync(path.parent)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Like `replacing`, for a folder of many files: an old one stays until the new one is whole and on the disk.

    Raises
    ------
    WriteError
        If the folder above is missing, something else has the name, or the disk refuses.
    """
    if not is_folder(path.parent):
        raise WriteError(f"{path} cannot be written: the folder {path.parent} does not exist.\nCreate it first.")
    if os.path.exists(path) and not is_folder(path):
        raise WriteError(
            f"{path} cannot be written: it is {'a file' if path.is_file() else 'no folder'}.\nGive another name."
        )
    mark = uuid.uuid4().hex[:8]
    temporary, old = path.with_name(f".{mark}.{path.name}"), path.with_name(f".{mark}.old.{path.name}")
    try:
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                _sync(temporary.parent / folder / name)
        if path.exists():
            # No system swaps two folders that hold files in one step; in between, the old one is beside it.
            os.replace(path, old)
        try:
            os.replace(temporary, path)
        except OSError:
            if old.exists():
                os.replace(old, path)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise WriteError(f"{path} could not be written: {reason}.\nNothing was changed. {advice_for(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
    with suppress(OSError):
        _sync(path.parent)


def _sync(path: Path) -> None:
    # Windows needs a writable handle to flush a file, and a folder allows only a read-only one.
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
