"""DICOM series: which there are in a folder, and one of them as a volume.

A series is what shares SeriesInstanceUID, orientation and size; pictures of several kinds at one position
(echoes, magnitude and phase) are split further. The acquired plane is kept, slices ascend along the normal.
Nothing is guessed: a stack with a gap or doubled slices is refused with the reason.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError, SeveralSeriesError
from napari_sam2.io._dicom_files import Pixels, SkipFile, SliceFacts, UndecodableError, read_facts, read_pixels
from napari_sam2.io._dicom_stack import NoVolumeError, StackPlan, heights, plan_stack, same_height
from napari_sam2.io._values import stacked
from napari_sam2.volume import ImageVolume, VolumeSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_log = logging.getLogger(__name__)

_SAME_DIRECTION = 2e-3
_INSTALL = "Install the decoders with: pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"


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
        Its files.
    """

    index: int
    uid: str
    description: str
    modality: str
    shape: tuple[int, int, int]
    problem: str
    slices: tuple[SliceFacts, ...]

    def __str__(self) -> str:
        images, rows, columns = self.shape
        text = f"[{self.index}] {self.modality or '?'} {self.description or 'without description'}"
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


def read_dicom(path: Path, series: str | int | None = None) -> ImageVolume:
    """Read a DICOM folder, or one file alone, as a volume.

    Parameters
    ----------
    path
        A folder (with its subfolders) or one file.
    series
        SeriesInstanceUID or index in `list_dicom_series`; needed where there are several.

    Returns
    -------
    ImageVolume
        ``zyx``, ``tzyx``, ``tyx`` or ``yx``; spacing in mm.

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
    damaged: list[tuple[str, str]] = []
    decoded: dict[Path, Pixels] = {}
    plan = _plan(path, slices)
    for facts in slices:
        try:
            decoded[facts.path] = read_pixels(facts.path)
        except UndecodableError as error:
            if error.install:
                raise ReadError(f"{facts.path} cannot be decoded: {error}.\n{_INSTALL}") from error
            damaged.append((_relative(path, facts.path), f"damaged: {error}"))
    if not decoded:
        raise ReadError(
            f"{slices[0].path} cannot be read: {damaged[0][1]}.\n"
            f"Get a whole copy of it. If other programs open it, a decoder may be missing. {_INSTALL}"
        )
    if damaged:
        _log.warning("%s: left out damaged files: %s", path, "; ".join(f"{n} ({r})" for n, r in damaged))
        plan = _plan(path, [s for s in slices if s.path in decoded], damaged)
    return _volume(path, chosen, plan, decoded, tuple(skipped + damaged), bool(damaged))


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
    decoded: dict[Path, Pixels],
    skipped: tuple[tuple[str, str], ...],
    incomplete: bool,
) -> ImageVolume:
    ordered = [facts for time in plan.files for facts in time]
    pixels = [decoded[facts.path] for facts in ordered]
    array = stacked([p.plane for p in pixels])
    times, depth = len(plan.files), len(plan.files[0])
    array = array.reshape(times, depth, *array.shape[1:])
    axes = ("t" if times > 1 else "") + ("z" if depth > 1 else "") + "yx"
    array = array.reshape([n for n, letter in zip(array.shape, "tzyx", strict=True) if letter in axes])
    notes = list(plan.notes) + sorted({note for p in pixels for note in p.notes})
    if incomplete:
        notes.append("damaged slices at the end of the stack are missing")
    paddings = {p.padding for p in pixels}
    if len(paddings) > 1:
        notes.append("the padding value differs between slices and was ignored")
    if any(p.mirror is not None for p in pixels):
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
    return ImageVolume(
        array,
        axes=axes,
        units="mm" if plan.has_spacing else None,
        affine=plan.affine,
        source=source,
        window=_window(ordered, pixels),
        is_hu=all(f.is_hu for f in ordered) and not any(p.mirror is not None for p in pixels),
        padding_value=paddings.pop() if len(paddings) == 1 else None,
        name=first.description or (path.stem if path.is_file() else path.name),
    )


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
        "positions": tuple(f.position for f in ordered),
        "orientation": first.orientation,
        "slice_thickness": first.thickness,
    }


def _window(ordered: list[SliceFacts], pixels: list[Pixels]) -> tuple[float, float] | None:
    windows = []
    for facts, p in zip(ordered, pixels, strict=True):
        if facts.window is not None:
            low, high = facts.window
            windows.append((low, high) if p.mirror is None else (p.mirror - high, p.mirror - low))
    if not windows:
        return None
    # Scanners write a window per slice; one mapping for the whole volume is the middle of them.
    low, high = np.median(np.array(windows), axis=0)
    return (float(low), float(high)) if low < high else None


def _scan(path: Path) -> tuple[list[SeriesInfo], list[tuple[str, str]]]:
    slices: list[SliceFacts] = []
    skipped: list[tuple[str, str]] = []
    for file in _files(path):
        try:
            slices.append(read_facts(file))
        except SkipFile as reason:
            skipped.append((_relative(path, file), str(reason)))
    if not slices:
        raise ReadError(_nothing(path, skipped))
    groups = [kind for group in _groups(slices) for kind in _kinds(group)]
    groups.sort(key=lambda g: str(min(s.path for s in g)))
    return [_info(index, group) for index, group in enumerate(groups)], skipped


def _nothing(path: Path, skipped: list[tuple[str, str]]) -> str:
    if path.is_file():
        return (
            f"{path} cannot be read as an image: {skipped[0][1]}.\n"
            "DICOM, NIfTI (.nii, .nii.gz) and TIFF (.tif, .tiff) are read; check the file or convert it."
        )
    listed = "".join(f"\n  {name}: {reason}" for name, reason in skipped[:8])
    more = f"\n  … and {len(skipped) - 8} more" if len(skipped) > 8 else ""
    return f"{path} holds no DICOM image.\nOther formats are opened by the name of their file.{listed}{more}"


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(folder) / name


def _groups(slices: Iterable[SliceFacts]) -> list[list[SliceFacts]]:
    groups: list[list[SliceFacts]] = []
    by_key: dict[tuple[Any, ...], list[list[SliceFacts]]] = {}
    for facts in slices:
        spacing = facts.pixel_spacing and tuple(round(s, 4) for s in facts.pixel_spacing)
        key = (facts.series_uid, facts.rows, facts.columns, spacing, bool(facts.obstacle))
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


def _kinds(group: list[SliceFacts]) -> list[list[SliceFacts]]:
    """Split by image type, echo and b-value, but only where slices lie at one position."""
    if len({s.kind for s in group}) == 1 or any(s.obstacle or s.position is None or not s.orientation for s in group):
        return [group]
    if all(len(at) == 1 for at in same_height(np.sort(heights(group)))):
        return [group]
    kinds: dict[tuple[str, ...], list[SliceFacts]] = {}
    for facts in group:
        kinds.setdefault(facts.kind, []).append(facts)
    return list(kinds.values())


def _info(index: int, group: list[SliceFacts]) -> SeriesInfo:
    first = group[0]
    problem = ""
    try:
        plan_stack(group)
    except NoVolumeError as error:
        problem = str(error)
    images = sum(s.frames for s in group)
    shape = (images, first.rows, first.columns)
    return SeriesInfo(index, first.series_uid, first.description, first.modality, shape, problem, tuple(group))


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


def _relative(path: Path, file: Path) -> str:
    return str(file.relative_to(path)) if file != path and path in file.parents else file.name
