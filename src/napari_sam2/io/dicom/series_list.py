"""Which series there are in a folder of DICOM files, and which of them was asked for.

A series is what shares SeriesInstanceUID, orientation and size; pictures of several kinds at one position
(echoes, magnitude and phase) are split further.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError, SeveralSeriesError
from napari_sam2.io.dicom.files import files_of
from napari_sam2.io.dicom.geometry import heights, plan_stack, same_height
from napari_sam2.io.dicom.header import SliceHeader, read_facts
from napari_sam2.io.dicom.opening import SkipFile
from napari_sam2.io.dicom.time_points import NoVolumeError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SAME_DIRECTION = 2e-3
# Ten degrees: scanners tilt a plane that radiologists still call axial by a few.
_STRAIGHT = 0.985
_FORMATS = "DICOM, NIfTI, Analyze, FreeSurfer, NRRD, MetaImage, TIFF and OME-Zarr are read"


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
    plane
        ``"axial"``, ``"coronal"``, ``"sagittal"``, ``"oblique axial"`` and so on; empty where the place is unknown.
    date
        When it was acquired, ``YYYY-MM-DD``, or empty.
    time_points
        How many there are of each slice.
    """

    index: int
    uid: str
    description: str
    modality: str
    shape: tuple[int, int, int]
    problem: str
    slices: tuple[SliceHeader, ...]
    kind: str = ""
    spacing: tuple[float, ...] = ()
    plane: str = ""
    date: str = ""
    time_points: int = 1

    def __str__(self) -> str:
        images, rows, columns = self.shape
        text = f"[{self.index}] {self.modality or '?'} {self.description or 'without description'}"
        text += f" ({self.kind})" if self.kind else ""
        slices = images // self.time_points
        count = f"{slices} slice{'s' * (slices != 1)} of {rows} × {columns}"
        count += f" × {self.time_points} time points" if self.time_points > 1 else ""
        spacing = " × ".join(f"{s:.4g}" for s in self.spacing)
        parts = (self.plane, count, spacing and f"{spacing} mm", self.date, self.uid or "no UID")
        text = ", ".join((text, *(part for part in parts if part)))
        return text + (f" (no volume: {self.problem})" if self.problem else "")


def scan(path: Path) -> tuple[list[SeriesInfo], list[tuple[str, str]]]:
    """Return the series of a folder or file, and name and reason of each file that is no slice of one.

    Raises
    ------
    ReadError
        If there is no image.
    """
    slices: list[SliceHeader] = []
    root, files, skipped = files_of(path)
    remedies: list[str] = []
    for file in files:
        try:
            slices.extend(read_facts(file))
        except SkipFile as reason:
            skipped.append((relative(root, file), str(reason)))
            remedies += [reason.remedy] if reason.remedy else []
    # A colour picture beside grey slices of one series is a screen shot or a report, not one of the slices.
    grey = {s.series_uid for s in slices if not s.is_colour}
    screens = sorted({s.path for s in slices if s.is_colour and s.series_uid in grey})
    skipped += [(relative(root, p), "colour picture, not a grey slice") for p in screens]
    slices = [s for s in slices if not (s.is_colour and s.series_uid in grey)]
    if not slices:
        raise ReadError(_nothing(path, skipped, remedies))
    parts = [(kind, "") for kind in _groups(slices)]
    parts = [(kind, text) for group, _ in parts for kind, text in _kinds(group)]
    parts.sort(key=lambda part: min((str(s.path), s.frame) for s in part[0]))
    return [_info(index, group, text) for index, (group, text) in enumerate(parts)], skipped


def _nothing(path: Path, skipped: list[tuple[str, str]], remedies: list[str]) -> str:
    if path.is_file() and len(skipped) == 1:
        remedy = remedies[0] if remedies else f"{_FORMATS}; check what the file is, or convert it."
        return f"{path} cannot be read as an image: {skipped[0][1]}.\n{remedy}"
    listed = "".join(f"\n  {name}: {reason}" for name, reason in skipped[:8])
    more = f"\n  … and {len(skipped) - 8} more" if len(skipped) > 8 else ""
    remedy = remedies[0] if len(set(remedies)) == 1 else f"{_FORMATS}; all but DICOM by the path of the file itself."
    return f"{path} holds no DICOM image.\n{remedy}{listed}{more}"


