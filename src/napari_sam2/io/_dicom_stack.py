"""Slices in space: their order along the normal, their gaps, and what makes them no volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_sam2.io._dicom_files import SliceFacts

# Gaps may differ from their median by 1.5 %. Resampled scans jitter by about 1 % because positions are stored
# with few digits, which is harmless; a missing slice differs by 100 %, and nothing in between is in regular use.
GAP_TOLERANCE = 0.015
# Slices closer than this share of the median gap (and this many mm) lie at one position.
_SAME_POSITION = 0.02
_SAME_POSITION_MM = 1e-3
_NOTED_JITTER = 1e-3
# Half a degree: below it a drift within the plane is rounding, above it a tilted gantry.
_TILT_DEGREES = 0.5


class NoVolumeError(Exception):
    """The slices are no regular volume.

    Parameters
    ----------
    reason
        Completes the sentence "FOLDER cannot be read as a volume: …".
    remedy
        What the user can do about it.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True)
class StackPlan:
    """Which file goes where: ``files[t][z]``, and index (z, y, x, 1) → patient LPS mm.

    `affine` is None where the files say nothing about their place; `has_spacing` tells whether its
    lengths are physical. `frame_interval` is in seconds.
    """

    files: tuple[tuple[SliceFacts, ...], ...]
    affine: NDArray[np.float64] | None
    has_spacing: bool
    notes: tuple[str, ...] = ()
    frame_interval: float | None = None


def heights(slices: Sequence[SliceFacts]) -> NDArray[np.float64]:
    """Distance in mm of each slice along the common normal (row direction × column direction)."""
    normal = _normal(slices[0])
    return np.array([np.dot(s.position, normal) for s in slices if s.position is not None])


def same_height(sorted_heights: NDArray[np.float64]) -> list[list[int]]:
    """Indices of sorted heights, grouped by position."""
    steps = np.diff(sorted_heights)
    real = steps[steps > _SAME_POSITION_MM]
    limit = max(_SAME_POSITION_MM, _SAME_POSITION * float(np.median(real))) if real.size else _SAME_POSITION_MM
    groups = [[0]]
    for index, step in enumerate(steps, start=1):
        if step > limit:
            groups.append([])
        groups[-1].append(index)
    return groups


def plan_stack(slices: Sequence[SliceFacts]) -> StackPlan:
    """Put the slices of one series in order.

    Parameters
    ----------
    slices
        Of one series, size and orientation, in any order.

    Raises
    ------
    NoVolumeError
        If positions are missing, doubled, irregular, or all the same.
    """
    for facts in slices:
        if facts.obstacle:
            remedy = "Convert it to NIfTI first (for example with dcm2niix)."
            raise NoVolumeError(f"{facts.path.name}: {facts.obstacle}", remedy)
    if len(slices) == 1:
        return _single(slices[0])
    if all(s.path == slices[0].path and s.position is None for s in slices):
        return _film(slices)
    placed = [s for s in slices if s.position is not None and s.orientation is not None]
    if len(placed) < len(slices):
        missing = next(s for s in slices if s not in placed)
        raise NoVolumeError(
            f"{missing.name} has no position or orientation in its header, so the order of its "
            f"{len(slices)} slices is unknown",
            "Open one file alone, or convert the folder with a tool that knows the scanner.",
        )
    found = heights(placed)
    order = sorted(range(len(placed)), key=lambda i: (found[i], placed[i].instance_number, str(placed[i].path)))
    ordered = [placed[i] for i in order]
    groups = [[ordered[i] for i in group] for group in same_height(found[order])]
    times = _time_points(groups)
    stack = times[0]
    affine, notes = _regular(stack, _normal(stack[0]))
    if len(times) > 1:
        notes.append(f"{len(times)} time points at {len(stack)} positions; the frame interval is unknown")
    return StackPlan(tuple(tuple(t) for t in times), affine, stack[0].pixel_spacing is not None, tuple(notes))


def _single(facts: SliceFacts) -> StackPlan:
    notes = ["a single slice"]
    spacing = facts.pixel_spacing
    if spacing is None:
        notes.append("the file has no pixel spacing; 1 pixel is taken for the unit")
    elif facts.detector_spacing:
        notes.append("the pixel spacing is the detector's; in the body it is smaller by the magnification")
    rows, columns = spacing or (1.0, 1.0)
    if facts.position is None or facts.orientation is None:
        notes.append("the file has no position; the place in the body is unknown")
        affine = np.zeros((4, 4))
        affine[0, 2], affine[1, 1], affine[2, 0], affine[3, 3] = columns, rows, facts.thickness or 1.0, 1.0
    else:
        step = _normal(facts) * (facts.thickness or 1.0)
        affine = _affine(facts, np.array(facts.position), step, rows, columns)
    return StackPlan(((facts,),), affine, spacing is not None, tuple(notes))


def _film(slices: Sequence[SliceFacts]) -> StackPlan:
    """Frames of one file that have no place of their own: a film, in the order of the frames."""
    ordered = sorted(slices, key=lambda s: s.frame)
    one = _single(ordered[0])
    notes = [f"the {len(ordered)} frames have no positions; they were taken for time points", *one.notes[1:]]
    files = tuple((s,) for s in ordered)
    return StackPlan(files, one.affine, one.has_spacing, tuple(notes), ordered[0].frame_interval)


