"""DICOM series: which there are in a folder, and one of them as a volume.

Files of many frames and mosaics give many planes. The acquired plane is kept, slices ascend along the normal.
Nothing is guessed: a stack with a gap or doubled slices is refused with the reason.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import ReadError
from napari_sam2.io.dicom.geometry import SliceOrder, plan_stack
from napari_sam2.io.dicom.lazy import LazyStack
from napari_sam2.io.dicom.pixels import UndecodableError, read_planes
from napari_sam2.io.dicom.series_list import SeriesInfo, choose, relative, scan
from napari_sam2.io.dicom.time_points import NoVolumeError
from napari_sam2.io.dtypes import stacked

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.io.dicom.header import SliceHeader

__all__ = ["DicomFolder", "SeriesInfo", "list_dicom_series", "read_dicom", "thumbnail"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DicomFolder:
    """What the headers of a folder say, read once; series are read from it as often as needed.

    Parameters
    ----------
    path
        A folder (with its subfolders), a zip archive, a DICOMDIR or one file.
    series
        The image series, in a stable order.
    skipped
        Name and reason of each file that is no slice of one.
    """

    path: Path
    series: tuple[SeriesInfo, ...]
    skipped: tuple[tuple[str, str], ...]

    @classmethod
    def scan(cls, path: Path) -> DicomFolder:
        """Read the headers.

        Raises
        ------
        ReadError
            If there is no DICOM image; the text says what there is instead.
        """
        found, skipped = scan(path)
        return cls(path, tuple(found), tuple(skipped))

    def choose(self, series: str | int | None = None) -> SeriesInfo:
        """Return the series of a UID or an index; without one, the only series.

        Raises
        ------
        SeveralSeriesError
            If there are several and none was chosen.
        ReadError
            If it holds no such series.
        """
        return choose(self.path, list(self.series), series)

    def read(self, series: str | int | None = None, *, lazy: bool = False) -> ImageVolume:
        """Read one series as a volume; see `read_dicom`."""
        return _read(self, self.choose(series), lazy)


def list_dicom_series(path: Path) -> list[SeriesInfo]:
    """Return the image series of a folder with its subfolders, or of one file.

    Parameters
    ----------
    path
        A folder (with its subfolders), a zip archive, a DICOMDIR or one file.

    Returns
    -------
    list of SeriesInfo
        In a stable order.

    Raises
    ------
    ReadError
        If there is no DICOM image; the text says what there is instead.
    """
    return list(DicomFolder.scan(path).series)


def thumbnail(series: SeriesInfo, side: int = 64) -> NDArray[np.uint8] | None:
    """Return a small picture of a series' middle plane.

    Parameters
    ----------
    series
        Of `list_dicom_series`.
    side
        The longer side in pixels, or a little less.

    Returns
    -------
    ndarray or None
        ``(Y, X)`` or ``(Y, X, 3)`` uint8, by its window or its own range; None where it cannot be decoded.
    """
    ordered = list(series.slices)
    if not series.problem:
        ordered = [facts for time in plan_stack(ordered).files[:1] for facts in time]
    facts = ordered[len(ordered) // 2]
    try:
        plane = read_planes([facts])[0]
    except UndecodableError:
        return None
    step = max(1, -(-max(plane.shape[:2]) // side))
    small = plane[::step, ::step].astype(np.float64)
    low, high = _window([facts]) or (float(small.min()), float(small.max()))
    if facts.is_colour:
        low, high = 0.0, float(np.iinfo(plane.dtype).max)
    scaled = (small - low) / max(high - low, 1e-9) * 255
    return np.nan_to_num(np.clip(scaled, 0, 255)).astype(np.uint8)


def read_dicom(path: Path, series: str | int | None = None, lazy: bool = False) -> ImageVolume:
    """Read a DICOM folder, a zipped one, a DICOMDIR, or one file alone, as a volume.

    Parameters
    ----------
    path
        A folder (with its subfolders), a zip archive, a DICOMDIR or one file.
    series
        SeriesInstanceUID or index in `list_dicom_series`; needed where there are several.
    lazy
        Read the headers now, and each plane when it is first looked at. The array is then a `LazyStack`.

    Returns
    -------
    ImageVolume
        ``zyx``, ``tzyx``, ``tyx`` or ``yx``, colours with a last axis ``c``; spacing in mm.

    Raises
    ------
    SeveralSeriesError
        If there are several series and none was chosen.
    ReadError
        If the series is no regular volume, or cannot be decoded.
    """
    return DicomFolder.scan(path).read(series, lazy=lazy)


def _read(folder: DicomFolder, chosen: SeriesInfo, lazy: bool) -> ImageVolume:
    """Read a series; damaged slices at its ends are left out, lazily those that their header shows to be damaged."""
    path, skipped = folder.path, list(folder.skipped)
    slices = _mirrored_alike(list(chosen.slices))
    plan = _plan(path, slices, skipped)
    # The same type lazily and not, so that an image is the same however it was opened.
    dtype = _common_type(slices)
    lazy = lazy and dtype is not None
    if not lazy:
        decoded, damaged = _decoded(slices)
    else:
        early = UndecodableError("it ends before its last pixel")
        decoded, damaged = {}, {s.path: early for s in slices if s.ends_early}
    whole = [s for s in slices if s.path not in damaged]
    left_out = [(relative(path, file), f"damaged: {reason}") for file, reason in damaged.items()]
    if not whole:
        file, reason = next(iter(damaged.items()))
        raise ReadError(f"{file} cannot be read: {reason}.\n{reason.remedy}")
    notes = []
    if damaged:
        _log.warning("%s: left out damaged files: %s", path, "; ".join(f"{n} ({r})" for n, r in left_out))
        plan = _plan(path, whole, skipped + left_out)
        notes.append("damaged slices at the end of the stack are missing")
    ordered = [facts for time in plan.files for facts in time]
    shape = (len(plan.files), len(plan.files[0]), *_plane_shape(ordered[0]))
    axes = _axes(shape, ordered[0])
    kept = [n for n, letter in zip(shape, "tzyxc", strict=False) if letter in axes]
    array: Any
    if lazy and dtype is not None:
        array = LazyStack(ordered, kept, dtype)
    else:
        array = stacked([decoded[facts] for facts in ordered], dtype).reshape(kept)
    return _volume(path, chosen, plan, array, axes, tuple(skipped + left_out), notes)


def _mirrored_alike(slices: list[SliceHeader]) -> list[SliceHeader]:
    """Give MONOCHROME1 slices of different rescales one value about which they are mirrored, so that they compare."""
    mirrors = {s.stored.mirror for s in slices} - {None}
    if len(mirrors) < 2:
        return slices
    common = max(m for m in mirrors if m is not None)
    return [replace(s, stored=replace(s.stored, common_mirror=common)) if s.stored.inverted else s for s in slices]


def _decoded(slices: list[SliceHeader]) -> tuple[dict[SliceHeader, NDArray[Any]], dict[Path, UndecodableError]]:
    """Decode the planes of all files; return them, and the reason for each file that is damaged."""
    decoded: dict[SliceHeader, NDArray[Any]] = {}
    damaged: dict[Path, UndecodableError] = {}
    for file, group in groupby(sorted(slices, key=lambda s: (str(s.path), s.frame)), key=lambda s: s.path):
        planes = list(group)
        try:
            decoded.update(zip(planes, read_planes(planes), strict=True))
        except UndecodableError as error:
            if not error.concerns_file:
                raise ReadError(f"{file} cannot be decoded: {error}.\n{error.remedy}") from error
            damaged[file] = error
    return decoded, damaged


def _plane_shape(facts: SliceHeader) -> tuple[int, ...]:
    return (facts.rows, facts.columns, 3) if facts.is_colour else (facts.rows, facts.columns)


def _axes(shape: tuple[int, ...], facts: SliceHeader) -> str:
    """Return the letters of ``(T, Z, Y, X[, C])`` without a time or a depth of one."""
    return ("t" if shape[0] > 1 else "") + ("z" if shape[1] > 1 else "") + "yx" + ("c" if facts.is_colour else "")


def _common_type(slices: list[SliceHeader]) -> np.dtype[Any] | None:
    """Return the type that holds what the headers allow; None where only decoding tells."""
    types = {s.stored.dtype for s in slices}
    if None in types:
        return None
    common = np.result_type(*(t for t in types if t is not None))
    return np.dtype(np.float32) if common.kind == "f" else common


def _plan(path: Path, slices: list[SliceHeader], left_out: list[tuple[str, str]]) -> SliceOrder:
    try:
        return plan_stack(slices)
    except NoVolumeError as error:
        where = slices[0].path if len(slices) == 1 else path
        # A file of another kind in the folder explains no gap; a damaged one may.
        damaged = [(name, reason) for name, reason in left_out if "damaged" in reason or "pixel" in reason]
        also = "".join(f"\n{name} was left out: {reason}." for name, reason in damaged[:8])
        raise ReadError(f"{where} cannot be read as a volume: {error}.\n{error.remedy}{also}") from error


def _volume(
    path: Path,
    chosen: SeriesInfo,
    plan: SliceOrder,
    array: Any,
    axes: str,
    skipped: tuple[tuple[str, str], ...],
    notes: list[str],
) -> ImageVolume:
    ordered = [facts for time in plan.files for facts in time]
    notes = [*plan.notes, *dict.fromkeys(note for s in ordered for note in s.notes), *notes]
    paddings = {s.stored.padding if s.stored.mirror is None else _mirrored(s, s.stored.padding) for s in ordered}
    if len(paddings) > 1:
        notes.append("the padding value differs between slices and was ignored")
    inverted = any(s.stored.mirror is not None for s in ordered)
    if inverted:
        notes.append("MONOCHROME1 was inverted, so that bright is bright")
    first = ordered[0]
    source = VolumeSource(
        paths=tuple(facts.path for facts in ordered),
        format="dicom",
        series_uid=chosen.uid or None,
        header=_header(ordered),
        skipped=skipped,
        notes=tuple(notes),
    )
    volume = ImageVolume(
        array,
        axes=axes,
        units="mm" if plan.has_spacing else None,
        affine=plan.affine,
        source=source,
        window=_window(ordered),
        is_hu=all(f.is_hu for f in ordered) and not inverted,
        padding_value=paddings.pop() if len(paddings) == 1 else None,
        name=first.description or (path.stem if path.is_file() else path.name),
        is_time_declared=plan.is_time,
    )
    if plan.frame_interval is None or "t" not in axes:
        return volume
    return replace(volume, spacing=(plan.frame_interval, *volume.spatial_spacing))


def _mirrored(facts: SliceHeader, value: float | None) -> float | None:
    mirror = facts.stored.mirror
    return value if value is None or mirror is None else mirror - value


def _header(ordered: list[SliceHeader]) -> dict[str, Any]:
    """Return what a DICOM writer needs besides the files themselves; nothing here names the patient."""
    first = ordered[0]
    return {
        "modality": first.modality,
        "description": first.description,
        "study_uid": first.study_uid,
        "frame_of_reference_uid": first.frame_of_reference_uid,
        "sop_class_uids": tuple(f.sop_class_uid for f in ordered),
        "sop_instance_uids": tuple(f.sop_instance_uid for f in ordered),
        "frames": tuple(f.frame for f in ordered),
        "is_mosaic": first.tile is not None,
        "positions": tuple(f.position for f in ordered),
        "orientation": first.orientation,
        "slice_thickness": first.thickness,
    }


def _window(ordered: list[SliceHeader]) -> tuple[float, float] | None:
    windows = []
    for facts in ordered:
        if facts.window is not None and not facts.is_colour:
            low, high = facts.window
            mirror = facts.stored.mirror
            windows.append((low, high) if mirror is None else (mirror - high, mirror - low))
    if not windows:
        return None
    # Scanners write a window per slice; one mapping for the whole volume is the middle of them.
    low, high = np.median(np.array(windows), axis=0)
    return (float(low), float(high)) if low < high else None
