"""The facts of a DICOM file's header that a stack needs, plane by plane."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from napari_sam2.io.dicom.elements import floats_of, integer_of, items_of, number_of, text_of, values_of
from napari_sam2.io.dicom.frame import Frame
from napari_sam2.io.dicom.multiframe import MosaicError, frame_count, frames_of
from napari_sam2.io.dicom.opening import SkipFile, damage, first_line, looks_like_dicom, quiet, refuse_bomb
from napari_sam2.io.dicom.pixel_spacing import PixelSize, pixel_size
from napari_sam2.io.dicom.rescale import StoredPixels, missing_elements, stored_pixels
from napari_sam2.io.dicom.times import Moment, acquired

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import FileDataset

# More than this in one file is a damaged or hostile header, not a picture that anyone could look at.
_MOST_BYTES = 2**36
_PIXELS = {0x7FE00010: "PixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00008: "FloatPixelData"}
_PHASES = ("NominalPercentageOfCardiacPhase", "NominalPercentageOfRespiratoryPhase")
# Where Siemens, GE and Philips keep the b-value in files without DiffusionBValue.
_PRIVATE_B = {
    (0x0019, 0x100C): "SIEMENS MR HEADER",
    (0x0043, 0x1039): "GEMS_PARM_01",
    (0x2001, 0x1003): "Philips Imaging DD 001",
}
# Deflated and RLE, which keep all bits of a sample.
_NATIVE = ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5")
_LABELS = (
    "It holds labels: open the image that they were drawn on, then read them onto it with "
    "ns.read_labels(path, volume), or in napari with File ▸ Open labels onto an image."
)
_WHOLE = "Get a whole copy of the file."
# Modalities that are no pictures: what they are, and what to do with them.
_NO_PICTURES = {
    "SEG": _LABELS,
    "RTSTRUCT": _LABELS,
    **dict.fromkeys(("RTPLAN", "RTRECORD"), "It is a treatment plan; open the series that it was made on."),
    "RTDOSE": "It is a dose distribution; open the series that it was computed on.",
    **dict.fromkeys(("SR", "KO", "PR", "RWV", "FID"), "It only describes other images; open the series of the images."),
    "REG": "It is a registration of images to each other; open the series of the images.",
    "ECG": "It is a curve; open a series of images.",
}
_NO_IMAGE = "It has no rows and columns of pixels; open a DICOM file that holds an image."
_BROKEN = "Get another copy of the file; its header lacks what every image needs."


@dataclass(frozen=True)
class SliceHeader:
    """What the header says about one plane of a file, in the terms of a stack.

    `frame` is its index among the file's `frames`, `tile` its place on a mosaic, `part` what tells frames of different
    images in the file apart. `position` and `orientation` are ImagePositionPatient (mm, patient LPS) and
    ImageOrientationPatient (row direction, then column direction); both are made up where `is_placed` is False.
    `phase` is that of the heart or the breath in percent.
    `window` is (low, high) after rescaling and before any inversion. Times are in seconds; `is_time` is False where
    frames of the file share a place and nothing says that time is what differs. `ends_early` tells that the file is
    shorter than its uncompressed pixels, `missing` which elements its header lacks that had to be assumed.
    `obstacle` is why it is no volume, with what to do about it.
    """

    path: Path
    series_uid: str
    study_uid: str
    frame_of_reference_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    description: str
    modality: str
    date: str
    rows: int
    columns: int
    frame: int
    frames: int
    tile: tuple[int, int, int, int] | None
    part: str
    obstacle: tuple[str, str] | None
    ends_early: bool
    missing: tuple[str, ...]
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    is_placed: bool
    pixel: PixelSize
    thickness: float | None
    instance_number: int
    temporal_position: int | None
    temporal_positions: int | None
    trigger_time: float | None
    reference_time: float | None
    phase: float | None
    acquisition_number: int | None
    acquired: Moment | None
    frame_interval: float | None
    is_time: bool
    gradient: tuple[float, ...] | None
    kind: tuple[str, ...]
    window: tuple[float, float] | None
    is_hu: bool
    stored: StoredPixels
    notes: tuple[str, ...]

    @property
    def is_colour(self) -> bool:
        """Return whether the plane has three colours to a pixel."""
        return self.stored.colours == 3

    @property
    def name(self) -> str:
        """The file's name, with the number of the frame where there are several."""
        name = self.path.name if len(self.path.name) <= 40 else f"…{self.path.name[-38:]}"
        return f"{name} frame {self.frame + 1}" if self.frames > 1 else name


def read_facts(path: Path) -> list[SliceHeader]:
    """Return the facts of each plane of one file, without its pixels.

    Raises
    ------
    SkipFile
        If the file is not DICOM, is damaged, or holds no slice.
    """
    import pydicom

    if not looks_like_dicom(path):
        raise _no_dicom(path)
    try:
        refuse_bomb(path)
        with quiet():
            with path.open("rb") as stream:
                dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
                # The reader stands before the pixel data; tag and length take at least eight bytes of the rest.
                left = path.stat().st_size - stream.tell() - 8
                keyword = _pixel_keyword(dataset, stream)
            return _facts(path, dataset, left, keyword)
    except damage() as error:
        raise SkipFile(f"damaged header: {first_line(error)}", _WHOLE) from error


