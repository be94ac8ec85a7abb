"""Fields for numbers of any size: the decimals suit them, and what nobody touched comes back unrounded."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from magicgui.widgets import FloatSpinBox

# A double has fifteen or sixteen digits.
_MOST_DECIMALS = 15


class ExactField:
    """A field that rounds what it shows, and remembers the value that it was given.

    Parameters
    ----------
    field
        The field of the form.
    decimals
        With how many decimals it shows values, see :func:`decimals_for`.
    """

    def __init__(self, field: FloatSpinBox, decimals: int) -> None:
        self.field = field
        self._given = self._shown = float(field.value)
        field.native.setDecimals(decimals)
        field.step = step_for(decimals)

    @property
    def value(self) -> float:
        """Return the value that was given, or the one that the user entered instead."""
        now = float(self.field.value)
        return self._given if now == self._shown else now

    def show(self, value: float) -> None:
        """Show a value."""
        self.field.value = value
        self._given, self._shown = value, float(self.field.value)


def decimals_for(ranges: Sequence[tuple[float | None, float | None]]) -> int:
    """Return with how many decimals ranges of values are shown, so that three digits of the smallest are seen.

    Parameters
    ----------
    ranges
        ``(low, high)``; None is an end that is not known.

    Examples
    --------
    >>> decimals_for([(-160.0, 240.0)]), decimals_for([(0.0019, 0.0025)]), decimals_for([(None, 0.05), (None, None)])
    (2, 6, 4)
    """
    sizes = [abs(end) for pair in ranges for end in pair if end]
    sizes += [abs(high - low) for low, high in ranges if low is not None and high is not None and low != high]
    return min(max(2, 2 - floor(log10(min(sizes, default=1.0)))), _MOST_DECIMALS)


def step_for(decimals: int) -> float:
    """Return by how much the arrows of a field change its value: by one where two decimals are enough."""
    return 1.0 if decimals <= 2 else 10.0 ** (1 - decimals)
