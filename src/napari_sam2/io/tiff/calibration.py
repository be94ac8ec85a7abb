"""The steps between the voxels of a TIFF: from OME-XML, ImageJ, Micro-Manager, or the resolution of a plain one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from napari_sam2.core.units import in_one_unit, seconds_per_unit, step_of
from napari_sam2.io.tiff.ome_xml import ome_lengths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sam2.io.tiff.series import PageFacts, StoredTiff

    Steps = tuple[dict[str, float], str | None, float | None]

_INCH, _CENTIMETRE = 2, 3
_RESOLUTION_UNITS = {_INCH: "inch", _CENTIMETRE: "cm", 4: "mm", 5: "um"}
# Pixels per inch that programs write which know nothing of the picture: none, and those of screens.
_SCREENS = (1.0, 72.0, 96.0)


def steps_of(stored: StoredTiff, axes: str, notes: list[str]) -> Steps:
    """Return the step along each axis by its letter, their unit, and the frame interval in seconds.

    Only the `axes` that the image has count. The first source that knows a length counts. Where the unit is missing
    or unknown, the steps keep their proportion, and a note says so.
    """
    interval = None
    lengths: dict[str, float] = {}
    unit: str | None = None
    if stored.ome is not None:
        lengths, unit, interval = ome_lengths(stored.ome.pixels, axes, notes)
    if not lengths and stored.imagej is not None:
        lengths, unit, other = _imagej(stored.imagej, stored.page, axes, notes)
        interval = interval or other
    if not lengths and stored.micromanager is not None:
        lengths, unit, other = _micromanager(stored.micromanager)
        interval = interval or other
    if not lengths and stored.imagej is None:
        lengths, unit = _resolution(stored.page, notes)
    if not lengths:
        notes.append("the file has no physical spacing; 1 pixel is taken for the unit")
    return lengths, unit, interval


def _imagej(about: Mapping[str, Any], page: PageFacts, axes: str, notes: list[str]) -> Steps:
    """As ImageJ reads its own files: the unit of the description, else that of the resolution."""
    unit = str(about.get("unit", "")).strip()
    plane = _steps_in_plane(page)
    if not unit and plane is not None:
        screen = page.resolution_unit == _INCH and _is_screen(plane)
        unit = "" if screen else _RESOLUTION_UNITS.get(page.resolution_unit, "")
        plane = (1.0, 1.0) if screen else plane
    depth = step_of(about.get("spacing")) if "z" in axes else None
    if not unit and depth is None and plane in (None, (1.0, 1.0)):
        return {}, None, _interval(about.get("finterval"), about.get("tunit", "s"), notes)
    x, y = plane or (1.0, 1.0)
    lengths = {"y": y, "x": x}
    if depth is not None:
        lengths["z"] = depth
        if str(about["spacing"]).strip().startswith("-"):
            notes.append("the step along z is negative in the file; its size was taken")
    units = {a: str(about.get(f"{a}unit", "")).strip() or unit for a in "xyz"}
    common, name = in_one_unit(lengths, units, notes)
    return common, name, _interval(about.get("finterval"), about.get("tunit", "s"), notes)


def _micromanager(about: Mapping[str, Any]) -> Steps:
    """Return the summary that Micro-Manager puts into its files."""
    summary = about.get("Summary") or {}
    pixel, depth = step_of(summary.get("PixelSize_um")), step_of(summary.get("z-step_um"))
    interval = step_of(summary.get("Interval_ms"))
    lengths = {} if pixel is None else {"y": pixel, "x": pixel, **({} if depth is None else {"z": depth})}
    return lengths, "micrometer" if lengths else None, None if interval is None else interval / 1000.0


def _resolution(page: PageFacts, notes: list[str]) -> tuple[dict[str, float], str | None]:
    """Return the steps of a plain TIFF: pixels per inch or centimetre, or the shape of a pixel alone."""
    plane = _steps_in_plane(page)
    unit = _RESOLUTION_UNITS.get(page.resolution_unit)
    if plane is None or (unit is None and plane[0] == plane[1]):
        return {}, None
    x, y = plane
    if unit is None:
        notes.append(f"the file gives no unit, but pixels {y / x:.3g} times as high as wide")
        return {"y": y / x, "x": 1.0}, None
    inches = {_INCH: 1.0, _CENTIMETRE: 1 / 2.54}.get(page.resolution_unit)
    if inches is not None and _is_screen((x * inches, y * inches)):
        notes.append(f"a resolution of {1 / x:.4g} pixels per {unit} is that of a screen and was not taken for a size")
        return {}, None
    notes.append(f"the pixel size is that of the file's resolution, {1 / x:.6g} pixels per {unit}")
    return in_one_unit({"y": y, "x": x}, {"y": unit, "x": unit}, notes)


def _steps_in_plane(page: PageFacts) -> tuple[float, float] | None:
    """Return the steps along x and y in units of the resolution; None where the file has no resolution."""
    if page.resolution is None:
        return None
    x, y = (step_of(r) for r in page.resolution)
    if x is None and y is None:
        return None
    return 1.0 / (x or y or 1.0), 1.0 / (y or x or 1.0)


def _is_screen(inches: tuple[float, float]) -> bool:
    return inches[0] == inches[1] and any(math.isclose(1.0 / inches[0], known, rel_tol=1e-3) for known in _SCREENS)


def _interval(value: Any, unit: Any, notes: list[str]) -> float | None:
    interval, seconds = step_of(value), seconds_per_unit(unit)
    if interval is not None and seconds is None:
        notes.append(f"the unit {unit!r} is no known time; the frame interval was not taken")
    return interval * seconds if interval is not None and seconds is not None else None