def _no_dicom(path: Path) -> SkipFile:
    if not os.access(path, os.R_OK):
        return SkipFile("the system does not let it be opened", "Check its permissions.")
    empty = path.is_file() and not path.stat().st_size
    return SkipFile("it is empty", _WHOLE) if empty else SkipFile("not DICOM")


def _pixel_keyword(ds: FileDataset, stream: BinaryIO) -> str:
    """Return what the pixels of the file are called, empty where there are none."""
    syntax = getattr(ds.file_meta, "TransferSyntaxUID", None)
    if syntax and syntax.is_transfer_syntax and syntax.is_deflated:
        return "PixelData"
    order = "big" if ds.original_encoding[1] is False else "little"
    tag = stream.read(4)
    return _PIXELS.get(int.from_bytes(tag[:2], order) << 16 | int.from_bytes(tag[2:], order), "")  # type: ignore[arg-type]


def _facts(path: Path, ds: FileDataset, left: int, keyword: str) -> list[SliceHeader]:
    sop_class = ds.get("SOPClassUID") or getattr(ds.file_meta, "MediaStorageSOPClassUID", None) or ""
    _refuse_no_picture(ds, getattr(sop_class, "name", ""))
    if not keyword:
        raise SkipFile("it holds no pixel data, only a header", "Get the file with its pixels.")
    needed = _pixel_bytes(ds)
    plain = not _is_compressed(ds)
    if needed > _MOST_BYTES or (plain and needed > 8 * left + 2**20):
        size = f"{needed / 2**20:.0f} MiB"
        raise SkipFile(f"damaged header: it promises {size} of pixels, the file does not hold them", _WHOLE)
    obstacle = _obstacle(ds)
    try:
        frames = list(frames_of(ds)) if not obstacle else [Frame(ds)]
    except MosaicError as error:
        frames, obstacle = [Frame(ds)], (str(error), "Export the series again with its private elements.")
    is_native = plain or str(getattr(ds.file_meta, "TransferSyntaxUID", "")) in _NATIVE
    stored = [stored_pixels(frame, keyword != "PixelData", is_native) for frame in frames]
    missing = () if keyword != "PixelData" else missing_elements(ds)
    missing += () if getattr(ds.file_meta, "TransferSyntaxUID", None) else ("TransferSyntaxUID",)
    early = plain and needed > left
    return [_slice(path, f, s, str(sop_class), obstacle, early, missing) for f, s in zip(frames, stored, strict=True)]


def _refuse_no_picture(ds: FileDataset, class_name: str) -> None:
    modality = text_of(ds, "Modality")
    if "Segmentation Storage" in class_name and "Surface" not in class_name:
        modality = "SEG"
    elif class_name == "RT Structure Set Storage":
        modality = "RTSTRUCT"
    if modality in _NO_PICTURES:
        raise SkipFile(f"{modality}, not an image", _NO_PICTURES[modality])
    if "Segmentation" in class_name:
        raise SkipFile(f"{class_name}, not an image", "Convert it to a DICOM-SEG or NIfTI first.")
    if "DIRECTORY" in class_name.upper() or "DirectoryRecordSequence" in ds:
        raise SkipFile(
            "DICOMDIR, not an image", "Name it DICOMDIR, beside the files that it lists, or open their folder."
        )
    if "Rows" not in ds or "Columns" not in ds:
        # An image class without its size is a broken image; anything else never was one.
        broken = "Columns" in ds or "Rows" in ds or "BitsAllocated" in ds
        raise (
            SkipFile("damaged image: Rows or Columns is missing", _BROKEN)
            if broken
            else SkipFile(f"{modality}, not an image" if modality else "not an image", _NO_IMAGE)
        )
    if not ds.get("Rows") or not ds.get("Columns"):
        raise SkipFile("damaged image: Rows or Columns is zero", _BROKEN)


def _pixel_bytes(ds: FileDataset) -> int:
    """Return the bytes of the pixels once they are not compressed."""
    bits = int(ds.get("SamplesPerPixel") or 1) * int(ds.get("BitsAllocated") or 16)
    if text_of(ds, "PhotometricInterpretation") == "YBR_FULL_422":
        # Two pixels share their colours.
        bits = bits * 2 // 3
    return frame_count(ds) * int(ds.Rows) * int(ds.Columns) * bits // 8


def _is_compressed(ds: FileDataset) -> bool:
    syntax = getattr(ds.file_meta, "TransferSyntaxUID", None)
    # Of a private one nothing is known, but that it is none of the plain ones.
    return bool(syntax and (not syntax.is_transfer_syntax or syntax.is_compressed or syntax.is_deflated))


