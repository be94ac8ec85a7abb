"""What a TIFF holds as it stands there: values, axes and metadata of one image, whole or not at all.

tifffile fills what is missing from a file with zeros, or gives the planes that it has; here that is an error.
"""

from __future__ import annotations

import logging
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError
from napari_sam2.io._ome_tiff import OmeImage, first_file_of, ome_image
from napari_sam2.io._values import native

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

_PALETTE = 3
_XRESOLUTION = 282
_ORIENTATION = 274
_YCBCR_COEFFICIENTS = 529
_REFERENCE_BLACK_WHITE = 532

# What tifffile raises on damaged files, besides its own error.
_DAMAGE: tuple[type[Exception], ...] = (
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


@dataclass(frozen=True)
class PageFacts:
    """What the tags of the first page say about all pages of an image.

    Parameters
    ----------
    photometric, compression, bits, samples
        As in the tags; `samples` is the number of values per pixel.
    extra_samples
        What the last values of a pixel are: 1 and 2 are alpha, 0 is not said.
    coloured_by
        Of a palette, the table ``(3, n) uint16`` of each page, or one for all.
    luma
        Of YCbCr, coefficients and reference values where the file has them.
    orientation
        1 where the first row is at the top and the first column at the left.
    resolution
        Pixels per unit along x and y; None where the file does not say it.
    resolution_unit
        1 none, 2 inch, 3 centimetre.
    """

    photometric: int
    compression: int
    bits: int
    samples: int
    planar: bool
    extra_samples: tuple[int, ...]
    coloured_by: tuple[NDArray[Any], ...]
    luma: tuple[Any, Any]
    orientation: int
    resolution: tuple[float, float] | None
    resolution_unit: int


@dataclass(frozen=True)
class StoredTiff:
    """One image of a TIFF as it is stored.

    Parameters
    ----------
    array
        The values, in native byte order.
    letters
        tifffile's letter of each axis; ``S`` are the values of a pixel.
    files
        All files that the image lies in.
    page
        What the tags say.
    ome, imagej, micromanager
        The metadata of these programs, where there are any.
    notes
        What was assumed and left out.
    """

    array: NDArray[Any]
    letters: str
    files: tuple[Path, ...]
    page: PageFacts
    ome: OmeImage | None
    imagej: Mapping[str, Any] | None
    micromanager: Mapping[str, Any] | None
    notes: tuple[str, ...]


def read_stored(path: Path) -> StoredTiff:
    """Read the first image of a TIFF, of a set of OME-TIFF files, or of a ``.companion.ome`` file.

    Raises
    ------
    ReadError
        If the file is damaged, or planes of the image are missing from it, or files from its set.
    """
    import tifffile

    if path.name.lower().endswith(".ome"):
        stored = read_stored(first_file_of(path))
        return replace(stored, files=(path, *stored.files))
    try:
        with _complaints() as complaints, _opened(path) as tiff:
            return _first_image(path, tiff, complaints)
    except tifffile.TiffFileError as error:
        raise ReadError(_reason(path, error)) from error
    except _DAMAGE as error:
        raise ReadError(_reason(path, error)) from error


def read_description(path: Path) -> str:
    """Return the text in which our writer says what the labels of a TIFF are; empty where there is none."""
    import tifffile

    try:
        with _complaints(), tifffile.TiffFile(path) as tiff:
            if tiff.ome_metadata:
                ome = ome_image(path, tiff.ome_metadata)
                return "" if ome is None else ome.description
            return str((tiff.imagej_metadata or {}).get("Info", ""))
    except (tifffile.TiffFileError, ReadError, *_DAMAGE):
        # Whoever opens it as an image is told what is wrong with it.
        return ""


def _first_image(path: Path, tiff: Any, complaints: list[str]) -> StoredTiff:
    notes: list[str] = []
    ome = ome_image(path, tiff.ome_metadata) if tiff.ome_metadata else None
    if ome is not None:
        tiff.prepared = ome.xml
        notes += ome.notes
    elif tiff.ome_metadata:
        notes.append("the OME metadata are damaged and were not used")
    series = _chosen(tiff, notes)
    if any("invalid page offset" in c for c in complaints):
        raise ReadError(f"{path} is damaged: its chain of pages is broken.\nCopy or download it again.")
    _check_kind(path, tiff, series, ome, notes)
    files = _check_pages(path, series, ome, notes)
    array = native(np.asarray(series.asarray()))
    if array.size == 0:
        raise ReadError(f"{path} is damaged: its first image holds no pixels.\nCopy or download it again.")
    letters = series.axes
    if array.shape != tuple(series.shape):
        array, letters = _as_pages(path, array, series, notes)
    announced = int(np.prod((tiff.shaped_metadata or [{}])[0].get("shape", 0)))
    if announced > array.size:
        raise _incomplete(path, array.size // series.keyframe.size, announced // series.keyframe.size)
    micromanager = tiff.micromanager_metadata if tiff.is_micromanager else None
    return StoredTiff(
        array=array,
        letters=letters,
        files=files,
        page=_facts(series),
        ome=ome,
        imagej=tiff.imagej_metadata,
        micromanager=micromanager,
        notes=tuple(notes),
    )


def _opened(path: Path) -> Any:
    """A file of tifffile's, whose OME-XML can be replaced by `prepared`."""
    import tifffile

    class Opened(tifffile.TiffFile):  # type: ignore[misc]
        prepared: str | None = None

        @property
        def ome_metadata(self) -> str | None:
            return self.prepared or super().ome_metadata

    return Opened(path)


def _chosen(tiff: Any, notes: list[str]) -> Any:
    """The first series that is no small copy of another one; of a set by positions, the position of this file."""
    whole = [s for s in tiff.series if not s.keyframe.is_reduced] or list(tiff.series)
    if not whole:
        raise ReadError(f"{tiff.filehandle.path} holds no image.\nIs the file whole?")
    if len(tiff.series) > 1:
        number = {0: "first", 1: "second"}.get(tiff.series.index(whole[0]), f"{tiff.series.index(whole[0]) + 1}th")
        notes.append(f"the {number} of {len(tiff.series)} series in the file was read")
    return whole[0]


def _check_kind(path: Path, tiff: Any, series: Any, ome: OmeImage | None, notes: list[str]) -> None:
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


def _check_pages(path: Path, series: Any, ome: OmeImage | None, notes: list[str]) -> tuple[Path, ...]:
    """The files that an image lies in; an error where one of its planes, or a part of it, is in none of them."""
    size = series.keyframe.parent.filehandle.size
    if series.dataoffset is not None:
        if series.dataoffset + series.nbytes > size:
            raise ReadError(f"{path} is damaged: it ends before its last image.\nCopy or download it again.")
        return (path,)
    # Pixels of 1, 10 or 12 bits are packed in the file.
    needed = int(np.prod(series.shape)) * _bits(series.keyframe) // 8
    pages = []
    sizes = {path.resolve(): size}
    try:
        for page in series:
            pages.append(page)
            if page is not None:
                sizes[Path(page.parent.filehandle.path).resolve()] = page.parent.filehandle.size
    except IndexError as error:
        raise _incomplete(path, len(pages), len(series)) from error
    if any(p is None for p in pages):
        _check_files(path, () if ome is None else ome.files)
        raise _incomplete(path, sum(p is not None for p in pages), len(pages))
    if int(series.keyframe.compression) == 1 and needed > sum(sizes.values()):
        raise ReadError(f"{path} is damaged: it ends before its last image.\nCopy or download it again.")
    _check_parts(path, pages, series.keyframe, notes)
    return (path, *(place for place in sizes if place != path.resolve()))


def _check_files(path: Path, names: tuple[str, ...]) -> None:
    """Name the file of a set that tifffile could not open."""
    import tifffile

    for name in names:
        try:
            with _complaints(), tifffile.TiffFile(path.parent / name) as tiff:
                _ = tiff.pages[0]
        except (tifffile.TiffFileError, *_DAMAGE) as error:
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


def _incomplete(path: Path, present: int, announced: int) -> ReadError:
    return ReadError(
        f"{path} is incomplete: {announced - present} of the {announced} planes that it announces are missing.\n"
        "Copy it again; if the recording was stopped, save the part that is there as a file of its own."
    )


def _as_pages(path: Path, array: NDArray[Any], series: Any, notes: list[str]) -> tuple[NDArray[Any], str]:
    """The pages, one after the other, where there are more of them than the description says."""
    page = series.keyframe
    if array.size < int(np.prod(series.shape)):
        raise _incomplete(path, array.size // page.size, int(np.prod(series.shape)) // page.size)
    array = array.reshape(-1, *page.shape)
    notes.append(f"the file describes an image of shape {tuple(series.shape)}, but its {len(array)} pages were read")
    return array, f"I{page.axes}"


def _facts(series: Any) -> PageFacts:
    page = series.keyframe
    tables: tuple[Any, ...] = ()
    if int(page.photometric) == _PALETTE and page.colormap is not None:
        tables = (np.asarray(page.colormap),)
        if series.dataoffset is None and len(series) > 1:
            each = [p.aspage().colormap for p in series]
            if any(t is not None and not np.array_equal(t, tables[0]) for t in each):
                tables = tuple(tables[0] if t is None else np.asarray(t) for t in each)
    return PageFacts(
        photometric=int(page.photometric),
        compression=int(page.compression),
        bits=_bits(page),
        samples=int(page.samplesperpixel),
        planar=int(page.planarconfig or 1) == 2,
        extra_samples=tuple(int(e) for e in page.extrasamples),
        coloured_by=tables,
        luma=(page.tags.valueof(_YCBCR_COEFFICIENTS), page.tags.valueof(_REFERENCE_BLACK_WHITE)),
        orientation=int(page.tags.valueof(_ORIENTATION, default=1)),
        resolution=page.resolution if _XRESOLUTION in page.tags else None,
        resolution_unit=int(page.resolutionunit),
    )


def _bits(page: Any) -> int:
    bits: Any = page.bitspersample
    return int(max(bits) if isinstance(bits, tuple) else bits)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What tifffile logs meanwhile: it reports a file that was cut short there, and returns fewer pages."""
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


def _reason(path: Path, error: Exception) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    remedy = (
        "Install the decoders with: pip install imagecodecs"
        if "imagecodecs" in str(error)
        else "Check that the file is a whole TIFF."
    )
    return f"{path} cannot be read as TIFF: {text}.\n{remedy}"
