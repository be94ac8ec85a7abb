"""One DICOM file: the facts of its header that a stack needs, and its pixels in the unit of the image."""

from __future__ import annotations

import logging
import struct
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io._values import native, rescaled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import FileDataset

_log = logging.getLogger(__name__)

# What pydicom raises on damaged files, besides its own InvalidDicomError; there is no common base.
_DAMAGE: tuple[type[Exception], ...] = (
    AttributeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    RuntimeError,  # NotImplementedError too: a missing decoder
    OSError,
    EOFError,
    struct.error,
    MemoryError,
    OverflowError,
)
_NO_PICTURES = ("RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "SR", "PR", "KO", "SEG", "REG", "RWV", "ECG", "FID")


class SkipFile(Exception):
    """The file is no slice of a volume; the text is the reason, for ``source.skipped``."""


class UndecodableError(Exception):
    """The pixels of a file cannot be decoded; `install` says whether a decoder is missing."""

    def __init__(self, reason: str, install: bool = False) -> None:
        super().__init__(reason)
        self.install = install


@dataclass(frozen=True)
class SliceFacts:
    """The header of one image file, in the terms of a stack.

    `position` and `orientation` are ImagePositionPatient (mm, patient LPS) and ImageOrientationPatient (row
    direction, then column direction); `pixel_spacing` is (between rows, between columns) in mm; `window` is
    (low, high) after rescaling and before any inversion.
    """

    path: Path
    series_uid: str
    study_uid: str
    frame_of_reference_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    description: str
    modality: str
    rows: int
    columns: int
    frames: int
    obstacle: str
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, float] | None
    detector_spacing: bool
    thickness: float | None
    instance_number: int
    temporal_position: int | None
    temporal_positions: int | None
    trigger_time: float | None
    acquisition_time: str
    kind: tuple[str, ...]
    window: tuple[float, float] | None
    is_hu: bool


@contextmanager
def quiet() -> Iterator[None]:
    """Header oddities that pydicom warns about are the rule in the field, not news for a user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def looks_like_dicom(path: Path) -> bool:
    """Whether the file has the DICOM prefix, or starts like a data set that lost it."""
    try:
        with path.open("rb") as stream:
            head = stream.read(132)
    except OSError:
        return False
    # Without a preamble: group 2 or 8, little endian, with a low element number.
    return head[128:132] == b"DICM" or (len(head) > 8 and head[0] in (2, 8) and head[1] == 0 and head[3] == 0)


def read_facts(path: Path) -> SliceFacts:
    """The facts of one file, without its pixels.

    Raises
    ------
    SkipFile
        If the file is not DICOM, is damaged, or holds no slice.
    """
    import pydicom

    if not looks_like_dicom(path):
        raise SkipFile("not DICOM")
    try:
        with quiet():
            dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            return _facts(path, dataset)
    except _damage() as error:
        raise SkipFile(f"damaged header: {first_line(error)}") from error


def _damage() -> tuple[type[Exception], ...]:
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (*_DAMAGE, InvalidDicomError, BytesLengthException)


def first_line(error: BaseException) -> str:
    """An exception's text in one line, without the details that follow, or its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    # pydicom announces a list of decoders with a colon; its first entry is the reason.
    text = f"{lines[0]} {lines[1]}" if lines[0].endswith(":") and len(lines) > 1 else lines[0]
    return text.rstrip(".:")


