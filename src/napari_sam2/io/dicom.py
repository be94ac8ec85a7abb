"""DICOM series: which there are in a folder, and one of them as a volume.

A series is what shares SeriesInstanceUID, orientation and size; pictures of several kinds at one position
(echoes, magnitude and phase) are split further. Files of many frames and mosaics give many planes. The
acquired plane is kept, slices ascend along the normal. Nothing is guessed: a stack with a gap or doubled
slices is refused with the reason.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError, SeveralSeriesError
from napari_sam2.io._dicom_files import SkipFile, SliceFacts, read_facts
from napari_sam2.io._dicom_lazy import LazyStack
from napari_sam2.io._dicom_pixels import UndecodableError, read_planes
from napari_sam2.io._dicom_places import files_of
from napari_sam2.io._dicom_stack import NoVolumeError, StackPlan, heights, plan_stack, same_height
from napari_sam2.io._values import stacked
from napari_sam2.volume import ImageVolume, VolumeSource

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_SAME_DIRECTION = 2e-3
_INSTALL = "Install the decoders with: pip install imagecodecs pyjpegls pylibjpeg pylibjpeg-openjpeg"


@dataclass(frozen=True)
class SeriesInfo:
    """One series of a folder.

    Parameters
    ----------
    index
        Its place in the list; ``read_volume(folder, series=index)`` reads it.
    uid
        SeriesInstanceUID; may be empty, and shared by groups of different orientation or size.
    description, modality
        From the header.
    shape
        ``(images, rows, columns)``.
    problem
        Why it is no volume, or empty.
    slices
        Its planes.
    kind
        What tells it from others of its UID at the same place (type of image, echo time, b-value), or empty.
    spacing
        Distance of slices, rows and columns in mm, as far as it is known.
    """

    index: int
    uid: str
    description: str
    modality: str
    shape: tuple[int, int, int]
    problem: str
    slices: tuple[SliceFacts, ...]
    kind: str = ""
    spacing: tuple[float, ...] = ()

    def __str__(self) -> str:
        images, rows, columns = self.shape
        text = f"[{self.index}] {self.modality or '?'} {self.description or 'without description'}"
        text += f" ({self.kind})" if self.kind else ""
        text += f", {images} × {rows} × {columns}, {self.uid or 'no UID'}"
        return text + (f" (no volume: {self.problem})" if self.problem else "")


def list_dicom_series(path: Path) -> list[SeriesInfo]:
    """The image series of a folder with its subfolders, or of one file.

    Raises
    ------
    ReadError
        If there is no DICOM image; the text says what there is instead.
    """
    return _scan(path)[0]


def thumbnail(series: SeriesInfo, side: int = 64) -> NDArray[np.uint8] | None:
    """A small picture of a series' middle plane.

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
    found, skipped = _scan(path)
    chosen = _choose(path, found, series)
    slices = list(chosen.slices)
    plan = _plan(path, slices)
    # The same type lazily and not, so that an image is the same however it was opened.
    dtype = _common_type(slices)
    lazy = lazy and dtype is not None
    if not lazy:
        decoded, damaged = _decoded(slices)
    else:
        decoded, damaged = {}, {s.path: "it ends before its last pixel" for s in slices if s.ends_early}
    whole = [s for s in slices if s.path not in damaged]
    left_out = [(_relative(path, file), f"damaged: {reason}") for file, reason in damaged.items()]
    if not whole:
        raise ReadError(
            f"{slices[0].path} cannot be read: {left_out[0][1]}.\n"
            f"Get a whole copy of it. If other programs open it, a decoder may be missing. {_INSTALL}"
        )
    notes = []
    if damaged:
        _log.warning("%s: left out damaged files: %s", path, "; ".join(f"{n} ({r})" for n, r in left_out))
        plan = _plan(path, whole, left_out)
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


