"""Paths that the user gives, checked before anything is opened: opening a pipe would wait for ever."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.errors import ReadError

if TYPE_CHECKING:
    from napari_sam2.errors import NapariSam2Error

NOT_THERE = "it does not exist"
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def checked_path(path: Any, error: type[NapariSam2Error] = ReadError, called: str = "path") -> Path:
    """Return a path as the user means it, with ``~`` as the home folder.

    Parameters
    ----------
    path
        A string or a path object.
    error
        The exception of what is refused.
    called
        What it is the path of, for the text of the exception.

    Raises
    ------
    NapariSam2Error
        Of the type `error`, if it is neither, or empty.
    """
    text = path if isinstance(path, str) else path.__fspath__() if isinstance(path, os.PathLike) else None
    if not isinstance(text, str):
        raise error(f"The {called} must be text or a Path, not {path!r}.")
    if not text.strip():
        raise error(f"The {called} is empty.\nGive the name of a file or a folder.")
    if "\0" in text:
        raise error(f"The {called} {text!r} holds a NUL character, which no file name does.")
    try:
        return Path(text).expanduser()
    except RuntimeError as reason:
        raise error(f"The {called} {text} names no home folder: {reason}") from reason


def is_folder(path: Path) -> bool:
    """Return whether a path leads to a folder; False, and no error, where nobody can tell."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def why_no_file(path: Path) -> str:
    """Return why a path is no regular file that can be read, such as "it is a named pipe"; empty where it is one."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            return f"{error.strerror or error}"
        return "it is a link to what does not exist" if path.is_symlink() else NOT_THERE
    except ValueError as error:
        return str(error)
    if not stat.S_ISREG(mode):
        return f"it is {next((name for is_kind, name in _KINDS if is_kind(mode)), 'no regular file')}"
    return "" if os.access(path, os.R_OK) else "you have no permission to read it"


def advice_for(error: OSError) -> str:
    """Return what to do where the system refuses to write, by the reason that it gives."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space on that disk, or choose another one."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "You may not write there: choose another folder, or ask for the permission."
    if error.errno == errno.ENAMETOOLONG:
        return "Give it a shorter name."
    return "Check that the disk is there, and has space."


def is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one file or folder; False where one of them is not there."""
    return os.path.exists(one) and os.path.exists(other) and one.samefile(other)


def check_file(path: Path, error: type[NapariSam2Error] = ReadError) -> None:
    """Refuse what is no regular file, before it is opened.

    Raises
    ------
    NapariSam2Error
        Of the type `error`, with the reason.
    """
    why = why_no_file(path)
    if why == NOT_THERE:
        raise error(f"{path} does not exist.\nCheck the path.")
    if why:
        raise error(f"{path} cannot be read: {why}.\nGive the path of a file that you can read.")
