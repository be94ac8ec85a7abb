"""One picture per frame: what the header of a multi-frame file, or of a mosaic, says about each of its planes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io.dicom.frame import Frame
from napari_sam2.io.dicom.frame_layout import frame_interval, laid_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

# Enhanced objects say the same things under other names than single-frame ones.
_ALIASES = {
    "FrameType": "ImageType",
    "EffectiveEchoTime": "EchoTime",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "NominalCardiacTriggerDelayTime": "TriggerTime",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
    # Three-dimensional ultrasound lies in the frame of its transducer.
    "ImagePositionVolume": "ImagePositionPatient",
    "ImageOrientationVolume": "ImageOrientationPatient",
}
_IN_TRANSDUCER = "positions are in the frame of the transducer; the place in the body is unknown"
_TILES = (0x0019, 0x100A)


class MosaicError(Exception):
    """A mosaic does not say what it is made of."""


def frame_count(ds: Dataset) -> int:
    """Return the number of frames of a file; 1 for a plain one."""
    return max(1, int(ds.get("NumberOfFrames", 1) or 1))


def frames_of(ds: Dataset, lay_out: bool = True) -> Iterator[Frame]:
    """Yield every plane of a file.

    Parameters
    ----------
    ds
        The header.
    lay_out
        Work out what frames are to which the header gives no position of their own; else they have none.

    Raises
    ------
    MosaicError
        If a Siemens mosaic lacks the private elements that say how many slices it holds and where.
    """
    if is_mosaic(ds):
        yield from _tiles(ds)
    elif "PerFrameFunctionalGroupsSequence" in ds or "SharedFunctionalGroupsSequence" in ds:
        yield from _functional(ds, lay_out)
    else:
        frames = [Frame(ds, number) for number in range(frame_count(ds))]
        yield from laid_out(frames) if lay_out and len(frames) > 1 else frames


def is_mosaic(ds: Dataset) -> bool:
    """Tell whether many slices lie side by side on one sheet, as Siemens writes functional series."""
    kinds = ds.get("ImageType") or []
    return "MOSAIC" in [str(k).upper() for k in ([kinds] if isinstance(kinds, str) else kinds)]


def _functional(ds: Dataset, lay_out: bool) -> Iterator[Frame]:
    shared = _macros(ds.get("SharedFunctionalGroupsSequence"), 0)
    each = [_macros(ds.get("PerFrameFunctionalGroupsSequence"), n) for n in range(frame_count(ds))]
    frames = [Frame(ds, number, {**shared, **own}) for number, own in enumerate(each)]
    if lay_out and len(frames) > 1 and not any("ImagePositionPatient" in own for own in each):
        frames = laid_out(frames)
    elif len({tuple(own.get("ImagePositionPatient") or ()) for own in each}) == 1:
        interval = frame_interval(ds, len(frames))
        frames = [replace(frame, interval=interval) for frame in frames]
    items = [*(ds.get("SharedFunctionalGroupsSequence") or []), *(ds.get("PerFrameFunctionalGroupsSequence") or [])]
    if any("PlanePositionVolumeSequence" in item for item in items):
        frames = [replace(frame, notes=(*frame.notes, _IN_TRANSDUCER)) for frame in frames]
    yield from frames


def _macros(groups: Any, number: int) -> dict[str, Any]:
    """Return the elements of all functional groups of one item, flat; each group is a sequence of one item."""
    found: dict[str, Any] = {}
    if groups is None or number >= len(groups):
        return found
    for group in groups[number]:
        if group.VR != "SQ" or not group.value:
            continue
        for element in group.value[0]:
            if element.keyword:
                found[_ALIASES.get(element.keyword, element.keyword)] = element.value
    return found


def _tiles(ds: Dataset) -> Iterator[Frame]:
    """Yield the slices of a Siemens mosaic; the file's position is the corner of a sheet-sized slice, not of a tile."""
    if _TILES not in ds:
        raise MosaicError("it is a Siemens mosaic whose private elements (number of slices, normal) were removed")
    count = int(ds[_TILES].value)
    across = math.ceil(math.sqrt(count))
    rows, columns = int(ds.Rows) // across, int(ds.Columns) // across
    if count < 1 or rows < 1 or columns < 1 or rows * across != int(ds.Rows) or columns * across != int(ds.Columns):
        raise MosaicError(f"it is a Siemens mosaic of {ds.Rows} × {ds.Columns} that does not split into {count} slices")
    right, down = np.array(ds.ImageOrientationPatient, dtype=float).reshape(2, 3)
    between_rows, between_columns = (float(s) for s in ds.PixelSpacing)
    # The console centres the sheet where it would centre one slice.
    corner = np.array(ds.ImagePositionPatient, dtype=float)
    corner += right * between_columns * (int(ds.Columns) - columns) / 2
    corner += down * between_rows * (int(ds.Rows) - rows) / 2
    # The private normal says in which direction.
    step = _normal(ds, right, down) * abs(float(ds.get("SpacingBetweenSlices") or ds.SliceThickness))
    for index in range(count):
        y, x = index // across * rows, index % across * columns
        own = {"ImagePositionPatient": [float(v) for v in corner + index * step], "Rows": rows, "Columns": columns}
        yield Frame(ds, 0, own, (y, x, rows, columns))


def _normal(ds: Dataset, right: NDArray[np.float64], down: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the direction in which the tiles follow each other: Siemens' own normal, which may be reversed."""
    from nibabel.nicom import csareader

    try:
        header = csareader.get_csa_header(ds, "image")
        normal = None if header is None else csareader.get_slice_normal(header)
    except (csareader.CSAReadError, AssertionError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise MosaicError("it is a Siemens mosaic whose private header is damaged") from error
    if normal is None:
        raise MosaicError("it is a Siemens mosaic without the private header that says in which order its slices lie")
    across = np.cross(right, down)
    return np.asarray(across if float(np.dot(normal, across)) > 0 else -across, dtype=np.float64)