def _decoded(slices: list[SliceFacts]) -> tuple[dict[SliceFacts, NDArray[Any]], dict[Path, str]]:
    """The planes of all files, and the reason for each file that is damaged."""
    decoded: dict[SliceFacts, NDArray[Any]] = {}
    damaged: dict[Path, str] = {}
    for file, group in groupby(sorted(slices, key=lambda s: (str(s.path), s.frame)), key=lambda s: s.path):
        planes = list(group)
        try:
            decoded.update(zip(planes, read_planes(planes), strict=True))
        except UndecodableError as error:
            if error.install:
                raise ReadError(f"{file} cannot be decoded: {error}.\n{_INSTALL}") from error
            damaged[file] = str(error)
    return decoded, damaged


def _plane_shape(facts: SliceFacts) -> tuple[int, ...]:
    return (facts.rows, facts.columns, 3) if facts.is_colour else (facts.rows, facts.columns)


def _axes(shape: tuple[int, ...], facts: SliceFacts) -> str:
    """Letters of ``(T, Z, Y, X[, C])`` without a time or a depth of one."""
    return ("t" if shape[0] > 1 else "") + ("z" if shape[1] > 1 else "") + "yx" + ("c" if facts.is_colour else "")


def _common_type(slices: list[SliceFacts]) -> np.dtype[Any] | None:
    """The type that holds what the headers allow; None where only decoding tells."""
    types = {s.stored.dtype for s in slices}
    if None in types:
        return None
    common = np.result_type(*(t for t in types if t is not None))
    return np.dtype(np.float32) if common.kind == "f" else common


def _plan(path: Path, slices: list[SliceFacts], damaged: list[tuple[str, str]] | None = None) -> StackPlan:
    try:
        return plan_stack(slices)
    except NoVolumeError as error:
        where = slices[0].path if len(slices) == 1 else path
        also = "".join(f"\n{name} was left out: {reason}." for name, reason in damaged or ())
        raise ReadError(f"{where} cannot be read as a volume: {error}.\n{error.remedy}{also}") from error


def _volume(
    path: Path,
    chosen: SeriesInfo,
    plan: StackPlan,
    array: Any,
    axes: str,
    skipped: tuple[tuple[str, str], ...],
    notes: list[str],
) -> ImageVolume:
    ordered = [facts for time in plan.files for facts in time]
    notes = [*plan.notes, *sorted({note for s in ordered for note in s.stored.notes}), *notes]
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
    )
    if plan.frame_interval is None or "t" not in axes:
        return volume
    return replace(volume, spacing=(plan.frame_interval, *volume.spatial_spacing))


def _mirrored(facts: SliceFacts, value: float | None) -> float | None:
    mirror = facts.stored.mirror
    return value if value is None or mirror is None else mirror - value


def _header(ordered: list[SliceFacts]) -> dict[str, Any]:
    """What a DICOM writer needs besides the files themselves; nothing here names the patient."""
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


def _window(ordered: list[SliceFacts]) -> tuple[float, float] | None:
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


def _scan(path: Path) -> tuple[list[SeriesInfo], list[tuple[str, str]]]:
    slices: list[SliceFacts] = []
    root, files, skipped = files_of(path)
    for file in files:
        try:
            slices.extend(read_facts(file))
        except SkipFile as reason:
            skipped.append((_relative(root, file), str(reason)))
    # A colour picture beside grey slices of one series is a screen shot or a report, not one of the slices.
    grey = {s.series_uid for s in slices if not s.is_colour}
    screens = sorted({s.path for s in slices if s.is_colour and s.series_uid in grey})
    skipped += [(_relative(root, p), "colour picture, not a grey slice") for p in screens]
    slices = [s for s in slices if not (s.is_colour and s.series_uid in grey)]
    if not slices:
        raise ReadError(_nothing(path, skipped))
    parts = [(kind, "") for kind in _groups(slices)]
    parts = [(kind, text) for group, _ in parts for kind, text in _kinds(group)]
    parts.sort(key=lambda part: min((str(s.path), s.frame) for s in part[0]))
    return [_info(index, group, text) for index, (group, text) in enumerate(parts)], skipped


