"""Where the DICOM files lie: a folder with its subfolders, one file, a DICOMDIR, or a zipped folder."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
import zlib
from functools import cache
from pathlib import Path

from napari_sam2.core.paths import why_no_file
from napari_sam2.errors import ReadError
from napari_sam2.io.dicom.opening import damage, first_line, looks_like_dicom, quiet

_ROOM = 2**28


def files_of(path: Path) -> tuple[Path, list[Path], list[tuple[str, str]]]:
    """Return the files to look at.

    Parameters
    ----------
    path
        A folder, a zip archive, a DICOMDIR, or any other file.

    Returns
    -------
    root : Path
        What names are relative to; for an archive the folder to which it was unpacked.
    files : list of Path
        In a stable order.
    missing : list of (str, str)
        Name and reason of each file that a DICOMDIR promises and that is not there, and of what is no regular file.

    Raises
    ------
    ReadError
        If an archive or a DICOMDIR is damaged, or the archive does not fit on the disk.
    """
    if path.is_dir():
        return path, *_walk(path)
    if path.suffix.lower() == ".zip":
        stat = path.stat()
        root = _unpacked(path.resolve(), stat.st_mtime_ns, stat.st_size)
        return root, *_walk(root)
    if path.name.upper() == "DICOMDIR" and looks_like_dicom(path):
        files, missing = _referenced(path)
        return path.parent, files, missing
    return path.parent, [path], []


def _walk(folder: Path) -> tuple[list[Path], list[tuple[str, str]]]:
    """Return the files below a folder, and the name and the reason of each that cannot be opened."""
    files: list[Path] = []
    others: list[tuple[str, str]] = []

    def note(error: OSError) -> None:
        others.append((os.path.relpath(error.filename, folder), error.strerror or str(error)))

    for place, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in (Path(place) / name for name in sorted(names) if not name.startswith(".")):
            why = why_no_file(file)
            if why:
                others.append((str(file.relative_to(folder)), why))
            else:
                files.append(file)
    return files, others


def _referenced(path: Path) -> tuple[list[Path], list[tuple[str, str]]]:
    """Return the image files that a DICOMDIR lists; nothing outside its folder."""
    import pydicom

    try:
        with quiet():
            records = pydicom.dcmread(path).get("DirectoryRecordSequence") or []
            listed = [_parts(r.ReferencedFileID) for r in records if r.get("ReferencedFileID")]
    except damage() as error:
        raise ReadError(
            f"{path} cannot be read as a DICOMDIR: {first_line(error)}.\nOpen the folder that it stands in."
        ) from error
    root = path.parent.resolve()
    files: list[Path] = []
    missing: list[tuple[str, str]] = []
    for parts in listed:
        file = root.joinpath(*parts)
        name = "/".join(parts)
        if not file.resolve().is_relative_to(root):
            missing.append((name, "the DICOMDIR points outside its folder"))
        elif not file.is_file():
            missing.append((name, "listed in the DICOMDIR, but not there"))
        else:
            files.append(file)
    return files, missing


def _parts(file_id: object) -> list[str]:
    return [file_id] if isinstance(file_id, str) else [str(p) for p in file_id]  # type: ignore[attr-defined]


@cache
def _store() -> tempfile.TemporaryDirectory[str]:
    """Unpacked archives; kept while the program runs, because planes are read when they are looked at."""
    return tempfile.TemporaryDirectory(prefix="napari-sam2-", ignore_cleanup_errors=True)


@cache
def _unpacked(path: Path, _modified: int, _size: int) -> Path:
    try:
        with zipfile.ZipFile(path) as archive:
            needed = sum(info.file_size for info in archive.infolist())
            store = Path(_store().name)
            free = shutil.disk_usage(store).free
            if needed + _ROOM > free:
                raise ReadError(
                    f"{path} cannot be unpacked: it needs {needed / 2**20:.0f} MiB, and {free / 2**20:.0f} MiB are "
                    "free.\nUnpack it yourself where there is room, and open the folder."
                )
            folder = Path(tempfile.mkdtemp(dir=store))
            # extractall drops "..", drive letters and leading slashes of names, and checks each file's checksum.
            archive.extractall(folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, zlib.error) as error:
        reason, remedy = _why_packed(error)
        raise ReadError(f"{path} cannot be unpacked: {reason}.\n{remedy}") from error
    return folder


def _why_packed(error: Exception) -> tuple[str, str]:
    """Why an archive cannot be unpacked, and what to do about it."""
    elsewhere = "Unpack it with another program and open the folder."
    if isinstance(error, NotImplementedError):
        return first_line(error), elsewhere
    if isinstance(error, RuntimeError):
        return ("it is encrypted" if "password" in str(error) else first_line(error)), elsewhere
    if isinstance(error, OSError) and error.strerror:
        return f"the system says {error.strerror!r}", "Check the space on the disk and your permissions."
    return f"it is damaged, or no zip archive ({first_line(error)})", "Get a whole copy of it."
