"""Slices in space: their order along the normal, their gaps, and what makes them no volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.frame_axis import undeclared_time_note
from napari_sam2.io.dicom.time_points import NoVolumeError, time_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sam2.io.dicom.header import SliceHeader

# Gaps may differ from their median by 1.5 %. Resampled scans jitter by about 1 % because positions are stored
# with few digits, which is harmless; a missing slice differs by 100 %, and nothing in between is in regular use.
GAP_TOLERANCE = 0.015
# Gaps that differ by less can still add up. Beyond this share of a step beside their place in a volume of equal steps,
# slices are refused, as labels that lie so far beside an image are; jitter alone comes to about 1 %.
_DRIFT_TOLERANCE = 0.1
# Slices closer than this share of the median gap (and this many mm) lie at one position.
_SAME_POSITION = 0.02
_SAME_POSITION_MM = 1e-3
_NOTED_JITTER = 1e-3
_RESAMPLE = "Resample it to equal gaps first (for example with dcm2niix) and open the result."
# Half a degree: below it a drift within the plane is rounding, above it a tilted gantry.
_TILT_DEGREES = 0.5


@dataclass(frozen=True)
class SliceOrder:
    """Which file goes where: ``files[t][z]``, and index (z, y, x, 1) → patient LPS mm.

    `has_spacing` tells whether the lengths of `affine` are physical. `frame_interval` is in seconds; `is_time` tells
    whether what differs at one position is known to be time.
    """

    files: tuple[tuple[SliceHeader, ...], ...]
    affine: NDArray[np.float64]
    has_spacing: bool
    notes: tuple[str, ...] = ()
    frame_interval: float | None = None
    is_time: bool = True


def heights(slices: Sequence[SliceHeader]) -> NDArray[np.float64]:
    """Return the distance in mm of each slice along the common normal (row direction × column direction)."""
    normal = _normal(slices[0])
    return np.array([np.dot(s.position, normal) for s in slices if s.position is not None])


def same_height(sorted_heights: NDArray[np.float64]) -> list[list[int]]:
    """Return the indices of sorted heights, grouped by position."""
    steps = np.diff(sorted_heights)
    real = steps[steps > _SAME_POSITION_MM]
    limit = max(_SAME_POSITION_MM, _SAME_POSITION * float(np.median(real))) if real.size else _SAME_POSITION_MM
    groups = [[0]]
    for index, step in enumerate(steps, start=1):
        if step > limit:
            groups.append([])
        groups[-1].append(index)
    return groups


def plan_stack(slices: Sequence[SliceHeader]) -> SliceOrder:
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
        if facts.obstacle is not None:
            reason, remedy = facts.obstacle
            raise NoVolumeError(f"{facts.path.name}: {reason}", remedy)
    if len(slices) == 1:
        return _single(slices[0])
    made_up = len({s.path for s in slices}) > 1
    placed = [
        s for s in slices if s.position is not None and s.orientation is not None and (s.is_placed or not made_up)
    ]
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
    times, is_time = time_points(groups)
    stack = times[0]
    affine, notes = _regular(stack, _normal(stack[0]))
    has_spacing = stack[0].pixel.spacing is not None
    notes += [] if stack[0].is_placed else ["the file has no position; the place in the body is unknown"]
    files = tuple(tuple(t) for t in times)
    if len(times) == 1:
        return SliceOrder(files, affine, has_spacing, tuple(notes))
    interval = stack[0].frame_interval
    where = f"{len(times)} {'time points' if is_time else 'images'} at {len(stack)} position{'s' * (len(stack) > 1)}"
    notes.append(where if interval or not is_time else f"{where}; the frame interval is unknown")
    notes += [] if is_time else [undeclared_time_note(len(times))]
    return SliceOrder(files, affine, has_spacing, tuple(notes), interval if is_time else None, is_time)


def _single(facts: SliceHeader) -> SliceOrder:
    notes = ["a single slice"]
    spacing = facts.pixel.spacing
    if spacing is None:
        notes.append("the file has no pixel spacing; 1 pixel is taken for the unit")
    rows, columns = facts.pixel.steps
    if facts.position is None or facts.orientation is None or not facts.is_placed:
        notes.append("the file has no position; the place in the body is unknown")
        affine = np.zeros((4, 4))
        affine[0, 2], affine[1, 1], affine[2, 0], affine[3, 3] = columns, rows, facts.thickness or 1.0, 1.0
    else:
        step = _normal(facts) * (facts.thickness or 1.0)
        affine = _affine(facts, np.array(facts.position), step, rows, columns)
    return SliceOrder(((facts,),), affine, spacing is not None, tuple(notes))


def _regular(stack: list[SliceHeader], normal: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[str]]:
    """Return the affine of an ordered stack; raise NoVolumeError if its gaps are irregular or drift."""
    first = stack[0]
    rows, columns = first.pixel.steps
    notes = [] if first.pixel.spacing else ["the files have no pixel spacing; 1 pixel is taken for the unit"]
    origins = np.array([s.position for s in stack], dtype=np.float64)
    if len(stack) == 1:
        step = normal * (first.thickness or 1.0)
        return _affine(first, origins[0], step, rows, columns), notes
    gaps = np.diff(origins @ normal)
    step = (origins[-1] - origins[0]) / (len(stack) - 1)
    drift = step - normal * float(step @ normal)
    tilt = float(np.degrees(np.arctan2(np.linalg.norm(drift), float(step @ normal))))
    # The lower of the two in the middle, so that of two gaps the wider is the odd one.
    median = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    worst = int(np.argmax(np.abs(gaps - median)))
    deviation = abs(float(gaps[worst]) - median) / median
    if deviation > GAP_TOLERANCE:
        raise NoVolumeError(_gap_text(stack, gaps, median, worst, tilt), _gap_remedy(gaps, median))
    beside = np.linalg.norm(origins - origins[0] - np.arange(len(stack))[:, None] * step, axis=1)
    if beside.max() > _DRIFT_TOLERANCE * np.linalg.norm(step):
        raise NoVolumeError(_drift_text(stack, gaps, beside), _RESAMPLE)
    if deviation > _NOTED_JITTER:
        notes.append(
            f"the gaps between slices jitter from {gaps.min():.3f} to {gaps.max():.3f} mm; "
            f"their mean {gaps.mean():.4f} mm is the spacing"
        )
    if tilt > _TILT_DEGREES:
        notes.append(f"the gantry is tilted by {tilt:.1f}°; the affine is sheared")
    return _affine(first, origins[0], step, rows, columns), notes


def _gap_text(stack: list[SliceHeader], gaps: NDArray[np.float64], median: float, worst: int, tilt: float) -> str:
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


def _drift_text(stack: list[SliceHeader], gaps: NDArray[np.float64], beside: NDArray[np.float64]) -> str:
    return (
        f"the gaps between slices are not equal, from {gaps.min():.3f} to {gaps.max():.3f} mm: at equal gaps "
        f"{stack[int(np.argmax(beside))].name} would lie {beside.max():.2f} mm beside its place"
    )


def _gap_remedy(gaps: NDArray[np.float64], median: float) -> str:
    if any(_missing(float(g), median) for g in gaps):
        return "Export the series again with all its slices."
    return _RESAMPLE


def _missing(gap: float, median: float) -> int:
    times = round(gap / median)
    return times - 1 if times >= 2 and abs(gap / median - times) < 0.05 * times else 0


def _affine(
    facts: SliceHeader, origin: NDArray[np.float64], step: NDArray[np.float64], rows: float, columns: float
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


def _normal(facts: SliceHeader) -> NDArray[np.float64]:
    assert facts.orientation is not None
    normal = np.cross(facts.orientation[:3], facts.orientation[3:])
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)