def _nothing(path: Path, skipped: list[tuple[str, str]]) -> str:
    if path.is_file():
        return (
            f"{path} cannot be read as an image: {skipped[0][1]}.\n"
            "DICOM, NIfTI (.nii, .nii.gz) and TIFF (.tif, .tiff) are read; check the file or convert it."
        )
    listed = "".join(f"\n  {name}: {reason}" for name, reason in skipped[:8])
    more = f"\n  … and {len(skipped) - 8} more" if len(skipped) > 8 else ""
    return f"{path} holds no DICOM image.\nOther formats are opened by the name of their file.{listed}{more}"


def _groups(slices: Iterable[SliceFacts]) -> list[list[SliceFacts]]:
    groups: list[list[SliceFacts]] = []
    by_key: dict[tuple[Any, ...], list[list[SliceFacts]]] = {}
    for facts in slices:
        spacing = facts.pixel_spacing and tuple(round(s, 4) for s in facts.pixel_spacing)
        key = (facts.series_uid, facts.rows, facts.columns, facts.is_colour, spacing, bool(facts.obstacle))
        candidates = by_key.setdefault(key, [])
        for group in candidates:
            if _same_direction(group[0], facts):
                group.append(facts)
                break
        else:
            candidates.append([facts])
            groups.append(candidates[-1])
    return groups


def _same_direction(a: SliceFacts, b: SliceFacts) -> bool:
    if a.orientation is None or b.orientation is None:
        return a.orientation is b.orientation
    return bool(np.allclose(a.orientation, b.orientation, atol=_SAME_DIRECTION))


def _kinds(group: list[SliceFacts]) -> list[tuple[list[SliceFacts], str]]:
    """Split by image type, echo and b-value, but only where slices lie at one position."""
    if len({s.kind for s in group}) == 1 or any(s.obstacle or s.position is None or not s.orientation for s in group):
        return [(group, "")]
    if all(len(at) == 1 for at in same_height(np.sort(heights(group)))):
        return [(group, "")]
    kinds: dict[tuple[str, ...], list[SliceFacts]] = {}
    for facts in group:
        kinds.setdefault(facts.kind, []).append(facts)
    # Only what differs between them is worth reading.
    differing = [i for i, values in enumerate(zip(*kinds, strict=True)) if len(set(values)) > 1]
    named = ("", "echo ", "b-value ")
    return [(g, ", ".join(f"{named[i]}{kind[i] or '?'}" for i in differing)) for kind, g in kinds.items()]


def _info(index: int, group: list[SliceFacts], kind: str) -> SeriesInfo:
    first = group[0]
    problem = ""
    spacing: tuple[float, ...] = first.pixel_spacing or ()
    try:
        plan = plan_stack(group)
        if plan.has_spacing and plan.affine is not None:
            spacing = tuple(float(n) for n in np.linalg.norm(plan.affine[:3, :3], axis=0))
    except NoVolumeError as error:
        problem = str(error)
    shape = (len(group), first.rows, first.columns)
    return SeriesInfo(
        index, first.series_uid, first.description, first.modality, shape, problem, tuple(group), kind, spacing
    )


def _choose(path: Path, found: list[SeriesInfo], series: str | int | None) -> SeriesInfo:
    if isinstance(series, str) and series.isdigit() and series not in {s.uid for s in found}:
        series = int(series)
    listed = "".join(f"\n  {s}" for s in found)
    if series is None:
        chosen = found
    elif isinstance(series, str):
        chosen = [s for s in found if s.uid == series]
    else:
        chosen = [s for s in found if s.index == series]
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise ReadError(f"{path} holds no series {series!r}.\nIt holds:{listed}")
    raise SeveralSeriesError(
        f"{path} holds {len(chosen)} series.\nChoose one with series= (its UID or its number in brackets):{listed}",
        found,
    )


def _relative(root: Path, file: Path) -> str:
    return str(file.relative_to(root)) if file != root and root in file.parents else file.name