def _facts(path: Path, ds: FileDataset) -> SliceFacts:
    modality = _text(ds, "Modality")
    sop_class = ds.get("SOPClassUID") or getattr(ds.file_meta, "MediaStorageSOPClassUID", None) or ""
    class_name = getattr(sop_class, "name", "")
    if modality in _NO_PICTURES or "Segmentation" in class_name or "DIRECTORY" in class_name.upper():
        raise SkipFile(f"{modality or class_name}, not an image")
    if "DirectoryRecordSequence" in ds:
        raise SkipFile("DICOMDIR, not an image")
    if "Rows" not in ds or "Columns" not in ds:
        # An image class without its size is a broken image; anything else never was one.
        broken = "Columns" in ds or "Rows" in ds or "BitsAllocated" in ds
        raise SkipFile("damaged image: Rows or Columns is missing" if broken else "not an image")
    if int(ds.get("SamplesPerPixel", 1) or 1) != 1 or _text(ds, "PhotometricInterpretation") == "PALETTE COLOR":
        raise SkipFile("colour picture, not a grey slice")
    spacing = _floats(ds, "PixelSpacing", 2)
    detector = _floats(ds, "ImagerPixelSpacing", 2) if spacing is None else None
    return SliceFacts(
        path=path,
        series_uid=_text(ds, "SeriesInstanceUID"),
        study_uid=_text(ds, "StudyInstanceUID"),
        frame_of_reference_uid=_text(ds, "FrameOfReferenceUID"),
        sop_class_uid=str(sop_class),
        sop_instance_uid=_text(ds, "SOPInstanceUID"),
        description=_text(ds, "SeriesDescription"),
        modality=modality,
        rows=int(ds.Rows),
        columns=int(ds.Columns),
        frames=int(ds.get("NumberOfFrames", 1) or 1),
        obstacle=_obstacle(ds, class_name),
        position=_floats(ds, "ImagePositionPatient", 3),
        orientation=_orientation(ds),
        pixel_spacing=_positive_pair(spacing or detector),
        detector_spacing=detector is not None,
        thickness=_number(ds, "SliceThickness"),
        instance_number=int(_number(ds, "InstanceNumber") or 0),
        temporal_position=_integer(ds, "TemporalPositionIdentifier"),
        temporal_positions=_integer(ds, "NumberOfTemporalPositions"),
        trigger_time=_number(ds, "TriggerTime"),
        acquisition_time=_text(ds, "AcquisitionTime"),
        kind=_kind(ds),
        window=_window(ds),
        is_hu=modality == "CT" and "RescaleIntercept" in ds and _text(ds, "RescaleType").upper() in ("", "HU"),
    )


def _obstacle(ds: FileDataset, class_name: str) -> str:
    if int(ds.get("NumberOfFrames", 1) or 1) > 1 or class_name.startswith(("Enhanced", "Legacy Converted")):
        return f"it is a multi-frame file ({int(ds.get('NumberOfFrames', 1) or 1)} frames in one), not yet supported"
    if "MOSAIC" in [str(v).upper() for v in _values(ds, "ImageType")]:
        return "it is a Siemens mosaic (many slices on one sheet), not yet supported"
    return ""


def _kind(ds: FileDataset) -> tuple[str, ...]:
    # Images at one position that differ in these are different pictures, not time points.
    image_type = "/".join(str(v) for v in _values(ds, "ImageType"))
    return image_type, _text(ds, "EchoTime"), _text(ds, "DiffusionBValue")