def _groups(slices: Iterable[SliceHeader]) -> list[list[SliceHeader]]:
    groups: list[list[SliceHeader]] = []
    by_key: dict[tuple[Any, ...], list[list[SliceHeader]]] = {}
    for facts in slices:
        spacing = facts.pixel.spacing and tuple(round(s, 4) for s in facts.pixel.spacing)
        shape = (facts.rows, facts.columns, facts.is_colour)
        key = (facts.series_uid, shape, spacing, facts.part, facts.is_placed, bool(facts.obstacle))
        candidates = by_key.setdefault(key, [])
        for group in candidates:
            if _same_direction(group[0], facts):
                group.append(facts)
                break
        else:
            candidates.append([facts])
            groups.append(candidates[-1])
    return groups


def _same_direction(a: SliceHeader, b: SliceHeader) -> bool:
    if a.orientation is None or b.orientation is None:
        return a.orientation is b.orientation
    return bool(np.allclose(a.orientation, b.orientation, atol=_SAME_DIRECTION))


def _kinds(group: list[SliceHeader]) -> list[tuple[list[SliceHeader], str]]:
    """Split by image type, echo and b-value, but only where slices lie at one position."""
    part = group[0].part
    if len({s.kind for s in group}) == 1 or any(s.obstacle or s.position is None or not s.orientation for s in group):
        return [(group, part)]
    order = np.argsort(heights(group), kind="stable")
    at_once = [[group[order[i]] for i in at] for at in same_height(np.sort(heights(group)))]
    # What differs only between positions does not make a picture of another kind.
    used = [i for i in range(len(group[0].kind)) if any(len({s.kind[i] for s in at}) > 1 for at in at_once)]
    kinds: dict[tuple[str, ...], list[SliceHeader]] = {}
    for facts in group:
        kinds.setdefault(tuple(facts.kind[i] for i in used), []).append(facts)
    named = ("", "echo ", "b-value ", "")
    texts = {kind: ", ".join(f"{named[i]}{v or '?'}" for i, v in zip(used, kind, strict=True)) for kind in kinds}
    return [(g, ", ".join(t for t in (part, texts[kind]) if t)) for kind, g in kinds.items()]


def _info(index: int, group: list[SliceHeader], kind: str) -> SeriesInfo:
    first = group[0]
    problem, times = "", 1
    spacing: tuple[float, ...] = first.pixel.spacing or ()
    try:
        plan = plan_stack(group)
        times = len(plan.files)
        if plan.has_spacing and len(plan.files[0]) > 1:
            spacing = tuple(float(n) for n in np.linalg.norm(plan.affine[:3, :3], axis=0))
    except NoVolumeError as error:
        problem = str(error)
    return SeriesInfo(
        index,
        first.series_uid,
        first.description,
        first.modality,
        (len(group), first.rows, first.columns),
        problem,
        tuple(group),
        kind,
        spacing,
        _plane(first),
        _date(first.date),
        times,
    )


def _plane(facts: SliceHeader) -> str:
    """Return the anatomical plane of a slice, by its normal in the patient."""
    if facts.orientation is None or not facts.is_placed:
        return ""
    normal = np.abs(np.cross(facts.orientation[:3], facts.orientation[3:]))
    name = ("sagittal", "coronal", "axial")[int(np.argmax(normal))]
    return name if normal.max() >= _STRAIGHT * np.linalg.norm(normal) else f"oblique {name}"


def _date(text: str) -> str:
    digits = text.replace(".", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 and digits.isdigit() else ""


def choose(path: Path, found: list[SeriesInfo], series: str | int | None) -> SeriesInfo:
    """Return the one series of a folder, or the one that was asked for by its UID or index."""
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


def relative(root: Path, file: Path) -> str:
    """Return the path of a file from the folder that was opened."""
    return str(file.relative_to(root)) if file != root and root in file.parents else file.name
