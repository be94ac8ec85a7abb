"""Figures and terms as people say them."""

from __future__ import annotations

import re

_EITHER = re.compile(r"\b([sS])lice(s?)\b|\b([fF])rame(s?)\b")


def frame_word(frame_axis: str | None, count: int = 1) -> str:
    """Name a frame: ``"frame"`` in a time-lapse, ``"slice"`` in a volume; in the plural unless there is one.

    Parameters
    ----------
    frame_axis
        Letter of the axis that is followed.

    Examples
    --------
    >>> frame_word("t"), frame_word("z", 12)
    ('frame', 'slices')
    """
    word = "frame" if frame_axis == "t" else "slice"
    return word if count == 1 else f"{word}s"


def in_terms_of(text: str, frame_axis: str | None) -> str:
    """Return a text that speaks of slices or of frames with the word that fits the axis.

    Examples
    --------
    >>> in_terms_of("Lock this slice. Slices stay.", "t")
    'Lock this frame. Frames stay.'
    """
    word = frame_word(frame_axis)

    def fitting(found: re.Match[str]) -> str:
        first, plural = found[1] or found[3], found[2] or found[4] or ""
        return (word.capitalize() if first.isupper() else word) + plural

    return _EITHER.sub(fitting, text)


def duration(seconds: float) -> str:
    """Return seconds rounded, in the unit that suits them; at least ``"1 s"``.

    Parameters
    ----------
    seconds : float
        Not negative.
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def duration_in_words(seconds: float) -> str:
    """Return seconds rounded, in the unit that suits them, written out; at least a second.

    Examples
    --------
    >>> duration_in_words(0.2), duration_in_words(48), duration_in_words(200)
    ('a second', '48 seconds', '3 minutes')
    """
    if seconds < 90:
        count, unit = max(1, round(seconds)), "second"
    elif seconds < 5400:
        count, unit = round(seconds / 60), "minute"
    else:
        return f"{seconds / 3600:.1f} hours"
    return f"a {unit}" if count == 1 else f"{count} {unit}s"
