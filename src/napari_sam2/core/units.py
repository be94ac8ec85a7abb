"""Units of length and time as headers and layers write them, and lengths of several axes in one unit."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# The names that volumes carry, with their length in millimetres.
_OURS = {"nm": 1e-6, "micrometer": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}
# Every spelling → one of ours, and how many of it. Unusual units are expressed in the next usual one.
_SPELLINGS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("m", "meter", "metre"), ("m", 1.0)),
    **dict.fromkeys(("km", "kilometer", "kilometre"), ("m", 1000.0)),
    **dict.fromkeys(("dm", "decimeter", "decimetre"), ("cm", 10.0)),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), ("cm", 1.0)),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), ("mm", 1.0)),
    **dict.fromkeys(("um", "\u03bcm", "â\u03bcm", "micron", "micrometer", "micrometre"), ("micrometer", 1.0)),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), ("nm", 1.0)),
    **dict.fromkeys(("pm", "picometer", "picometre"), ("nm", 1e-3)),
    **dict.fromkeys(("å", "a", "ang", "angstrom", "ångström", "angström", "ångstrom"), ("nm", 0.1)),
    **dict.fromkeys(("in", "inch", "inche", '"'), ("mm", 25.4)),
    **dict.fromkeys(("thou", "mil"), ("mm", 0.0254)),
    **dict.fromkeys(("ft", "foot", "feet"), ("cm", 30.48)),
    **dict.fromkeys(("yd", "yard"), ("cm", 91.44)),
}
# How units are written in a text; anything else is written out.
_SHORT = {
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "micrometer": "µm",
    "nanometer": "nm",
    "second": "s",
    "millisecond": "ms",
    "minute": "min",
    "hour": "h",
}
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond"), 1e-3),
    **dict.fromkeys(("us", "\u03bcs", "usec", "microsecond"), 1e-6),
    **dict.fromkeys(("ns", "nsec", "nanosecond"), 1e-9),
    **dict.fromkeys(("min", "minute"), 60.0),
    **dict.fromkeys(("h", "hr", "hour"), 3600.0),
    **dict.fromkeys(("d", "day"), 86400.0),
    **dict.fromkeys(("week",), 604800.0),
}


def length_unit(name: Any) -> tuple[str, float] | None:
    """Return what a unit of length is called in our volumes, and how many of that one it is.

    None for what is no length that we know: ``"pixel"``, an empty text, ``"parsec"``.

    Examples
    --------
    >>> length_unit("µm"), length_unit("inch"), length_unit("pixel")
    (('micrometer', 1.0), ('mm', 25.4), None)
    """
    text = _plain(name)
    # The megametre of OME differs from the millimetre in nothing but its first letter.
    return None if str(name).strip() == "Mm" else _found(text, _SPELLINGS)


def short_unit(name: str) -> str:
    """Return a unit as it stands beside a number in a text.

    Examples
    --------
    >>> short_unit("micrometer"), short_unit("mm"), short_unit("fortnight")
    ('µm', 'mm', 'fortnight')
    """
    return _SHORT.get(name, name)


def millimetres_per_unit(units: str | None) -> float | None:
    """Return the millimetres in one unit of length, or None where the unit is no physical length.

    Examples
    --------
    >>> millimetres_per_unit("cm"), millimetres_per_unit("pixel")
    (10.0, None)
    """
    known = length_unit(units)
    return None if known is None else _OURS[known[0]] * known[1]


def seconds_per_unit(units: Any) -> float | None:
    """Return the seconds in one unit of time, or None where the unit is no time.

    Examples
    --------
    >>> seconds_per_unit("ms"), seconds_per_unit("frame")
    (0.001, None)
    """
    seconds: float | None = _found(_plain(units), _SECONDS)
    return seconds


def in_one_unit(
    lengths: Mapping[str, float], units: Mapping[str, Any], notes: list[str]
) -> tuple[dict[str, float], str | None]:
    """Bring the lengths of several axes to the unit of the last axis, x.

    Parameters
    ----------
    lengths
        Step of each axis, each in its own unit, above zero.
    units
        The unit of each of these axes as the file writes it; None or an empty text where it names none.
    notes
        Gets a sentence where a unit is missing or unknown: the lengths are then proportions.

    Returns
    -------
    lengths : dict
        The same axes, in one unit.
    unit : str or None
        One of ``"nm"``, ``"micrometer"``, ``"mm"``, ``"cm"``, ``"m"``; None where it is not known.

    Examples
    --------
    >>> in_one_unit({"z": 500.0, "x": 0.25}, {"z": "nm", "x": "µm"}, [])
    ({'z': 0.5, 'x': 0.25}, 'micrometer')
    """
    known = {axis: length_unit(units.get(axis)) for axis in lengths}
    strange = {axis: _plain(units.get(axis)) for axis, unit in known.items() if unit is None}
    if strange or not known:
        named = sorted({text for text in strange.values() if text})
        reason = f"the unit {named[0]!r} is no known length" if named else "the file names no unit of length"
        where = "" if len(strange) == len(known) else f" along {', '.join(sorted(strange))}"
        notes.append(f"{reason}{where}; the steps of the axes are proportions only")
        return dict(lengths), None
    last = "x" if "x" in known else list(known)[-1]
    unit = known[last][0]  # type: ignore[index]
    factors = {a: _OURS[u[0]] * u[1] / _OURS[unit] for a, u in known.items() if u is not None}
    # A ratio of one must not cost a digit.
    return {a: v if math.isclose(factors[a], 1.0) else v * factors[a] for a, v in lengths.items()}, unit


def step_of(value: Any) -> float | None:
    """Return the size of a step as a header writes it; None for nothing, zero, and what is no number.

    The sign is the direction of an axis, not part of its step.

    Examples
    --------
    >>> step_of("-2.5"), step_of(0), step_of("nan")
    (2.5, None, None)
    """
    try:
        number = abs(float(value))
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _plain(name: Any) -> str:
    """Lower case, ImageJ's escapes resolved, and one sign each for micro and Ångström, which have two."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), "" if name is None else str(name))
    return unicodedata.normalize("NFKC", text).strip().strip("\0").lower()


def _found(text: str, table: Mapping[str, Any]) -> Any:
    # "micrometers", but not the "s" of a second.
    return table.get(text) or (table.get(text[:-1]) if len(text) > 2 and text.endswith("s") else None)
