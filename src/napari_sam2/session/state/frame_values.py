"""The last frames of a volume in its own values, for objects that are limited to a range of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.core.intensity_range import frame_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.volume import ImageVolume

_KEPT = 4  # two sweeps, each with the frame that it comes from


class FrameValues:
    """Frames ``(Y, X)`` of a volume, each read once for all objects that ask one after the other.

    Parameters
    ----------
    volume
        The image.
    grid
        Its frames.
    """

    def __init__(self, volume: ImageVolume, grid: FrameGrid) -> None:
        self._volume = volume
        self._grid = grid
        self._known: dict[int, NDArray[Any]] = {}

    def __getitem__(self, frame: int) -> NDArray[Any]:
        if frame not in self._known:
            while len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            self._known[frame] = frame_values(self._volume, self._grid, frame)
        return self._known[frame]
