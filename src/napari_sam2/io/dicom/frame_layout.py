"""What the frames of a file are that does not give each a position: slices, time points, views.

The header says so in different words: of place (slice locations, the distance of slices, the slices of a detector) or
of time (frame time, cine rate, time slots). Frames of which it says neither are taken for slices, with a note.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io.dicom.elements import floats_of, integer_of, items_of, number_of, text_of, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from napari_sam2.io.dicom.frame import Frame

_AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_OF_TIME = {"FrameTime", "FrameTimeVector", "TimeSlotVector", "TimeSliceVector", "PhaseVector"}
_OF_PLACE = {"SliceLocationVector", "SliceVector"}
# How far the length of a normal may be from 1, which headers give with few digits.
_UNIT = 0.02
# Intervals that differ from their mean by less are one interval.
_EVEN = 0.1


@dataclass(frozen=True)
class _Layout:
    """Where and when each frame is.

    `places` are mm along the normal from the first place, None where all frames lie at one; `times` are ranks, None
    where time does not differ; `parts` tell frames that belong to different images; `interval` is in seconds.
    """

    places: Sequence[float] | None = None
    times: Sequence[int] | None = None
    parts: Sequence[str] | None = None
    interval: float | None = None
    is_time: bool = True
    notes: tuple[str, ...] = ()


def laid_out(frames: list[Frame]) -> list[Frame]:
    """Return the frames of one file with a position, a time and a part of their own.

    Parameters
    ----------
    frames
        In the file's order; none has a position that is not shared by all.
    """
    layout = _nuclear(frames) if _is_nuclear(frames[0].dataset) else _plain(frames)
    found = [_position(frame, detector) for frame, detector in zip(frames, _detectors(frames), strict=True)]
    # Detectors of which each has another position have said already where the frames are.
    steps = layout.places if len({position for position, _, _ in found}) < len(found) else None
    result = []
    for index, (frame, (position, orientation, is_placed)) in enumerate(zip(frames, found, strict=True)):
        normal = np.cross(orientation[:3], orientation[3:])
        step = 0.0 if steps is None else steps[index]
        own: dict[str, Any] = {
            "ImagePositionPatient": [float(v) for v in np.array(position) + step * normal],
            "ImageOrientationPatient": list(orientation),
        }
        if layout.times is not None:
            own["TemporalPositionIdentifier"] = int(layout.times[index])
        result.append(
            replace(
                frame,
                own={**frame.own, **own},
                is_placed=is_placed,
                part=layout.parts[index] if layout.parts is not None else "",
                interval=layout.interval,
                is_time=layout.is_time,
                notes=layout.notes,
            )
        )
    return result


def _detectors(frames: list[Frame]) -> list[Dataset | None]:
    """Return the item of DetectorInformationSequence that a frame comes from."""
    items = items_of(frames[0].dataset, "DetectorInformationSequence")
    vector = _vector(frames[0].dataset, "DetectorVector", len(frames)) or [1.0] * len(frames)
    return [items[int(n) - 1] if 1 <= n <= len(items) else None for n in vector]


def _position(frame: Frame, detector: Dataset | None) -> tuple[tuple[float, ...], tuple[float, ...], bool]:
    """Return the position and orientation that a frame shares with others, made up where the last value is False."""
    position, orientation = floats_of(frame, "ImagePositionPatient", 3), floats_of(frame, "ImageOrientationPatient", 6)
    if detector is not None:
        position = position or floats_of(detector, "ImagePositionPatient", 3)
        orientation = orientation or floats_of(detector, "ImageOrientationPatient", 6)
    if orientation is not None and abs(np.linalg.norm(np.cross(orientation[:3], orientation[3:])) - 1) > _UNIT:
        orientation = None
    is_placed = position is not None and orientation is not None
    return (position if position and is_placed else (0.0, 0.0, 0.0)), orientation or _AXIAL, is_placed


def frame_interval(ds: Dataset, count: int) -> float | None:
    """Return the seconds from frame to frame of a file that gives each frame its position."""
    timing = _timing(ds, count)
    return None if timing is None else timing.interval


# ---------------------------------------------------------------------- time


@dataclass(frozen=True)
class _Timing:
    """What the header says about the time between frames; `is_display` where only about showing them."""

    words: str
    interval: float | None = None
    is_display: bool = False
    note: str = ""


def _timing(ds: Dataset, count: int) -> _Timing | None:
    """Return the time between frames in seconds, as far as the header speaks of time."""
    vector = [float(v) for v in values_of(ds, "FrameTimeVector") if v not in (None, "")]
    steps = np.array(vector[1:count])
    frame_time, rate = number_of(ds, "FrameTime"), number_of(ds, "CineRate")
    if len(steps) and (steps > 0).any():
        mean = float(steps.mean())
        if float(np.abs(steps - mean).max()) <= _EVEN * mean:
            return _Timing("a frame time vector", mean / 1000)
        note = f"the times between frames differ, from {steps.min():g} to {steps.max():g} ms; no interval was taken"
        return _Timing("a frame time vector", note=note)
    if frame_time is not None and frame_time > 0:
        return _Timing("a frame time", frame_time / 1000)
    if rate is not None and rate > 0:
        return _Timing("a cine rate", 1 / rate)
    for keyword in ("RecommendedDisplayFrameRate", "RecommendedDisplayFrameRateInFloat"):
        shown = number_of(ds, keyword)
        if shown is not None and shown > 0:
            return _Timing("a frame rate for display", is_display=True, note="the frame interval is unknown")
    if _pointers(ds) & _OF_TIME:
        return _Timing("a pointer to frame times", is_display=True, note="the frame interval is unknown")
    return None


def _pointers(ds: Dataset) -> set[str]:
    """Return the keywords of the elements that say what changes from frame to frame."""
    from pydicom.datadict import keyword_for_tag

    return {keyword_for_tag(int(tag)) for tag in values_of(ds, "FrameIncrementPointer")}


def _film(frames: list[Frame], timing: _Timing) -> _Layout:
    count, gap = len(frames), number_of(frames[0], "SpacingBetweenSlices")
    notes = [f"the {count} frames were taken for time points, because the header gives {timing.words}"]
    notes += [f"the header also gives a distance of slices, {gap:g} mm, which was not used"] if gap else []
    notes += [timing.note] if timing.note else []
    return _Layout(times=range(1, count + 1), interval=timing.interval, notes=tuple(notes))


# ---------------------------------------------------------------------- place


def _plain(frames: list[Frame]) -> _Layout:
    """Return the frames of a secondary capture, of a film, or of an enhanced object without positions."""
    ds, count = frames[0].dataset, len(frames)
    pointers = _pointers(ds)
    timing = None if pointers & _OF_PLACE and not pointers & _OF_TIME else _timing(ds, count)
    own_times = _ranks([integer_of(f, "TemporalPositionIdentifier") for f in frames])
    locations = _vector(ds, "SliceLocationVector", count)
    numbers = _ranks([integer_of(f, "InStackPositionNumber") for f in frames])
    if locations is not None and len(set(locations)) > 1:
        places = [v - locations[0] for v in locations]
        note = "the slices lie at the file's slice locations, along the normal"
        return _repeated(places, own_times, timing, (note,))
    if numbers is not None:
        step, notes = _step(frames[0])
        return _repeated([(n - numbers[0]) * step for n in numbers], own_times, timing, notes)
    if own_times is not None and max(own_times) == count:
        return _Layout(times=own_times, interval=timing.interval if timing else None)
    has_gap = bool(number_of(frames[0], "SpacingBetweenSlices"))
    if own_times is None and timing is not None and not (timing.is_display and has_gap):
        return _film(frames, timing)
    step, notes = _step(frames[0])
    if not (has_gap or pointers & _OF_PLACE):
        taken = f"the header says neither that the {count} frames are slices nor that they are time points; slices"
        notes = (f"{taken} were assumed", *notes)
    if own_times is not None:
        return _Layout([step * (n - 1) for n in _occurrences(own_times)], own_times, notes=notes)
    return _Layout(places=[step * i for i in range(count)], notes=notes)


def _step(first: Frame) -> tuple[float, tuple[str, ...]]:
    """Return the signed mm from slice to slice along the normal, and what was assumed for it."""
    gap = number_of(first, "SpacingBetweenSlices")
    if gap:
        return gap, ()
    thickness = number_of(first, "SliceThickness")
    if thickness is not None and thickness > 0:
        return thickness, (f"the distance of slices is not given; the slice thickness, {thickness:g} mm, was taken",)
    return 1.0, ("the distance of slices is not given; 1 was taken",)


def _repeated(
    places: Sequence[float], times: Sequence[int] | None, timing: _Timing | None, notes: tuple[str, ...]
) -> _Layout:
    """Order frames at places; where places repeat, in time, or in an order of which nothing says that it is time."""
    if len(set(places)) == len(places):
        return _Layout(places=places, notes=notes)
    # The time between frames is that between slices here.
    is_time = times is not None or timing is not None
    return _Layout(places, times or _occurrences(places), is_time=is_time, notes=notes)


def _occurrences(keys: Sequence[Any]) -> list[int]:
    """Return how often each key has come up so far, itself included."""
    seen: dict[Any, int] = {}
    found = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        found.append(seen[key])
    return found


# ---------------------------------------------------------------------- nuclear medicine


def _is_nuclear(ds: Dataset) -> bool:
    return text_of(ds, "Modality") == "NM" or any(
        k in ds for k in ("SliceVector", "TimeSlotVector", "TimeSliceVector", "AngularViewVector", "NumberOfSlices")
    )


def _nuclear(frames: list[Frame]) -> _Layout:
    """Return the frames as the vectors of a nuclear medicine image index them."""
    ds, count = frames[0].dataset, len(frames)
    kinds = [str(v).upper() for v in values_of(ds, "ImageType")]
    is_reconstructed = "RECON TOMO" in kinds or "RECON GATED TOMO" in kinds
    parts = _parts(ds, count, is_reconstructed)
    slices = _differing(ds, "SliceVector", count)
    slots = _differing(ds, "TimeSlotVector", count)
    in_time = slots or _pairs(_differing(ds, "PhaseVector", count), _differing(ds, "TimeSliceVector", count))
    within = _occurrences([*zip(parts or [""] * count, in_time or [0] * count, strict=True)])
    is_stack = is_reconstructed or integer_of(ds, "NumberOfSlices") == max(within)
    if slices is None and max(within) > 1 and is_stack:
        slices = within
    times = {integer_of(ds, "NumberOfTimeSlices"), integer_of(ds, "NumberOfTimeSlots")}
    if (
        slices is None
        and in_time is None
        and max(within) > 1
        and ({"DYNAMIC", "GATED"} & {*kinds} or max(within) in times)
    ):
        in_time = within
    interval = _nuclear_interval(ds)
    if slices is not None:
        step, notes = _step(frames[0])
        places = [(s - slices[0]) * step for s in slices]
        return _Layout(places, in_time, parts, interval if in_time else None, notes=notes)
    if in_time is not None:
        return _Layout(None, in_time, parts, interval, notes=_unknown(interval))
    if _differing(ds, "AngularViewVector", count) or _differing(ds, "RotationVector", count):
        note = "the frames are projections from several angles, not slices; the distance between them has no meaning"
        return _Layout([float(n) for n in within], None, parts, notes=(note,))
    if max(within) == 1:
        return _Layout(None, None, parts)
    plain = _plain(frames)
    return replace(plain, parts=parts)


def _parts(ds: Dataset, count: int, is_reconstructed: bool) -> list[str] | None:
    """Return the energy window, detector and R-R interval of each frame, where they differ: images of their own."""
    named = (
        ("EnergyWindowVector", "energy window"),
        ("DetectorVector", "detector"),
        ("RRIntervalVector", "R-R interval"),
    )
    # Slices are reconstructed from what all detectors saw.
    vectors = {name: _differing(ds, keyword, count) for keyword, name in named}
    found = [(v, name) for name, v in vectors.items() if v and not (is_reconstructed and name == "detector")]
    if not found:
        return None
    return [", ".join(f"{name} {values[i]}" for values, name in found) for i in range(count)]


def _nuclear_interval(ds: Dataset) -> float | None:
    """Return the seconds between time slots or time slices, where they are all the same."""
    gated = [i for g in items_of(ds, "GatedInformationSequence") for i in items_of(g, "DataInformationSequence")]
    steps = {number_of(i, "FrameTime") for i in gated}
    steps |= {
        (number_of(p, "ActualFrameDuration") or 0) + (number_of(p, "PauseBetweenFrames") or 0)
        for p in items_of(ds, "PhaseInformationSequence")
    }
    if not steps:
        steps = {number_of(ds, "FrameTime")}
    step = steps.pop()
    return step / 1000 if step and not steps else None


def _unknown(interval: float | None) -> tuple[str, ...]:
    return () if interval else ("the frame interval is unknown, or differs",)


def _pairs(phases: list[int] | None, slices: list[int] | None) -> list[int] | None:
    """Return the order in time of frames in several phases of several time slices."""
    if phases is None:
        return slices
    # A phase without time slices of its own has its frames in the order of the file.
    inner = slices or _occurrences(phases)
    order = sorted(set(zip(phases, inner, strict=True)))
    return [order.index(pair) + 1 for pair in zip(phases, inner, strict=True)]


def _vector(ds: Dataset, keyword: str, count: int) -> list[float] | None:
    """Return one value a frame."""
    values = [float(v) for v in values_of(ds, keyword) if v not in (None, "")]
    return values if len(values) == count and np.isfinite(values).all() else None


def _differing(ds: Dataset, keyword: str, count: int) -> list[int] | None:
    """Return the index of each frame in an index vector, if it is not the same for all."""
    values = _vector(ds, keyword, count)
    return [int(v) for v in values] if values is not None and len(set(values)) > 1 else None


def _ranks(values: Sequence[int | None]) -> list[int] | None:
    """Return 1 for the lowest of some numbers, and so on; None where one is missing or all are the same."""
    known = [v for v in values if v is not None]
    if len(known) < len(values) or len(set(known)) < 2:
        return None
    order = sorted(set(known))
    return [order.index(v) + 1 for v in known]
