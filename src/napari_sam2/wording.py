"""Figures as people say them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds rounded, in the unit that suits them; at least ``"1 s"``.

    Parameters
    ----------
    seconds : float
        Not negative.
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