def _slice(
    path: Path,
    frame: Frame,
    stored: StoredPixels,
    sop_class: str,
    obstacle: tuple[str, str] | None,
    ends_early: bool,
    missing: tuple[str, ...],
) -> SliceHeader:
    ds: Any = frame.dataset
    modality = text_of(ds, "Modality")
    pixel = pixel_size(frame)
    lacks = f"the header lacks {', '.join(missing)}; the usual values were assumed" if missing else ""
    return SliceHeader(
        path=path,
        series_uid=text_of(ds, "SeriesInstanceUID"),
        study_uid=text_of(ds, "StudyInstanceUID"),
        frame_of_reference_uid=text_of(ds, "FrameOfReferenceUID"),
        sop_class_uid=sop_class,
        sop_instance_uid=text_of(ds, "SOPInstanceUID"),
        description=text_of(ds, "SeriesDescription"),
        modality=modality,
        date=next((d for k in ("Acquisition", "Series", "Content", "Study") if (d := text_of(ds, f"{k}Date"))), ""),
        rows=int(frame.get("Rows")),
        columns=int(frame.get("Columns")),
        frame=frame.number,
        frames=frame_count(ds),
        tile=frame.tile,
        part=frame.part,
        obstacle=obstacle,
        ends_early=ends_early,
        missing=missing,
        position=floats_of(frame, "ImagePositionPatient", 3),
        orientation=_orientation(frame),
        is_placed=frame.is_placed,
        pixel=pixel,
        thickness=number_of(frame, "SliceThickness") or None,
        instance_number=integer_of(ds, "InstanceNumber") or 0,
        temporal_position=integer_of(frame, "TemporalPositionIdentifier"),
        temporal_positions=integer_of(ds, "NumberOfTemporalPositions"),
        trigger_time=_seconds(number_of(frame, "TriggerTime")),
        reference_time=_seconds(number_of(frame, "FrameReferenceTime")),
        phase=next((n for k in _PHASES if (n := number_of(frame, k)) is not None), None),
        acquisition_number=integer_of(frame, "AcquisitionNumber"),
        acquired=acquired(frame),
        frame_interval=frame.interval,
        is_time=frame.is_time,
        gradient=_gradient(frame),
        kind=_kind(frame),
        window=_window(frame),
        is_hu=modality == "CT" and "RescaleIntercept" in frame and text_of(frame, "RescaleType").upper() in ("", "HU"),
        stored=stored,
        notes=tuple(n for n in (*frame.notes, pixel.note, *stored.notes, lacks) if n),
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _obstacle(ds: FileDataset) -> tuple[str, str] | None:
    if ds.get("TotalPixelMatrixColumns") and frame_count(ds) > 1:
        return (
            "it is a tiled whole-slide image",
            "Convert it to OME-TIFF or OME-Zarr first, for example with Bio-Formats.",
        )
    return None


def _kind(ds: Frame) -> tuple[str, ...]:
    # Images at one position that differ in these are different pictures, not time points.
    image_type = "/".join(str(v) for v in values_of(ds, "ImageType"))
    b_value = _plain(ds, "DiffusionBValue") or _private_b_value(ds)
    return image_type, _plain(ds, "EchoTime"), b_value, text_of(ds, "ComplexImageComponent")


def _private_b_value(frame: Frame) -> str:
    ds = frame.dataset
    for (group, element), creator in _PRIVATE_B.items():
        if (group, 0x0010) in ds and (group, element) in ds and str(ds[group, 0x0010].value) == creator:
            value = ds[group, element].value
            text = value.decode("ascii", "ignore") if isinstance(value, bytes) else value
            text = str(text if isinstance(text, str | int | float) else next(iter(text), "")).strip(" \0")
            # GE adds 10^9 to it in newer files.
            return f"{float(text) % 1e9:g}" if text.replace(".", "", 1).isdigit() else ""
    return ""


def _plain(ds: Frame, keyword: str) -> str:
    """Return a number as text, the same for 5, 5.0 and 5.00."""
    value = number_of(ds, keyword)
    return "" if value is None else f"{value:g}"


def _gradient(ds: Frame) -> tuple[float, ...] | None:
    nested = items_of(ds, "DiffusionGradientDirectionSequence")
    holder: Any = nested[0] if nested else ds
    return floats_of(holder, "DiffusionGradientOrientation", 3)


def _orientation(ds: Frame) -> tuple[float, ...] | None:
    values = floats_of(ds, "ImageOrientationPatient", 6)
    if values is None:
        return None
    row, column = np.array(values[:3]), np.array(values[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not np.allclose(lengths, 1.0, atol=1e-2) or abs(float(row @ column)) > 1e-2:
        return None
    return values


def _window(ds: Frame) -> tuple[float, float] | None:
    centres, widths = values_of(ds, "WindowCenter"), values_of(ds, "WindowWidth")
    if not centres or not widths:
        return None
    centre, width = float(centres[0]), float(widths[0])
    if not (np.isfinite(centre) and np.isfinite(width)) or width <= 1.0:
        return None
    return centre - width / 2, centre + width / 2
