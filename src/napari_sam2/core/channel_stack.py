"""Several images of one grid as the channels of one image, which is read only where it is looked at."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.volume import ImageVolume, check_volume
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sam2.core.arrays import Index, Parts

# In voxels: what headers round, and far less than what is seen.
_SAME_PLACE = 0.1


class ChannelStack:
    """Arrays of one shape as one array with a new first axis; a part is read from those arrays alone that it needs.

    Parameters
    ----------
    parts
        One for each channel, all of one shape.
    """

    def __init__(self, parts: Sequence[Parts]) -> None:
        self._parts = tuple(parts)
        self.shape = (len(self._parts), *self._parts[0].shape)
        self.ndim = len(self.shape)
        self.dtype = np.result_type(*(p.dtype for p in self._parts))

    def __getitem__(self, index: int | slice | Index) -> NDArray[Any]:
        channel, *rest = (index if isinstance(index, tuple) else (index,)) or (slice(None),)
        if isinstance(channel, slice):
            return np.stack([self._read(part, rest) for part in self._parts[channel]])
        return self._read(self._parts[channel], rest)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of it."""
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def _read(self, part: Parts, rest: Sequence[int | slice]) -> NDArray[Any]:
        return part[tuple(rest)].astype(self.dtype, copy=False)


def stack_channels(volumes: Sequence[ImageVolume], name: str = "") -> ImageVolume:
    """Return several images of one grid as the channels of one, such as PET and CT, or stains in a layer each.

    Parameters
    ----------
    volumes
        At least one; without channels, of the same axes, shape and place.
    name
        Of the image; default: the names of the channels.

    Returns
    -------
    ImageVolume
        Axes ``"c"`` and those of the volumes. Its values are read from the volumes when they are asked for. It has the
        source of the first, so that labels are written onto that one's grid, and no window: each channel has its own
        limits.

    Raises
    ------
    VolumeError
        If one has channels, or two do not lie on the same grid: the text says which, and how they differ.

    Examples
    --------
    >>> import numpy as np
    >>> ct, pet = (ImageVolume(np.zeros((4, 8, 9), t), name=n) for n, t in (("ct", np.int16), ("pet", np.float32)))
    >>> both = stack_channels([ct, pet])
    >>> both.axes, both.shape, both.name
    ('czyx', (2, 4, 8, 9), 'ct + pet')
    """
    listed = list(volumes)
    if not listed:
        raise VolumeError("Give at least one image to stack as channels.")
    for volume in listed:
        check_volume(volume)
        if "c" in volume.axes:
            raise VolumeError(f"{_called(volume, listed)} has channels itself; choose one of them first.")
    first = listed[0]
    for other in listed[1:]:
        difference = _difference(first, other)
        if difference:
            raise VolumeError(
                f"{_called(other, listed)} does not lie on the grid of {_called(first, listed, False)}: {difference}. "
                "Resample one onto the other first."
            )
    paddings = {v.padding_value for v in listed}
    return replace(
        first,
        array=ChannelStack([v.parts for v in listed]),
        levels=_levels(listed),
        axes=f"c{first.axes}",
        window=None,
        is_hu=all(v.is_hu for v in listed),
        padding_value=first.padding_value if len(paddings) == 1 else None,
        name=name or " + ".join(v.name for v in listed if v.name),
        is_time_declared=all(v.is_time_declared for v in listed),
    )


def _levels(volumes: Sequence[ImageVolume]) -> list[ChannelStack]:
    """Return the smaller levels, where all images have the same."""
    shapes = [[tuple(level.shape) for level in volume.levels] for volume in volumes]
    if any(other != shapes[0] for other in shapes):
        return []
    return [ChannelStack([v.level_parts(n) for v in volumes]) for n in range(1, len(shapes[0]) + 1)]


def _called(volume: ImageVolume, volumes: Sequence[ImageVolume], begins: bool = True) -> str:
    number = next(i for i, v in enumerate(volumes) if v is volume) + 1
    return f"{'Image' if begins else 'image'} {number}{f' ({volume.name})' if volume.name else ''}"


def _difference(first: ImageVolume, other: ImageVolume) -> str:
    """Say how the grid of another image differs; an empty text where it does not."""
    for what, ours, theirs in (
        ("axes are", first.axes, other.axes),
        ("shape is", first.shape, other.shape),
        ("unit is", first.units, other.units),
    ):
        if ours != theirs:
            return f"its {what} {theirs!r} instead of {ours!r}"
    sizes = [first.size_of(a) - 1 if a in first.axes else 0 for a in "zyx"]
    corners = np.array([(*corner, 1.0) for corner in product(*((0, n) for n in sizes))])
    moved = np.linalg.inv(first.affine) @ other.affine @ corners.T
    # In the voxels of the first image.
    away = float(np.abs(moved - corners.T).max())
    if away > _SAME_PLACE:
        spacings = f"its spacing is {other.spatial_spacing} instead of {first.spatial_spacing}"
        same = np.allclose(first.spatial_spacing, other.spatial_spacing, rtol=1e-3)
        return f"a corner lies {away:.3g} voxels away" if same else spacings
    return ""
