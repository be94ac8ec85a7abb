"""A unit other than that of the file in which the values of an image are told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IntensityUnit:
    """A unit of the values of an image.

    Parameters
    ----------
    name
        Such as ``"SUVbw g/mL"``.
    factor
        Multiplies the values of the image; above zero.
    """

    name: str
    factor: float