def _time_points(groups: list[list[SliceFacts]]) -> list[list[SliceFacts]]:
    """``groups[position]`` → ``times[t][position]``."""
    counts = sorted({len(g) for g in groups})
    if counts == [1]:
        return [[g[0] for g in groups]]
    doubled = next(g for g in groups if len(g) > 1)
    names = ", ".join(s.name for s in doubled[:4])
    uids = [(s.sop_instance_uid, s.frame) for s in doubled if s.sop_instance_uid]
    if len(set(uids)) < len(uids):
        raise NoVolumeError(
            f"it holds the same slice twice ({names} have one SOPInstanceUID)", "Remove the duplicate files."
        )
    timed = _time_key(groups)
    if timed is not None and len(counts) > 1:
        raise NoVolumeError(
            f"its time points are incomplete: a position has from {counts[0]} to {counts[-1]} images",
            "Export the series again with all its images.",
        )
    if timed is None:
        where = "all its slices lie" if len(groups) == 1 else f"{len(doubled)} slices lie"
        raise NoVolumeError(
            f"{where} at one position ({names}), and the headers do not say that they are time points",
            "Keep one slice per position, in a folder of its own.",
        )
    by_time = [sorted(g, key=lambda s: (timed(s), s.instance_number)) for g in groups]
    return [[g[t] for g in by_time] for t in range(counts[0])]


def _time_key(groups: list[list[SliceFacts]]) -> Callable[[SliceFacts], Any] | None:
    """What orders the files of one position in time; None where nothing says that time is what differs."""

    def distinct(key: Callable[[SliceFacts], Any]) -> bool:
        values = [[key(s) for s in g] for g in groups]
        return all(None not in v and len(set(v)) == len(v) for v in values)

    for key in (_temporal_position, _trigger_time):
        if distinct(key):
            return key
    # At one position alone, times and numbers differ too where a scanner repeats a picture for another reason.
    if len(groups) == 1:
        return None
    if distinct(_acquisition_time):
        return _acquisition_time
    declared = groups[0][0].temporal_positions == len(groups[0])
    return _instance_number if declared and distinct(_instance_number) else None


def _temporal_position(facts: SliceFacts) -> int | None:
    return facts.temporal_position


def _trigger_time(facts: SliceFacts) -> float | None:
    return facts.trigger_time


def _acquisition_time(facts: SliceFacts) -> str | None:
    return facts.acquisition_time or None


def _instance_number(facts: SliceFacts) -> int:
    return facts.instance_number


def _regular(stack: list[SliceFacts], normal: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[str]]:
    """The affine of an ordered stack, or NoVolumeError if its gaps are irregular."""
    first = stack[0]
    rows, columns = first.pixel_spacing or (1.0, 1.0)
    notes = [] if first.pixel_spacing else ["the files have no pixel spacing; 1 mm is assumed within the plane"]
    origins = np.array([s.position for s in stack], dtype=np.float64)
    if len(stack) == 1:
        step = normal * (first.thickness or 1.0)
        return _affine(first, origins[0], step, rows, columns), notes
    gaps = np.diff(origins @ normal)
    step = (origins[-1] - origins[0]) / (len(stack) - 1)
    drift = step - normal * float(step @ normal)
    tilt = float(np.degrees(np.arctan2(np.linalg.norm(drift), float(step @ normal))))
    median = float(np.median(gaps))
    worst = int(np.argmax(np.abs(gaps - median)))
    deviation = abs(float(gaps[worst]) - median) / median
    if deviation > GAP_TOLERANCE:
        raise NoVolumeError(_gap_text(stack, gaps, median, worst, tilt), _gap_remedy(gaps, median))
    if deviation > _NOTED_JITTER:
        notes.append(
            f"the gaps between slices jitter from {gaps.min():.3f} to {gaps.max():.3f} mm; "
            f"their mean {gaps.mean():.4f} mm is the spacing"
        )
    if tilt > _TILT_DEGREES:
        notes.append(f"the gantry is tilted by {tilt:.1f}°; the affine is sheared")
    return _affine(first, origins[0], step, rows, columns), notes


def _gap_text(stack: list[SliceFacts], gaps: NDArray[np.float64], median: float, worst: int, tilt: float) -> str:
    tilted = f"the gantry is tilted by {tilt:.1f}° and " if tilt > _TILT_DEGREES else ""
    values, counts = np.unique(np.round(gaps, 3), return_counts=True)
    between = f"{stack[worst].name} and {stack[worst + 1].name}"
    if len(values) > 4:
        listed = f"from {gaps.min():.3f} to {gaps.max():.3f} mm, the worst"
    else:
        listed = ", ".join(f"{v:g} mm (x{n})" for v, n in zip(values, counts, strict=True)) + ", the odd one"
    missing = _missing(float(gaps[worst]), median)
    why = f"{missing} slice{'s' * (missing > 1)} missing" if missing else "the gaps between slices are not equal"
    return f"{tilted}{why}: gaps are {listed} between {between}"


def _gap_remedy(gaps: NDArray[np.float64], median: float) -> str:
    if any(_missing(float(g), median) for g in gaps):
        return "Export the series again with all its slices."
    return "Resample it to equal gaps first (for example with dcm2niix) and open the result."


def _missing(gap: float, median: float) -> int:
    times = round(gap / median)
    return times - 1 if times >= 2 and abs(gap / median - times) < 0.05 * times else 0


def _affine(
    facts: SliceFacts, origin: NDArray[np.float64], step: NDArray[np.float64], rows: float, columns: float
) -> NDArray[np.float64]:
    assert facts.orientation is not None
    affine = np.eye(4)
    affine[:3, 0] = step
    # Direction cosines are stored with few digits; unit length keeps the pixel spacing exact.
    down, right = np.array(facts.orientation[3:]), np.array(facts.orientation[:3])
    affine[:3, 1] = down / np.linalg.norm(down) * rows
    affine[:3, 2] = right / np.linalg.norm(right) * columns
    affine[:3, 3] = origin
    return affine


def _normal(facts: SliceFacts) -> NDArray[np.float64]:
    assert facts.orientation is not None
    normal = np.cross(facts.orientation[:3], facts.orientation[3:])
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)
