"""The default contrast limits of a volume, and its frames as the model sees them.

The model sees exactly what the user sees: the limits are those of the layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arguments import check_window
from napari_sam2.core.intensity_mapping import IntensityMapping
from napari_sam2.core.pyramid import plane_factors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_sam2.core.arrays import Parts
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.volume import ImageVolume

SOFT_TISSUE = (-160.0, 240.0)
_SAMPLED_FRAMES = 64
_LARGEST = float(np.finfo(np.float64).max) / 4


def default_window(volume: ImageVolume, grid: FrameGrid) -> tuple[float, float]:
    """Return the contrast limits of a volume for which the user has chosen none, one pair for all channels.

    Its own; for HU without one, soft tissue (level 40, width 400); otherwise the 0.5 to 99.5 percentiles of the
    voxels above the volume's minimum and other than the declared padding value. NaN and infinities are left out.
    Values that nobody calls HU (NIfTI files and arrays do not say) are taken for such where they look like a CT.

    Parameters
    ----------
    volume
        The image; some of its frames are read.
    grid
        Its frames; the channels that count.

    Returns
    -------
    tuple of float
        ``(low, high)`` in the volume's values.

    Raises
    ------
    ReadError
        If the image cannot be read.
    """
    if volume.window is not None:
        return check_window(volume.window)
    if volume.is_hu:
        return SOFT_TISSUE
    values = sampled_values(volume, grid)
    return SOFT_TISSUE if look_like_hu(values) else percentile_limits(values, 0.5, 99.5)


def default_mapping(volume: ImageVolume, grid: FrameGrid) -> IntensityMapping:
    """Return the mapping of a volume for which the user has chosen none.

    That of :func:`default_window`. Of several channels each has its own, but for those of a colour picture, whose hues
    one mapping keeps. A colour picture has three channels (or four, with alpha), of 8 bits or as its last axis.

    Parameters
    ----------
    volume
        The image; some of its frames are read.
    grid
        Its frames; the channels that count.

    Raises
    ------
    ReadError
        If the image cannot be read.
    """
    is_alike = len(grid.channels) < 2 or _is_picture(volume, grid)
    if is_alike or volume.window is not None or volume.is_hu:
        return IntensityMapping.of(default_window(volume, grid))
    each = [replace(grid, channels=(channel,)) for channel in grid.channels]
    return IntensityMapping.of([default_window(volume, one) for one in each])


def _is_picture(volume: ImageVolume, grid: FrameGrid) -> bool:
    is_colour = volume.parts.dtype == np.uint8 or (grid.axes[-1] == "c" and volume.size_of("c") in (3, 4))
    return is_colour and grid.channels == (0, 1, 2)


def sampled_values(volume: ImageVolume, grid: FrameGrid) -> NDArray[np.float64]:
    """Read values from up to some hundred frames, ``(n,)``, without padding, NaN and infinities.

    Parameters
    ----------
    volume
        The image.
    grid
        Its frames; the values are those of its channels.

    Raises
    ------
    ReadError
        If the image cannot be read.
    """
    step = max(1, grid.frame_count // _SAMPLED_FRAMES)
    parts = volume.parts
    values = np.concatenate([_sample(grid.read(parts, f)) for f in range(0, grid.frame_count, step)])
    return values if volume.padding_value is None else values[values != volume.padding_value]


def percentile_limits(values: NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    """Return contrast limits at two percentiles of the values above their minimum, which is taken for background.

    Parameters
    ----------
    values
        ``(n,)``, finite.
    low, high
        In per cent.

    Returns
    -------
    tuple of float
        Always in order: where there are no two values, the limits are as wide as 1, or as can be told apart.
    """
    if values.size == 0:
        return 0.0, 1.0
    background = float(values.min())
    above = values[values > background]
    if above.size == 0:
        return background, background + _step(background)
    bottom, top = (float(v) for v in np.percentile(above, (low, high)))
    return (bottom, top) if top > bottom else (background, top)


def value_range(volume: ImageVolume, window: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return the lowest and the highest value of a volume, between which limits can be chosen; reads the image.

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
        room = min((high - low) / 2, _LARGEST)
        low, high = low - room, high + room
        if kind is not None:
            low, high = max(low, float(kind.min)), min(high, float(kind.max))
    if window is not None:
        low, high = min(low, window[0]), max(high, window[1])
    return (low, high) if high > low else (low, low + _step(low))


def _extremes(planes: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """Return the lowest and the highest finite value; 0 and 0 where there is none."""
    lows, highs = [], []
    for plane in planes:
        finite = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
        if finite.size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
    return (min(lows), max(highs)) if lows else (0.0, 0.0)


def _some_planes(parts: Parts) -> Iterator[NDArray[Any]]:
    """Yield the first, middle and last plane of an array, by all axes but the last two."""
    for share in (0.0, 0.5, 1.0):
        yield parts[tuple(round(share * (n - 1)) for n in parts.shape[:-2])]


def _step(level: float) -> float:
    """1, or as much as can be told from a value that is large."""
    return max(1.0, abs(level) * 1e-6)


def look_like_hu(values: NDArray[np.float64]) -> bool:
    """Tell whether some is as dark as air or lung and some like soft tissue, and far less as bright as bone.

    The last tells a CT from signals that swing around 0. A head or a joint without any air is not recognised.

    Parameters
    ----------
    values
        ``(n,)``, finite.
    """
    if values.size == 0:
        return False
    air, tissue, bone = (
        float(np.mean((values >= low) & (values < high))) for low, high in ((-1100, -500), (-200, 300), (500, 1100))
    )
    return air >= 0.02 and tissue >= 0.05 and bone < air / 2


def _sample(plane: NDArray[Any]) -> NDArray[np.float64]:
    values = plane.ravel()
    values = values[:: max(1, values.size // 250_000)].astype(np.float64)
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    # So that no difference of two values is infinite.
    return np.clip(finite, -_LARGEST, _LARGEST)


@dataclass(frozen=True)
class WindowedFrames:
    """Lazy frames of a volume, mapped to 0…1: ``frames[i]`` is ``(Y, X, C) float32`` with C one or three.

    One frame is read at a time, when it is asked for, and none is kept.

    Parameters
    ----------
    volume
        The image.
    grid
        Its frames and channels.
    mapping
        Or one pair of contrast limits for all channels.

    Raises
    ------
    VolumeError
        If the mapping is none, or does not fit the channels.
    """

    volume: ImageVolume
    grid: FrameGrid
    mapping: IntensityMapping | tuple[float, float]

    def __post_init__(self) -> None:
        mapping = IntensityMapping.of(self.mapping, channels=max(1, len(self.grid.channels)))
        object.__setattr__(self, "mapping", mapping)

    def __len__(self) -> int:
        return self.grid.frame_count

    def __getitem__(self, frame: int) -> NDArray[np.float32]:
        return IntensityMapping.of(self.mapping).apply(self.grid.read(self.volume.parts, frame))

    @property
    def frame_shape(self) -> tuple[int, int]:
        """``(Y, X)`` of a frame, known without reading one."""
        return self.grid.frame_shape

    def read_part(self, frame: int, y0: int, x0: int, y1: int, x1: int) -> NDArray[np.float32]:
        """Read a part of a frame without the rest, as far as the array's chunks allow.

        Parameters
        ----------
        frame
            Index of the frame.
        y0, x0, y1, x1
            Half-open box in data pixels, inside the frame.

        Returns
        -------
        NDArray
            ``(y1 - y0, x1 - x0, C) float32``: what ``frames[frame]`` has there.

        Raises
        ------
        ReadError
            If the image cannot be read.

        Examples
        --------
        >>> from napari_sam2.core.frames import FrameGrid
        >>> from napari_sam2.core.volume import ImageVolume
        >>> volume = ImageVolume(np.arange(24).reshape(2, 3, 4))
        >>> WindowedFrames(volume, FrameGrid.of(volume), (0, 24)).read_part(1, 0, 2, 2, 4)[..., 0].tolist()
        [[0.5833333134651184, 0.625], [0.75, 0.7916666865348816]]
        """
        return self.read_reduced(frame, 1, y0, x0, y1, x1)

    def level_factor(self, reduction: float) -> int:
        """Return by how much the planes of the smallest level that is large enough are reduced; 1 for the finest.

        Parameters
        ----------
        reduction
            Pixels of a frame for one pixel that will be looked at: a level is reduced by no more than that.
        """
        return max((f for f in self._factors() if f <= reduction), default=1)

    def read_reduced(self, frame: int, factor: int, y0: int, x0: int, y1: int, x1: int) -> NDArray[np.float32]:
        """Read a part of a frame from a smaller level of a multiscale image.

        Parameters
        ----------
        frame
            Index of the frame.
        factor
            That of a level, as :meth:`level_factor` returns it.
        y0, x0, y1, x1
            Half-open box in pixels of that level, each of which stands for a block of ``factor`` x ``factor`` pixels
            of the frame; cut where the level ends.

        Returns
        -------
        NDArray
            ``(y1 - y0, x1 - x0, C) float32``.

        Raises
        ------
        ReadError
            If the image cannot be read.
        """
        level = 0 if factor == 1 else self._factors()[factor]
        part = self.grid.read(self.volume.level_parts(level), frame, (y0, x0, y1, x1))
        return IntensityMapping.of(self.mapping).apply(part)

    def _factors(self) -> dict[int, int]:
        """Return the index of the level with each factor."""
        shapes = [self.volume.shape, *(tuple(level.shape) for level in self.volume.levels)]
        rows, columns = (self.grid.axes.index(a) for a in self.grid.plane_axes)
        return {factor: level for level, factor in plane_factors(shapes, (rows, columns)).items()}
