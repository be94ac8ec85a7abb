"""When a picture was taken, as a number that can be compared: dates, times and time zones of DICOM."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from napari_sam2.io.dicom.elements import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydicom.dataset import Dataset

    from napari_sam2.io.dicom.frame import Frame

_DAY = 86_400.0
_DATE = re.compile(r"(\d{4})[.:-]?(\d{2})[.:-]?(\d{2})")
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(\.\d*)?)?)?")
_ZONE = re.compile(r"([+-])(\d{2})(\d{2})$")


class Moment(NamedTuple):
    """Seconds since a fixed day, or since midnight where the day is not known."""

    seconds: float
    is_dated: bool


def acquired(header: Frame) -> Moment | None:
    """Return when a picture was acquired: AcquisitionDateTime, or AcquisitionDate with AcquisitionTime.

    Examples
    --------
    >>> acquired({"AcquisitionTime": "1200"}), acquired({"AcquisitionTime": "12:00:00.5"})
    (Moment(seconds=43200.0, is_dated=False), Moment(seconds=43200.5, is_dated=False))
    """
    zone = text_of(header, "TimezoneOffsetFromUTC")
    both = text_of(header, "AcquisitionDateTime")
    found = _moment(both[:8], _ZONE.sub("", both[8:]), both if _ZONE.search(both) else zone) if both else None
    return found or _moment(text_of(header, "AcquisitionDate"), text_of(header, "AcquisitionTime"), zone)


def local_moment(
    header: Frame | Dataset | Mapping[str, str], both: str = "", day: str = "", time: str = "", zone: str = ""
) -> Moment | None:
    """Return a moment in the local time of its file, so that moments without a date can be compared with it.

    Parameters
    ----------
    header
        What holds the elements.
    both
        Keyword of an element with date and time, which goes first; one that names its own time zone is brought to
        `zone`.
    day, time
        Keywords of elements with a date and a time.
    zone
        Time zone of the file (``+0100``); empty where it names none.

    Examples
    --------
    >>> noon = local_moment({"at": "20240101120000+0200"}, both="at", zone="+0100")
    >>> noon.seconds % 86400 / 3600
    11.0
    """
    text = text_of(header, both) if both else ""
    found = _moment(text[:8], _ZONE.sub("", text[8:]), "") if text else None
    if found is not None and zone and _ZONE.search(text):
        return Moment(found.seconds + _offset(zone) - _offset(text), found.is_dated)
    return found or _moment(text_of(header, day) if day else "", text_of(header, time) if time else "", "")


def in_order(moments: Sequence[Moment | None]) -> list[float] | None:
    """Return the seconds that can be compared with each other; None where one is missing or only some have a date.

    Times without a date that are more than half a day apart are taken to span one midnight.
    """
    known = [m for m in moments if m is not None]
    if not known or len(known) < len(moments) or len({m.is_dated for m in known}) > 1:
        return None
    seconds = [m.seconds for m in known]
    if known[0].is_dated or max(seconds) - min(seconds) <= _DAY / 2:
        return seconds
    return [s + _DAY if s < _DAY / 2 else s for s in seconds]


def _moment(day: str, time: str, zone: str) -> Moment | None:
    seconds = _seconds(time)
    if seconds is None:
        return None
    days = _days(day)
    return Moment(seconds, False) if days is None else Moment(days * _DAY + seconds - _offset(zone), True)


def _seconds(text: str) -> float | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups()
    return int(hours) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0{fraction or '.0'}0")


def _days(text: str) -> int | None:
    found = _DATE.fullmatch(text)
    try:
        return None if found is None else date(*(int(n) for n in found.groups())).toordinal()
    except ValueError:
        return None


def _offset(zone: str) -> float:
    """Return the seconds by which a time zone (``+0100``) is before UTC."""
    found = _ZONE.search(zone)
    if found is None:
        return 0.0
    sign, hours, minutes = found.groups()
    return (int(hours) * 3600 + int(minutes) * 60) * (-1.0 if sign == "-" else 1.0)
