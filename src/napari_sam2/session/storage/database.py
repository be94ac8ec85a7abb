"""The SQLite database of a session file: opened alone, refused if it is none of ours, and its errors as sentences."""

from __future__ import annotations

import os
import sqlite3
import struct
import zlib
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from napari_sam2.core.held_files import hold, is_held, unless_held
from napari_sam2.core.paths import advice_for, check_file
from napari_sam2.errors import SessionFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_sam2.core.held_files import FileKey

APPLICATION_ID = 0x53414D32  # "SAM2"
FORMAT_VERSION = 1
_CHECK_DISK = "Check that the disk is there, and has space."
# SQLite gives no number of the system.
_ADVICE = {
    "database or disk is full": "Free some space on that disk, or save the session elsewhere.",
    "attempt to write a readonly database": "You may not write there: save the session in another folder.",
    "unable to open database file": "You may not write there: save the session in another folder.",
}
_LOCKED = "database is locked"  # As SQLite has it.
_HEADER = b"SQLite format 3\x00"


def connect(path: Path) -> sqlite3.Connection:
    """Open a database for this process alone, each commit durable."""
    # One session has one connection, used under the session's lock from whatever thread works for it.
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    # Held while open: two writers would lose each other's work, and one sync less is needed for each commit.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA synchronous = FULL")
    return db


def check_session_file(path: Path) -> None:
    """Refuse what is no session file of a known version, before SQLite touches it.

    One that this process has open is not looked at: it was checked before, and would lose its lock.
    """
    check_file(path, SessionFileError)
    try:
        with unless_held(path) as may_open:
            if not may_open:
                return
            with path.open("rb") as file:
                head = file.read(100)
                size = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise SessionFileError(f"{path} cannot be opened: {error.strerror or error}.") from error
    if len(head) < 100 or not head.startswith(_HEADER) or int.from_bytes(head[68:72], "big") != APPLICATION_ID:
        raise SessionFileError(f"{path} is no session file of napari-sam2, or its beginning is damaged.")
    version = int.from_bytes(head[60:64], "big")
    if version > FORMAT_VERSION:
        raise SessionFileError(
            f"{path} was written by a newer version of napari-sam2 (format {version}; this one reads up to "
            f"{FORMAT_VERSION}).\nUpdate napari-sam2; the file was left as it is."
        )
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    hot = path.with_name(path.name + "-journal").exists()
    if not hot and size < pages * (65536 if page == 1 else page):
        raise SessionFileError(f"{path} is damaged: it is cut off after {size} bytes. It was left as it is.")


def hold_alone(path: Path) -> FileKey:
    """Note that this process opens a session file; an error like that of another process if it has done so before."""
    key = hold(path)
    if key is None:
        raise sqlite3.OperationalError(_LOCKED)
    return key


def refuse_if_open(path: Path) -> None:
    """Raise an error if a session file is open in another session; what is no session file is passed over."""
    if is_held(path):
        raise sqlite3.OperationalError(_LOCKED)
    try:
        check_session_file(path)
    except SessionFileError:
        return
    with closing(connect(path)) as db:
        db.execute("BEGIN EXCLUSIVE")
        db.execute("ROLLBACK")


@contextmanager
def explaining(path: Path, what: str) -> Iterator[None]:
    """Turn errors of SQLite and of the disk into sentences about the file."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            raise SessionFileError(f"{path} is damaged: {error}.\nIt was left as it is.") from error
        if "locked" in str(error):
            raise SessionFileError(f"{path} is open in another session.\nClose it there first.") from error
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        advice = advice_for(error) if isinstance(error, OSError) else _ADVICE.get(str(error), _CHECK_DISK)
        raise SessionFileError(f"{path} {what}: {reason}.\n{advice}") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of what a file holds into sentences about the file."""
    try:
        with explaining(path, "cannot be read"):
            yield
    except (ValueError, TypeError, KeyError, IndexError, zlib.error, struct.error) as error:
        raise SessionFileError(f"{path} is damaged: {error}.\nIt was left as it is.") from error


def remove(path: Path) -> None:
    """Remove a database and the journal beside it."""
    for name in (path, path.with_name(path.name + "-journal")):
        name.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable."""
    # Not every system lets a folder be opened.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
