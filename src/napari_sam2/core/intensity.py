"""Window/level: one mapping of voxel values to 0…1 for the whole volume, applied frame by frame.

The model sees exactly what the user sees: the window is the layer's contrast limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arguments import check_window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_sam2.core.arrays import Parts
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.volume import ImageVolume

SOFT_TISSUE = (-160.0, 240.0)
_SAMPLED_FRAMES = 64


def default_window(volume: ImageVolume, grid: FrameGrid) -> tuple[float, float]:
    """The window of a volume for which the user has chosen none.

    Its own; for HU without one, soft tissue (level 40, width 400); otherwise the 0.5 to 99.5 percentiles of the
    voxels above the volume's minimum and other than the declared padding value. NaN and infinities are left out.
    Values that nobody calls HU (NIfTI files and arrays do not say) are taken for such where they look like a CT.
    """
    if volume.window is not None:
        return check_window(volume.window)
    if volume.is_hu:
        return SOFT_TISSUE
    step = max(1, grid.frame_count // _SAMPLED_FRAMES)
    parts = volume.parts
    values = np.concatenate([_sample(grid.read(parts, f)) for f in range(0, grid.frame_count, step)])
    if volume.padding_value is not None:
        values = values[values != volume.padding_value]
    if values.size == 0:
        return 0.0, 1.0
    if _look_like_hu(values):
        return SOFT_TISSUE
    above = values[values > values.min()]
    if above.size == 0:
        level = float(values[0])
        return level, level + _step(level)
    low, high = (float(v) for v in np.percentile(above, (0.5, 99.5)))
    return (low, high) if high > low else (low - _step(low) / 2, low + _step(low) / 2)


def value_range(volume: ImageVolume, window: tuple[float, float] | None = None) -> tuple[float, float]:
    """The lowest and the highest value of a volume, between which a window can be chosen; reads the image.

    NaN and infinities are left out. Of an array that is not in memory some frames are read, and half of what they span
    is added on each side, as far as the type goes. Values of 8 bits have the range of their type.

    Parameters
    ----------
    window
        Lies inside the range that is returned.
    """
    array = volume.array
    dtype = np.dtype(array.dtype)
    kind = np.iinfo(dtype) if dtype.kind in "iu" else None
    if dtype.kind == "b":
        low, high = 0.0, 1.0
    elif kind is not None and kind.bits == 8:
        low, high = float(kind.min), float(kind.max)
    elif isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        low, high = _extremes(array if array.ndim > 2 else array[None])
    else:
        low, high = _extremes(_some_planes(volume.parts))
        room = min((high - low) / 2, float(np.finfo(np.float64).max) / 4)
        low, high = low - room, high + room
        if kind is not None:
            low, high = max(low, float(kind.min)), min(high, float(kind.max))
    if window is not None:
        low, high = min(low, window[0]), max(high, window[1])
    return (low, high) if high > low else (low, low + _step(low))


def _extremes(planes: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """The lowest and the highest finite value; 0 and 0 where there is none."""
    lows, highs = [], []
    for plane in planes:
        finite = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
        if finite.size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
    return (min(lows), max(highs)) if lows else (0.0, 0.0)


def _some_planes(parts: Parts) -> Iterator[NDArray[Any]]:
    """First, middle and last plane of an array, by all axes but the last two."""
    for share in (0.0, 0.5, 1.0):
        yield parts[tuple(round(share * (n - 1)) for n in parts.shape[:-2])]


def _step(level: float) -> float:
    """1, or as much as can be told from a value that is large."""
    return max(1.0, abs(level) * 1e-6)


def _look_like_hu(values: NDArray[np.float64]) -> bool:
    """Whether some is as dark as air or lung and some like soft tissue, and far less as bright as bone.

    The last tells a CT from signals that swing around 0. A head or a joint without any air is not recognised.
    """
    air, tissue, bone = (
        float(np.mean((values >= low) & (values < high))) for low, high in ((-1100, -500), (-200, 300), (500, 1100))
    )
    return air >= 0.02 and tissue >= 0.05 and bone < air / 2


def _sample(plane: NDArray[Any]) -> NDArray[np.float64]:
    values = plane.ravel()
    values = values[:: max(1, values.size // 250_000)].astype(np.float64)
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    return finite


@dataclass(frozen=True)
class WindowedFrames:
    """Lazy frames of a volume, mapped to 0…1: ``frames[i]`` is ``(Y, X, C) float32`` with C one or three."""

    volume: ImageVolume
    grid: FrameGrid
    window: tuple[float, float]

    def __len__(self) -> int:
        return self.grid.frame_count

    def __getitem__(self, frame: int) -> NDArray[np.float32]:
        low, high = self.window
        plane = self.grid.read(self.volume.parts, frame)
        # Large offsets (a window of 200 at 10⁹) drown in float32; small types lose nothing in it.
        exact = np.dtype(np.float32 if plane.dtype.itemsize <= 2 or plane.dtype == np.float32 else np.float64)
        scaled = ((plane.astype(exact) - low) / (high - low)).astype(np.float32)
        scaled = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
        if scaled.ndim == 2:
            scaled = scaled[..., None]
        if scaled.shape[-1] == 2:
            # Two channels have no place in RGB but red and green.
            scaled = np.concatenate([scaled, np.zeros_like(scaled[..., :1])], axis=-1)
        return np.ascontiguousarray(scaled)
