"""A range of the volume's own values as a limit of masks: voxels outside it belong to no object."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import PromptError, VolumeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.volume import ImageVolume

# The logit below which SAM 2 puts the pixels of other objects before it remembers a mask.
OUTSIDE_LOGIT = -10.0
# Tukey's fences: so many distances of the quartiles beyond each of them.
_FENCE = 1.5


@dataclass(frozen=True)
class IntensityRange:
    """The values that an object may have, both ends included; None is no limit on that side.

    Parameters
    ----------
    low, high
        In the volume's values, not in what contrast limits make of them.

    Raises
    ------
    VolumeError
        If an end is no finite number, or `low` is above `high`.

    Examples
    --------
    >>> import numpy as np
    >>> IntensityRange(-50, 200).contains(np.array([[-60, -50], [200, 201]])).tolist()
    [[False, True], [True, False]]
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("low", self.low), ("high", self.high)):
            number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
            if value is not None and not math.isfinite(number):
                raise VolumeError(f"{name}={value!r} must be a finite number, or None for no limit.")
            object.__setattr__(self, name, None if value is None else number)
        if self.low is not None and self.high is not None and self.low > self.high:
            raise VolumeError(f"The range of values from {self.low:g} to {self.high:g} is empty: give low before high.")

    @property
    def is_off(self) -> bool:
        """Return whether it limits nothing."""
        return self.low is None and self.high is None

    def contains(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which values lie inside.

        Parameters
        ----------
        values
            Of any shape and type.

        Returns
        -------
        NDArray
            Of the same shape, bool. NaN lies in no range, but in one that limits nothing.
        """
        inside = np.ones(values.shape, bool)
        if self.low is not None:
            inside &= values >= self.low
        if self.high is not None:
            inside &= values <= self.high
        return inside

    def limit(self, mask: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
        """Take the voxels outside the range from a mask, or make their logits those of background.

        Parameters
        ----------
        mask
            ``(Y, X)``, bool, or the logits, float.
        values
            ``(Y, X)``, the frame in the volume's values, as :func:`frame_values` reads it.

        Returns
        -------
        NDArray
            A new array of the type of `mask`; logits outside are at most :data:`OUTSIDE_LOGIT`.

        Raises
        ------
        VolumeError
            If the two differ in shape.
        """
        if mask.shape != values.shape:
            raise VolumeError(f"A mask of shape {mask.shape} cannot be limited by values of shape {values.shape}.")
        inside = self.contains(values)
        if mask.dtype == bool:
            return mask & inside
        return np.where(inside, mask, np.minimum(mask, mask.dtype.type(OUTSIDE_LOGIT)))

    def to_list(self) -> list[float | None]:
        """Return ``[low, high]``, JSON-ready; :meth:`from_list` reads it."""
        return [self.low, self.high]

    @classmethod
    def from_list(cls, data: Sequence[float | None]) -> IntensityRange:
        """Return the range of :meth:`to_list`."""
        low, high = data
        return cls(low, high)


def frame_values(volume: ImageVolume, grid: FrameGrid, frame: int) -> NDArray[Any]:
    """Read a frame in the volume's own values, ``(Y, X)``; of several channels the first of those that are shown.

    Parameters
    ----------
    volume
        The image.
    grid
        Its frames and channels.
    frame
        Index along the video axis.

    Raises
    ------
    ReadError
        If the frame cannot be read.
    """
    plane = grid.read(volume.parts, frame)
    return plane if plane.ndim == 2 else plane[..., 0]


def range_inside(mask: NDArray[np.bool_], values: NDArray[Any]) -> IntensityRange:
    """Take the range of an object from the values inside its mask on a prompted frame.

    Between Tukey's fences, one and a half distances of the quartiles beyond them (J. W. Tukey, Exploratory Data
    Analysis, 1977), which hold 99.3 % of normally distributed values, and do not move where the border runs over into
    a neighbour. At least from the 5th to the 95th percentile: where most values are the same, the fences are narrow.

    Parameters
    ----------
    mask
        ``(Y, X) bool``.
    values
        ``(Y, X)``, the same frame in the volume's values. NaN and infinities are left out.

    Raises
    ------
    VolumeError
        If the two differ in shape.
    PromptError
        If no value lies inside.

    Examples
    --------
    >>> import numpy as np
    >>> range_inside(np.ones((1, 101), bool), np.arange(101)[None])
    IntensityRange(low=-50.0, high=150.0)
    """
    if mask.shape != values.shape:
        raise VolumeError(f"A mask of shape {mask.shape} has no values in a frame of shape {values.shape}.")
    inside = values[mask.astype(bool)].astype(np.float64)
    inside = inside[np.isfinite(inside)]
    if inside.size == 0:
        raise PromptError("The mask holds no voxel with a value to take the range from: draw or predict it first.")
    least, first, third, most = (float(v) for v in np.percentile(inside, (5, 25, 75, 95)))
    reach = _FENCE * (third - first)
    return IntensityRange(min(least, first - reach), max(most, third + reach))
