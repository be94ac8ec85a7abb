"""Physical sizes of a frame: of its pixels, and from one frame to the next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_sam2.core.formatting import frame_word
from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.volume import ImageVolume

# What division leaves of a whole number.
_ROUNDING = 1e-6


def pixel_size(volume: ImageVolume, grid: FrameGrid) -> tuple[float, float]:
    """Return the distance of pixel centres of a frame, ``(y, x)``, in the volume's unit.

    Parameters
    ----------
    volume
        The image.
    grid
        Its frames.

    Raises
    ------
    VolumeError
        If an axis of the frames is time.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.frames import FrameGrid
    >>> from napari_sam2.core.volume import ImageVolume
    >>> volume = ImageVolume(np.zeros((4, 8, 9)), spacing=(5, 0.7, 0.5), units="mm")
    >>> pixel_size(volume, FrameGrid.of(volume, "y"))
    (5.0, 0.5)
    """
    rows, columns = tuple(grid.plane_axes)
    if "t" in (rows, columns):
        raise VolumeError(
            f"The frames along {grid.frame_axis!r} run through time, so that their pixels have no size. "
            "Propagate along t, or fix it with at={'t': 0}."
        )
    return volume.spacing_of(rows), volume.spacing_of(columns)


def frame_gap(volume: ImageVolume, grid: FrameGrid) -> float | None:
    """Return the distance from one frame to the next, in the volume's unit; along time in seconds.

    Parameters
    ----------
    volume
        The image.
    grid
        Its frames.

    Returns
    -------
    float or None
        None for a single image, and along time where the frame interval is not known.
    """
    if grid.frame_axis is None or (grid.frame_axis == "t" and not volume.has_frame_interval):
        return None
    return volume.spacing_of(grid.frame_axis)


def frames_in(volume: ImageVolume, grid: FrameGrid, millimetres: float) -> int:
    """Return how many frames it takes to cover a distance, at least one.

    Parameters
    ----------
    volume
        The image.
    grid
        Its frames.
    millimetres
        Above zero.

    Raises
    ------
    VolumeError
        If the frames are not a known distance apart, or the distance is not above zero.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.frames import FrameGrid
    >>> from napari_sam2.core.volume import ImageVolume
    >>> volume = ImageVolume(np.zeros((40, 8, 9)), spacing=(2.5, 1, 1), units="mm")
    >>> frames_in(volume, FrameGrid.of(volume), 10), frames_in(volume, FrameGrid.of(volume), 11)
    (4, 5)
    """
    if not (math.isfinite(millimetres) and millimetres > 0):
        raise VolumeError(f"A distance of {millimetres!r} mm must be above zero.")
    each = millimetres_per_unit(volume.units)
    gap = frame_gap(volume, grid)
    if gap is None or each is None or grid.frame_axis == "t":
        word = frame_word(grid.frame_axis, 2)
        raise VolumeError(
            f"The {word} of this image are no known distance apart, so that {millimetres:g} mm are no number of {word}."
        )
    return max(1, math.ceil(millimetres / (gap * each) - _ROUNDING))