def _orientation(ds: FileDataset) -> tuple[float, ...] | None:
    values = _floats(ds, "ImageOrientationPatient", 6)
    if values is None:
        return None
    row, column = np.array(values[:3]), np.array(values[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not np.allclose(lengths, 1.0, atol=1e-2) or abs(float(row @ column)) > 1e-2:
        return None
    return values


def _window(ds: FileDataset) -> tuple[float, float] | None:
    centres, widths = _values(ds, "WindowCenter"), _values(ds, "WindowWidth")
    if not centres or not widths:
        return None
    centre, width = float(centres[0]), float(widths[0])
    if not (np.isfinite(centre) and np.isfinite(width)) or width <= 1.0:
        return None
    return centre - width / 2, centre + width / 2


def _values(ds: FileDataset, keyword: str) -> list[Any]:
    value = ds.get(keyword)
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def _text(ds: FileDataset, keyword: str) -> str:
    value = ds.get(keyword)
    return "" if value is None else str(value).strip()


def _floats(ds: FileDataset, keyword: str, count: int) -> tuple[float, ...] | None:
    values = [float(v) for v in _values(ds, keyword) if v not in (None, "")]
    return tuple(values) if len(values) == count and np.isfinite(values).all() else None


def _positive_pair(values: tuple[float, ...] | None) -> tuple[float, float] | None:
    return (values[0], values[1]) if values is not None and min(values) > 0 else None


def _number(ds: FileDataset, keyword: str) -> float | None:
    values = _values(ds, keyword)
    return float(values[0]) if values and values[0] not in (None, "") else None


def _integer(ds: FileDataset, keyword: str) -> int | None:
    value = _number(ds, keyword)
    return None if value is None else int(value)


@dataclass(frozen=True)
class Pixels:
    """One decoded slice: `plane` (rows, columns), padding in its values, and the inversion that was made.

    Where `mirror` is a number, the file was MONOCHROME1 and every value v of it became mirror - v.
    """

    plane: NDArray[Any]
    padding: float | None
    mirror: float | None
    notes: tuple[str, ...] = ()


def read_pixels(path: Path) -> Pixels:
    """Decode one single-frame file: rescaled by its own header, bright is bright.

    Raises
    ------
    UndecodableError
        If the file is truncated, damaged, or compressed in a way that nothing installed decodes.
    """
    import pydicom

    try:
        with quiet():
            dataset = pydicom.dcmread(path, force=True)
            if "PixelData" not in dataset and "FloatPixelData" not in dataset:
                raise UndecodableError("it holds no pixel data")
            return _pixels(dataset)
    except _damage() as error:
        install = _needs_decoder(error)
        raise UndecodableError(first_line(error), install=install) from error


def _needs_decoder(error: Exception) -> bool:
    text = str(error).lower()
    return "missing dependencies" in text or "plugins are missing" in text or "unable to decompress" in text


def _pixels(ds: FileDataset) -> Pixels:
    from pydicom.pixels.processing import apply_modality_lut

    stored = native(np.asarray(ds.pixel_array))
    if stored.ndim != 2:
        raise UndecodableError(f"its pixels have the shape {stored.shape}, not (rows, columns)")
    notes = []
    if "ModalityLUTSequence" in ds and ds.ModalityLUTSequence:
        plane = native(np.asarray(apply_modality_lut(stored, ds)))
        slope, intercept, padding = 1.0, 0.0, None
        notes.append("values were mapped by the file's modality look-up table")
        ends = float(plane.min()), float(plane.max())
    else:
        slope, intercept = _number(ds, "RescaleSlope") or 1.0, _number(ds, "RescaleIntercept") or 0.0
        plane = rescaled(stored, slope, intercept)
        padding = _number(ds, "PixelPaddingValue")
        padding = None if padding is None else float(slope * padding + intercept)
        ends = _ends(ds, slope, intercept)
    if "VOILUTSequence" in ds and ds.VOILUTSequence:
        notes.append("the file's VOI look-up table (a display curve) was not applied")
    if (0x6000, 0x3000) in ds:
        notes.append("the file's overlay (drawings on the picture) is not shown")
    if _text(ds, "PhotometricInterpretation") != "MONOCHROME1":
        return Pixels(plane, padding, None, tuple(notes))
    mirror = ends[0] + ends[1]
    wide = plane.astype(np.int64 if plane.dtype.kind in "iu" else np.float64)
    turned = rescaled(wide, -1.0, mirror)
    # Mirrored about the middle of the stored range, unsigned values stay in their type.
    if slope == 1.0 and intercept == 0.0 and plane.dtype.kind == "u":
        turned = turned.astype(plane.dtype)
    return Pixels(turned, None if padding is None else mirror - padding, mirror, tuple(notes))


def _ends(ds: FileDataset, slope: float, intercept: float) -> tuple[float, float]:
    bits = int(ds.get("BitsStored") or ds.get("BitsAllocated") or 16)
    signed = int(ds.get("PixelRepresentation") or 0) == 1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return slope * low + intercept, slope * high + intercept
