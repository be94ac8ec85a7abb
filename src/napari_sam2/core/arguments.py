"""Checks of arguments that several calls take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import NapariSam2Error, VolumeError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def numbers(values: Any) -> tuple[float, ...]:
    """Return several numbers as floats; a TypeError or ValueError where they are none."""
    if isinstance(values, str | bytes):
        # float() would take digits and bytes one by one.
        raise TypeError("a text is no sequence of numbers")
    return tuple(float(value) for value in values)


def check_choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    """Raise a NapariSam2Error that lists what an argument can be, unless it is one of these."""
    if value not in known:
        raise NapariSam2Error(f"There is no {name}={value!r}; choose one of {', '.join(known)}.")


def check_window(window: Any, called: str = "window") -> tuple[float, float]:
    """Return ``(low, high)`` as floats, or raise a VolumeError if they are not finite and in order.

    Parameters
    ----------
    called
        Name of the argument.
    """
    try:
        low, high = numbers(window)
    except (TypeError, ValueError, OverflowError) as error:
        raise VolumeError(f"{called}={window!r} must be two numbers (low, high).") from error
    # A width beyond what a number can hold would make everything black.
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(high - low) and low < high):
        raise VolumeError(f"{called}=({low:g}, {high:g}) must be two finite values, low before high.")
    return low, high


def checked_names(names: Any) -> dict[int, str]:
    """Return names of labels by number, or raise a VolumeError where they are something else; None is no names."""
    if names is None:
        return {}
    if not isinstance(names, Mapping) or not all(
        isinstance(number, Integral) and not isinstance(number, bool) and isinstance(name, str)
        for number, name in names.items()
    ):
        raise VolumeError(f"names={names!r} must give a text for each label, such as {{1: 'liver'}}.")
    return {int(number): name for number, name in names.items()}


def checked_affine(affine: Any) -> NDArray[np.float64]:
    """Return a new 4x4 matrix, or raise a VolumeError where it leads from no grid to a place in space."""
    try:
        matrix = np.array(affine, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise VolumeError("The affine must be a 4x4 matrix of numbers.") from error
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise VolumeError(f"The affine must be a finite 4x4 matrix, not one of shape {matrix.shape}.")
    if not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise VolumeError(f"The last row of the affine must be (0, 0, 0, 1), not {tuple(matrix[3].tolist())}.")
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    # Relative to the columns' lengths, so that micrometres do not look singular.
    if not lengths.all() or abs(np.linalg.det(matrix[:3, :3] / lengths)) < 1e-6:
        raise VolumeError("The affine is singular: two of its axes point the same way, or one has no length.")
    return matrix
