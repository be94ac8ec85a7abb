"""The facts of a DICOM file's header that a stack needs, plane by plane."""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io._dicom_frames import Frame, MosaicError, frame_count, frames_of
from napari_sam2.io._dicom_values import StoredPixels, stored_pixels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset, FileDataset

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
    zlib.error,
    MemoryError,
    OverflowError,
)
_NO_PICTURES = ("RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "SR", "PR", "KO", "SEG", "REG", "RWV", "ECG", "FID")
# More than this in one file is a damaged or hostile header, not a picture that anyone could look at.
_MOST_BYTES = 2**36
_MOST_INFLATED = 2**30


class SkipFile(Exception):
    """The file is no slice of a volume; the text is the reason, for ``source.skipped``."""


@dataclass(frozen=True)
class SliceFacts:
    """What the header says about one plane of a file, in the terms of a stack.

    `frame` is its index among the file's `frames`, `tile` its place on a mosaic. `position` and `orientation` are
    ImagePositionPatient (mm, patient LPS) and ImageOrientationPatient (row direction, then column direction);
    `pixel_spacing` is (between rows, between columns) in mm; `window` is (low, high) after rescaling and before
    any inversion; `frame_interval` is in seconds. `ends_early` tells that the file is shorter than its
    uncompressed pixels.
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
    frame: int
    frames: int
    tile: tuple[int, int, int, int] | None
    obstacle: str
    ends_early: bool
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
    frame_interval: float | None
    kind: tuple[str, ...]
    window: tuple[float, float] | None
    is_hu: bool
    stored: StoredPixels

    @property
    def is_colour(self) -> bool:
        """Whether the plane has three colours to a pixel."""
        return self.stored.colours == 3

    @property
    def name(self) -> str:
        """The file's name, with the number of the frame where there are several."""
        name = self.path.name if len(self.path.name) <= 40 else f"…{self.path.name[-38:]}"
        return f"{name} frame {self.frame + 1}" if self.frames > 1 else name


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


def read_facts(path: Path) -> list[SliceFacts]:
    """The facts of each plane of one file, without its pixels.

    Raises
    ------
    SkipFile
        If the file is not DICOM, is damaged, or holds no slice.
    """
    import pydicom

    if not looks_like_dicom(path):
        raise SkipFile("not DICOM")
    try:
        refuse_bomb(path)
        with quiet():
            with path.open("rb") as stream:
                dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
                # The reader stands before the pixel data; tag and length take at least eight bytes of the rest.
                left = path.stat().st_size - stream.tell() - 8
            return _facts(path, dataset, left)
    except damage() as error:
        raise SkipFile(f"damaged header: {first_line(error)}") from error


def refuse_bomb(path: Path) -> None:
    """Refuse a deflated file that would blow up when it is read, before it is parsed.

    Raises
    ------
    SkipFile
        If it inflates to more than a gibibyte.
    """
    from pydicom.filereader import read_file_meta_info

    with path.open("rb") as stream:
        # Prefix, then the group length of the file meta information: only such files can be deflated.
        head = stream.read(144)
        if head[128:136] != b"DICM\x02\0\0\0":
            return
        if str(read_file_meta_info(path).get("TransferSyntaxUID", "")) != "1.2.840.10008.1.2.1.99":
            return
        stream.seek(144 + int.from_bytes(head[140:144], "little"))
        inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while (chunk := inflater.unconsumed_tail or stream.read(2**16)) and not inflater.eof:
            size += len(inflater.decompress(chunk, 2**22))
            if size > _MOST_INFLATED:
                raise SkipFile("it inflates to more than 1 GiB")


def damage() -> tuple[type[Exception], ...]:
    """What pydicom raises on damaged files."""
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


def _facts(path: Path, ds: FileDataset, left: int) -> list[SliceFacts]:
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
    if not ds.get("Rows") or not ds.get("Columns"):
        raise SkipFile("damaged image: Rows or Columns is zero")
    needed = _pixel_bytes(ds)
    plain = not _is_compressed(ds)
    if needed > _MOST_BYTES or (plain and needed > 8 * left + 2**20):
        raise SkipFile(f"damaged header: it promises {needed / 2**20:.0f} MiB of pixels, the file does not hold them")
    obstacle = _obstacle(ds)
    try:
        frames = list(frames_of(ds)) if not obstacle else [Frame(ds)]
    except MosaicError as error:
        frames, obstacle = [Frame(ds)], str(error)
    return [_slice(path, ds, frame, str(sop_class), obstacle, plain and needed > left) for frame in frames]


def _pixel_bytes(ds: FileDataset) -> int:
    """Bytes of the pixels once they are not compressed."""
    bits = int(ds.get("SamplesPerPixel") or 1) * int(ds.get("BitsAllocated") or 16)
    if _text(ds, "PhotometricInterpretation") == "YBR_FULL_422":
        # Two pixels share their colours.
        bits = bits * 2 // 3
    return frame_count(ds) * int(ds.Rows) * int(ds.Columns) * bits // 8


def _is_compressed(ds: FileDataset) -> bool:
    syntax = getattr(ds.file_meta, "TransferSyntaxUID", None)
    return bool(syntax and (syntax.is_compressed or syntax.is_deflated))


def _slice(path: Path, ds: FileDataset, frame: Frame, sop_class: str, obstacle: str, ends_early: bool) -> SliceFacts:
    modality = _text(ds, "Modality")
    spacing = _floats(frame, "PixelSpacing", 2)
    detector = _floats(frame, "ImagerPixelSpacing", 2) if spacing is None else None
    interval = _number(ds, "FrameTime") if frame.dataset is ds and frame_count(ds) > 1 else None
    return SliceFacts(
        path=path,
        series_uid=_text(ds, "SeriesInstanceUID"),
        study_uid=_text(ds, "StudyInstanceUID"),
        frame_of_reference_uid=_text(ds, "FrameOfReferenceUID"),
        sop_class_uid=sop_class,
        sop_instance_uid=_text(ds, "SOPInstanceUID"),
        description=_text(ds, "SeriesDescription"),
        modality=modality,
        rows=int(frame.get("Rows")),
        columns=int(frame.get("Columns")),
        frame=frame.number,
        frames=frame_count(ds),
        tile=frame.tile,
        obstacle=obstacle,
        ends_early=ends_early,
        position=_floats(frame, "ImagePositionPatient", 3),
        orientation=_orientation(frame),
        pixel_spacing=_positive_pair(spacing or detector or _ultrasound_spacing(ds)),
        detector_spacing=detector is not None,
        thickness=_number(frame, "SliceThickness"),
        instance_number=int(_number(ds, "InstanceNumber") or 0),
        temporal_position=_integer(frame, "TemporalPositionIdentifier"),
        temporal_positions=_integer(ds, "NumberOfTemporalPositions"),
        trigger_time=_number(frame, "TriggerTime"),
        acquisition_time=_text(frame, "AcquisitionTime"),
        frame_interval=interval / 1000 if interval and interval > 0 else None,
        kind=_kind(frame),
        window=_window(frame),
        is_hu=modality == "CT" and "RescaleIntercept" in frame and _text(frame, "RescaleType").upper() in ("", "HU"),
        stored=stored_pixels(frame),
    )


def _ultrasound_spacing(ds: Dataset) -> tuple[float, float] | None:
    """Millimetres between rows and columns of an ultrasound picture, where its tissue regions agree in them."""
    regions = ds.get("SequenceOfUltrasoundRegions") or []
    # 3 is the centimetre, 1 a picture of tissue (others are curves of motion or flow).
    tissue = [r for r in regions if r.get("RegionSpatialFormat") == 1 and r.get("PhysicalUnitsXDirection") == 3]
    deltas = {(_number(r, "PhysicalDeltaY"), _number(r, "PhysicalDeltaX")) for r in tissue}
    if len(deltas) != 1:
        return None
    rows, columns = deltas.pop()
    return None if rows is None or columns is None else (abs(rows) * 10, abs(columns) * 10)


def _obstacle(ds: FileDataset) -> str:
    if "SliceVector" in ds and "PerFrameFunctionalGroupsSequence" not in ds:
        return "it is a nuclear medicine file whose frames carry no positions of their own"
    if ds.get("TotalPixelMatrixColumns") and frame_count(ds) > 1:
        return "it is a tiled whole-slide image"
    return ""


def _kind(ds: Frame) -> tuple[str, ...]:
    # Images at one position that differ in these are different pictures, not time points.
    image_type = "/".join(str(v) for v in _values(ds, "ImageType"))
    return image_type, _text(ds, "EchoTime"), _text(ds, "DiffusionBValue")


def _orientation(ds: Frame) -> tuple[float, ...] | None:
    values = _floats(ds, "ImageOrientationPatient", 6)
    if values is None:
        return None
    row, column = np.array(values[:3]), np.array(values[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not np.allclose(lengths, 1.0, atol=1e-2) or abs(float(row @ column)) > 1e-2:
        return None
    return values


def _window(ds: Frame) -> tuple[float, float] | None:
    centres, widths = _values(ds, "WindowCenter"), _values(ds, "WindowWidth")
    if not centres or not widths:
        return None
    centre, width = float(centres[0]), float(widths[0])
    if not (np.isfinite(centre) and np.isfinite(width)) or width <= 1.0:
        return None
    return centre - width / 2, centre + width / 2


def _values(ds: Frame | Dataset, keyword: str) -> list[Any]:
    value = ds.get(keyword)
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def _text(ds: Frame | Dataset, keyword: str) -> str:
    value = ds.get(keyword)
    return "" if value is None else str(value).strip()


def _floats(ds: Frame | Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    values = [float(v) for v in _values(ds, keyword) if v not in (None, "")]
    return tuple(values) if len(values) == count and np.isfinite(values).all() else None


def _positive_pair(values: tuple[float, ...] | None) -> tuple[float, float] | None:
    return (values[0], values[1]) if values is not None and min(values) > 0 else None


def _number(ds: Frame | Dataset, keyword: str) -> float | None:
    values = _values(ds, keyword)
    return float(values[0]) if values and values[0] not in (None, "") else None


def _integer(ds: Frame | Dataset, keyword: str) -> int | None:
    value = _number(ds, keyword)
    return None if value is None else int(value)
