"""What a TIFF holds as it stands there: values, axes and metadata of one image, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError
from napari_sam2.io.dtypes import native
from napari_sam2.io.tiff.completeness import DAMAGE, bits_of, check_kind, check_pages, complaints_of, incomplete
from napari_sam2.io.tiff.ome_xml import OmeImage, first_file_of, ome_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_PALETTE = 3
_XRESOLUTION = 282
_ORIENTATION = 274
_YCBCR_COEFFICIENTS = 529
_REFERENCE_BLACK_WHITE = 532


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
        with complaints_of() as complaints, _opened(path) as tiff:
            return _first_image(path, tiff, complaints)
    except tifffile.TiffFileError as error:
        raise ReadError(_reason(path, error)) from error
    except DAMAGE as error:
        raise ReadError(_reason(path, error)) from error


def read_description(path: Path) -> str:
    """Return the text in which our writer says what the labels of a TIFF are; empty where there is none."""
    import tifffile

    try:
        with complaints_of(), tifffile.TiffFile(path) as tiff:
            if tiff.ome_metadata:
                ome = ome_image(path, tiff.ome_metadata)
                return "" if ome is None else ome.description
            return str((tiff.imagej_metadata or {}).get("Info", ""))
    except (tifffile.TiffFileError, ReadError, *DAMAGE):
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
    check_kind(path, tiff, series, ome, notes)
    files = check_pages(path, series, ome, notes)
    array = native(np.asarray(series.asarray()))
    if array.size == 0:
        raise ReadError(f"{path} is damaged: its first image holds no pixels.\nCopy or download it again.")
    letters = series.axes
    if array.shape != tuple(series.shape):
        array, letters = _as_pages(path, array, series, notes)
    announced = int(np.prod((tiff.shaped_metadata or [{}])[0].get("shape", 0)))
    if announced > array.size:
        raise incomplete(path, array.size // series.keyframe.size, announced // series.keyframe.size)
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
    """Return a file of tifffile's, whose OME-XML can be replaced by `prepared`."""
    import tifffile

    class Opened(tifffile.TiffFile):  # type: ignore[misc]
        prepared: str | None = None

        @property
        def ome_metadata(self) -> str | None:
            return self.prepared or super().ome_metadata

    return Opened(path)


def _chosen(tiff: Any, notes: list[str]) -> Any:
    """Return the first series that is no small copy of another; of a set by positions, the position of this file."""
    whole = [s for s in tiff.series if not s.keyframe.is_reduced] or list(tiff.series)
    if not whole:
        raise ReadError(f"{tiff.filehandle.path} holds no image.\nIs the file whole?")
    if len(tiff.series) > 1:
        number = {0: "first", 1: "second"}.get(tiff.series.index(whole[0]), f"{tiff.series.index(whole[0]) + 1}th")
        notes.append(f"the {number} of {len(tiff.series)} series in the file was read")
    return _own_position(tiff, whole[0], notes) if whole[0].kind == "mmstack" else whole[0]


def _own_position(tiff: Any, series: Any, notes: list[str]) -> Any:
    """Of several positions of Micro-Manager the one whose planes are in this file, or the first of these."""
    import tifffile

    axes, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
    place = axes.find("R")
    if place < 0 or shape[place] == 1:
        return series
    inner = len(series.keyframe.shape)
    pages = np.empty(int(np.prod(shape[:-inner])), object)
    pages[:] = list(series)
    pages = np.moveaxis(pages.reshape(shape[:-inner]), place, 0)
    position = next(n for n, own in enumerate(pages) if any(p is not None and p.parent is tiff for p in own.flat))
    notes.append(f"position {position + 1} of {len(pages)} was read")
    return tifffile.TiffPageSeries(
        list(pages[position].flat),
        shape=shape[:place] + shape[place + 1 :],
        dtype=series.dtype,
        axes=axes[:place] + axes[place + 1 :],
        parent=tiff,
        kind="mmstack",
    )


def _as_pages(path: Path, array: NDArray[Any], series: Any, notes: list[str]) -> tuple[NDArray[Any], str]:
    """Return the pages, one after the other, where there are more of them than the description says."""
    page = series.keyframe
    if array.size < int(np.prod(series.shape)):
        raise incomplete(path, array.size // page.size, int(np.prod(series.shape)) // page.size)
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
        bits=bits_of(page),
        samples=int(page.samplesperpixel),
        planar=int(page.planarconfig or 1) == 2,
        extra_samples=tuple(int(e) for e in page.extrasamples),
        coloured_by=tables,
        luma=(page.tags.valueof(_YCBCR_COEFFICIENTS), page.tags.valueof(_REFERENCE_BLACK_WHITE)),
        orientation=int(page.tags.valueof(_ORIENTATION, default=1)),
        resolution=page.resolution if _XRESOLUTION in page.tags else None,
        resolution_unit=int(page.resolutionunit),
    )


def _reason(path: Path, error: Exception) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    remedy = (
        "Install the decoders with: pip install imagecodecs"
        if "imagecodecs" in str(error)
        else "Check that the file is a whole TIFF."
    )
    return f"{path} cannot be read as TIFF: {text}.\n{remedy}"
