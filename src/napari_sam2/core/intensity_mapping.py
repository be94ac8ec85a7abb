"""Contrast limits and gamma: the mapping of voxel values to the 0…1 that a model sees, one for the whole volume."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arguments import check_window
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ContrastLimits = tuple[float, float] | tuple[tuple[float, float], ...]
# Below a third of float32's largest value, a difference of two values cannot overflow.
_FLOAT32_ROOM = float(np.finfo(np.float32).max) / 3


@dataclass(frozen=True)
class IntensityMapping:
    """Contrast limits, one pair or one for each channel, and gamma; :meth:`of` checks them.

    Parameters
    ----------
    contrast_limits
        ``((low, high), …)`` in the volume's values: what is mapped to 0 and to 1.
    gamma
        Exponent after the limits, as in napari: ``((value - low) / (high - low)) ** gamma``, for all channels.

    Examples
    --------
    >>> import numpy as np
    >>> IntensityMapping.of((0, 200)).apply(np.array([[0, 50], [100, 400]]))[..., 0].tolist()
    [[0.0, 0.25], [0.5, 1.0]]
    """

    contrast_limits: tuple[tuple[float, float], ...]
    gamma: float = 1.0

    @classmethod
    def of(
        cls, contrast_limits: Any, gamma: float = 1.0, channels: int | None = None, called: str = "contrast_limits"
    ) -> IntensityMapping:
        """Check contrast limits and gamma as a caller gives them.

        Parameters
        ----------
        contrast_limits
            ``(low, high)`` for all channels, or one pair for each; a mapping that is one already is kept, with its
            gamma.
        gamma
            Above zero; 1 is linear.
        channels
            Number of channels that are mapped, where it is known.
        called
            Name of the argument that the limits were given as, for the text of an error.

        Raises
        ------
        VolumeError
            If a pair is not finite and in order, gamma is not above zero, or the pairs do not fit the channels.
        """
        if isinstance(contrast_limits, cls):
            mapping = contrast_limits
        else:
            mapping = cls(_pairs(contrast_limits, called), _checked_gamma(gamma))
        if channels is not None:
            mapping._check_channels(channels)
        return mapping

    def apply(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """Map the values of a frame to what the model sees.

        Parameters
        ----------
        plane
            ``(Y, X)`` or ``(Y, X, C)``, numbers of any type, with one to three channels.

        Returns
        -------
        NDArray
            ``(Y, X, 1)`` or ``(Y, X, 3) float32`` in 0…1. NaN is 0, below the limits 0, above 1. Of two channels the
            first is red, the second green, and blue is 0.

        Raises
        ------
        VolumeError
            If the mapping is of another number of channels.
        """
        channels = plane.shape[-1] if plane.ndim == 3 else 1
        self._check_channels(channels)
        low, high = np.array(self.contrast_limits).T
        shown = _unclipped(plane, low, high)
        # In place, because a frame may be large. Clipped before it is rounded to float32, in which large values are
        # infinite.
        np.clip(shown, 0.0, 1.0, out=shown)
        shown = np.nan_to_num(shown, copy=False, nan=0.0).astype(np.float32, copy=False)
        if self.gamma != 1.0:
            shown **= np.float32(self.gamma)
        if shown.ndim == 2:
            shown = shown[..., None]
        if channels == 2:
            shown = np.concatenate([shown, np.zeros_like(shown[..., :1])], axis=-1)
        return np.ascontiguousarray(shown)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        return {"contrast_limits": [list(pair) for pair in self.contrast_limits], "gamma": self.gamma}

    @classmethod
    def from_dict(cls, data: Any) -> IntensityMapping:
        """Return the mapping of :meth:`to_dict`; also of the plain ``[low, high]`` that older files have.

        Raises
        ------
        VolumeError
            If it describes no mapping.
        """
        if not isinstance(data, Mapping):
            return cls.of(data)
        return cls.of(data.get("contrast_limits"), data.get("gamma", 1.0))

    def _check_channels(self, channels: int) -> None:
        if len(self.contrast_limits) not in (1, channels):
            raise VolumeError(
                f"There are contrast_limits for {len(self.contrast_limits)} channels, but {channels} "
                f"{'is' if channels == 1 else 'are'} shown. Give one pair for all, or one for each."
            )


def _pairs(limits: Any, called: str) -> tuple[tuple[float, float], ...]:
    wrong = VolumeError(f"{called}={limits!r} must be (low, high), or one such pair for each channel.")
    if isinstance(limits, str | bytes | Mapping):
        raise wrong
    try:
        listed = list(limits)
        if len(listed) == 2 and all(np.ndim(value) == 0 for value in listed):
            return (check_window((listed[0], listed[1]), called),)
    except TypeError as error:
        raise wrong from error
    if not 1 <= len(listed) <= 3:
        raise wrong
    return tuple(check_window(pair, called) for pair in listed)


def _checked_gamma(gamma: Any) -> float:
    value = float(gamma) if isinstance(gamma, Real) and not isinstance(gamma, bool) else math.nan
    if not (math.isfinite(value) and value > 0):
        raise VolumeError(f"gamma={gamma!r} must be a finite number above zero; 1 is linear.")
    return value


def _unclipped(plane: NDArray[Any], low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[Any]:
    """Return ``(plane - low) / (high - low)``, in float32 where that loses nothing."""
    dtype = plane.dtype
    if dtype.kind in "iu" and dtype.itemsize == 8:
        return _whole_distance(plane, low, high) / (high - low)
    # Large offsets (a window of 200 at 10⁹) drown in float32; small types lose nothing in it.
    small = (dtype.itemsize <= 2 or dtype == np.float32) and max(-low.min(), high.max()) < _FLOAT32_ROOM
    exact = np.dtype(np.float32 if small else np.float64)
    # Values far outside the limits may become infinite, which is right.
    with np.errstate(over="ignore"):
        shown = plane.astype(exact)
        shown -= low.astype(exact)
        shown /= (high - low).astype(exact)
    return shown


def _whole_distance(plane: NDArray[Any], low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``plane - low`` of 64-bit integers, which float64 alone would round beyond 2⁵³."""
    kind = np.iinfo(plane.dtype)
    first = [min(max(math.floor(v), kind.min), kind.max) for v in low]
    last = [min(max(math.ceil(v), kind.min), kind.max) for v in high]
    start = np.array(first, plane.dtype)
    within = np.clip(plane, start, np.array(last, plane.dtype))
    # The difference of two int64 fits into uint64, where it is taken modulo 2⁶⁴.
    distance = (within.astype(np.uint64) - start.astype(np.uint64)).astype(np.float64)
    fraction = np.array([v - f for v, f in zip(low.tolist(), first, strict=True)])
    result: NDArray[np.float64] = distance - fraction
    return result
