"""Whether a TIFF has all that its metadata announce: tifffile fills what is missing with zeros, here it is an error."""

from __future__ import annotations

import logging
import struct
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_sam2.io.tiff.ome_xml import OmeImage

# What tifffile raises on damaged files, besides its own error.
DAMAGE: tuple[type[Exception], ...] = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    OSError,
    RuntimeError,
    struct.error,
    zlib.error,
)


def check_kind(path: Path, tiff: Any, series: Any, ome: OmeImage | None, notes: list[str]) -> None:
    """See that the metadata which say how many planes there are were understood."""
    if ome is not None and series.kind not in ("ome", "mmstack", "ndtiff"):
        if ome.files:
            raise ReadError(
                f"{path} cannot be read: its OME metadata do not fit the planes of its {len(ome.files) + 1} files.\n"
                "Copy the files again, or convert them with Bio-Formats."
            )
        notes.append("the OME metadata do not fit the planes in the file; its axes were not taken from them")
    if ome is not None and series.kind == "ome" and ome.alone and len(tiff.pages) > len(series):
        notes.append(f"the file holds {len(tiff.pages)} planes, of which its metadata name {len(series)}")
    if tiff.is_imagej and series.kind not in ("imagej", "ome", "mmstack", "ndtiff", "shaped"):
        about = tiff.imagej_metadata or {}
        announced = int(about.get("images", 1))
        if announced > len(tiff.pages):
            raise ReadError(
                f"{path} is damaged: it announces {announced} planes but ends before the last.\n"
                "Copy or download it again."
            )
    if series.kind == "mmstack":
        summary = (tiff.micromanager_metadata or {}).get("Summary", {})
        sizes = dict(zip(series.get_axes(squeeze=False), series.get_shape(squeeze=False), strict=True))
        for axis, key, name in (
            ("T", "Frames", "time points"),
            ("Z", "Slices", "slices"),
            ("C", "Channels", "channels"),
        ):
            announced = int(summary.get(key, 1))
            if sizes.get(axis, 1) < announced:
                notes.append(
                    f"the file holds {sizes.get(axis, 1)} of {announced} {name} of its set; where the others are "
                    "in further files, these are missing beside it"
                )


def check_pages(path: Path, series: Any, ome: OmeImage | None, notes: list[str]) -> tuple[Path, ...]:
    """Return the files of an image; raise a ReadError where a plane of it, or a part of one, is in none of them."""
    size = series.keyframe.parent.filehandle.size
    if series.dataoffset is not None:
        if series.dataoffset + series.nbytes > size:
            raise ReadError(f"{path} is damaged: it ends before its last image.\nCopy or download it again.")
        return (path,)
    # Pixels of 1, 10 or 12 bits are packed in the file.
    needed = int(np.prod(series.shape)) * bits_of(series.keyframe) // 8
    pages = []
    sizes = {path.resolve(): size}
    try:
        for page in series:
            pages.append(page)
            if page is not None:
                sizes[Path(page.parent.filehandle.path).resolve()] = page.parent.filehandle.size
    except IndexError as error:
        raise incomplete(path, len(pages), len(series)) from error
    if any(p is None for p in pages):
        _check_files(path, () if ome is None else ome.files)
        raise incomplete(path, sum(p is not None for p in pages), len(pages))
    if int(series.keyframe.compression) == 1 and needed > sum(sizes.values()):
        raise ReadError(f"{path} is damaged: it ends before its last image.\nCopy or download it again.")
    _check_parts(path, pages, series.keyframe, notes)
    return (path, *(place for place in sizes if place != path.resolve()))


def _check_files(path: Path, names: tuple[str, ...]) -> None:
    """Name the file of a set that tifffile could not open."""
    import tifffile

    for name in names:
        try:
            with complaints_of(), tifffile.TiffFile(path.parent / name) as tiff:
                _ = tiff.pages[0]
        except (tifffile.TiffFileError, *DAMAGE) as error:
            raise ReadError(
                f"{path} cannot be read: {name}, which holds a part of the image, is damaged ({error}).\n"
                "Copy or download it again."
            ) from error


def _check_parts(path: Path, pages: list[Any], first: Any, notes: list[str]) -> None:
    """See that the pages are of one kind, and that every strip or tile of them lies inside its file."""
    empty = 0
    tiled = first.is_tiled
    for number, page in enumerate(pages):
        name = Path(page.parent.filehandle.path).name
        if page.shape != first.shape or page.dtype != first.dtype:
            raise ReadError(
                f"{path} cannot be read: its planes in {name} are {page.shape} {page.dtype}, the others "
                f"{first.shape} {first.dtype}.\nIs it a file of another image?"
            )
        counts, offsets = page.databytecounts, page.dataoffsets
        absent = sum(1 for count, offset in zip(counts, offsets, strict=False) if count == 0 or offset == 0)
        if len(offsets) < int(np.prod(page.chunked)) or absent == len(offsets) or (absent and not tiled):
            which = "its first image" if len(pages) == 1 else f"plane {number + 1}"
            raise ReadError(f"{path} is damaged: parts of {which} are missing.\nCopy or download it again.")
        empty += absent
        if max(o + c for o, c in zip(offsets, counts, strict=False)) > page.parent.filehandle.size:
            raise ReadError(
                f"{path} is damaged: {name} ends before the last of its images.\nCopy or download it again."
            )
    if empty:
        notes.append(f"{empty} tiles are left empty in the file and are zero")


def incomplete(path: Path, present: int, announced: int) -> ReadError:
    """Return the error of a file that has fewer planes than it announces."""
    return ReadError(
        f"{path} is incomplete: {announced - present} of the {announced} planes that it announces are missing.\n"
        "Copy it again; if the recording was stopped, save the part that is there as a file of its own."
    )


def bits_of(page: Any) -> int:
    """Return the bits of the widest sample of a page."""
    bits: Any = page.bitspersample
    return int(max(bits) if isinstance(bits, tuple) else bits)


@contextmanager
def complaints_of() -> Iterator[list[str]]:
    """Collect what tifffile logs meanwhile: there it reports a file that was cut short, and returns fewer pages."""
    found: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    listener = Listener(logging.ERROR)
    logger = logging.getLogger("tifffile")
    logger.addHandler(listener)
    try:
        yield found
    finally:
        logger.removeHandler(listener)
