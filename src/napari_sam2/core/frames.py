"""Which axis is the video axis, and every conversion between volume, frame and ``(frame, y, x)`` coordinates.

A *frame* is one 2-D plane of the volume; ``y`` and ``x`` are its two axes in array order, whatever
letters they carry in the volume. The labels grid is the volume's grid without the channel axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.frame_axis import default_frame_axis
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume


@dataclass(frozen=True)
class FrameGrid:
    """A volume seen as a stack of 2-D frames.

    Parameters
    ----------
    axes
        Axis letters of the array, channel included.
    shape
        Shape of the array.
    frame_axis
        Letter of the video axis; None for a 2-D image, which is one frame.
    at
        Fixed index of every axis that is neither the video axis, nor in the plane, nor the channel.
    channels
        Channel indices that make the picture: none where there is no channel axis, else one to three, of which the
        model sees the first as red, the second as green and the third as blue (one alone as grey).
    """

    axes: str
    shape: tuple[int, ...]
    frame_axis: str | None
    at: tuple[tuple[str, int], ...] = ()
    channels: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        volume: ImageVolume,
        frame_axis: str | None = None,
        at: Mapping[str, int] | None = None,
        channel: int | Sequence[int] | None = None,
    ) -> FrameGrid:
        """Choose and check the video axis of a volume.

        Parameters
        ----------
        volume
            An image of two to five axes in any order.
        frame_axis
            Letter of the video axis; default: :func:`~napari_sam2.core.frame_axis.default_frame_axis`.
        at
            Index of every axis that is neither the video axis nor in the plane, such as ``{"t": 3}``.
        channel
            Index of the channel, or up to three, which are red, green and blue in this order. Default: all of three
            or four channels as a colour picture (without alpha), else the first.

        Raises
        ------
        VolumeError
            If an axis does not exist, an index is out of range, or an axis is left open.

        Examples
        --------
        >>> import numpy as np
        >>> from napari_sam2.core.volume import ImageVolume
        >>> volume = ImageVolume(np.zeros((5, 2, 4, 8, 9)), axes="tczyx")
        >>> grid = FrameGrid.of(volume, "z", at={"t": 3}, channel=1)
        >>> grid.frame_count, grid.frame_shape, grid.label_shape
        (4, (8, 9), (5, 4, 8, 9))
        """
        if at is not None and not isinstance(at, Mapping):
            raise VolumeError(f"at={at!r} must give an index for an axis, such as {{'t': 3}}.")
        axes = volume.axes
        if frame_axis == "c":
            raise VolumeError(f"Channels are no frames: propagate along one of {volume.label_axes!r}.")
        if frame_axis is None:
            frame_axis = default_frame_axis(volume, at or ()).axis
        elif frame_axis not in tuple(volume.label_axes):
            raise VolumeError(f"The volume has no axis {frame_axis!r} to propagate along; its axes are {axes!r}.")
        size = dict(zip(axes, volume.shape, strict=True))
        rest = [a for a in volume.label_axes if a != frame_axis]
        fixed = _fixed(volume, rest, at or {})
        plane = [a for a in rest if a not in fixed]
        if len(plane) > 2:
            extra = [a for a in plane if a not in "yx"] or plane
            raise VolumeError(
                f"A frame needs two axes, but {''.join(plane)!r} remain of {axes!r}. "
                f"Fix the others, for example at={{{extra[0]!r}: 0}}."
            )
        if len(plane) < 2:
            raise VolumeError(
                f"A frame needs two axes, but only {''.join(plane)!r} remains of {axes!r}. Fix fewer of them by at=…."
            )
        return cls(axes, volume.shape, frame_axis, tuple(fixed.items()), _channels(axes, size, channel))

    @property
    def plane_axes(self) -> str:
        """The two axis letters of a frame, in array order."""
        fixed = {a for a, _ in self.at}
        return "".join(a for a in self.axes if a != "c" and a != self.frame_axis and a not in fixed)

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return 1 if self.frame_axis is None else self._size(self.frame_axis)

    @property
    def frame_shape(self) -> tuple[int, int]:
        """``(Y, X)`` of a frame, in pixels."""
        rows, columns = tuple(self.plane_axes)
        return self._size(rows), self._size(columns)

    @property
    def label_axes(self) -> str:
        """Axis letters of the labels grid: the volume's without the channel."""
        return self.axes.replace("c", "")

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of the labels grid."""
        return tuple(self._size(a) for a in self.label_axes)

    def read(self, array: Any, frame: int, box: tuple[int, int, int, int] | None = None) -> NDArray[Any]:
        """Read one frame of the volume's array, ``(Y, X)`` or ``(Y, X, C)``, in the array's own values.

        Parameters
        ----------
        array
            The volume's array, or its :attr:`~napari_sam2.core.volume.ImageVolume.parts`. Of many channels, those
            between the first and the last that is wanted are read.
        frame
            Index along the video axis.
        box
            ``(y0, x0, y1, x1)``, half-open and inside the frame: the part that is read; None: all of it.
        """
        fixed: dict[str, int | slice] = dict(self.at)
        if box is not None:
            fixed |= {a: slice(box[i], box[i + 2]) for i, a in enumerate(self.plane_axes)}
        if self.frame_axis is not None:
            fixed[self.frame_axis] = frame
        if len(self.channels) == 1:
            fixed["c"] = self.channels[0]
        elif self.channels:
            fixed["c"] = slice(min(self.channels), max(self.channels) + 1)
        plane = np.asarray(array[tuple(fixed.get(a, slice(None)) for a in self.axes)])
        if len(self.channels) <= 1:
            return plane
        left = [a for a in self.axes if a == "c" or a in self.plane_axes]
        return np.moveaxis(plane, left.index("c"), -1)[..., [c - min(self.channels) for c in self.channels]]

    def label_index(self, frame: int) -> tuple[int | slice, ...]:
        """Return the index of one frame in an array on the labels grid."""
        fixed = dict(self.at)
        return tuple(
            frame if a == self.frame_axis else fixed[a] if a in fixed else slice(None) for a in self.label_axes
        )

    def to_frame(self, point: Sequence[float]) -> tuple[int, float, float]:
        """Turn data coordinates on the labels grid into ``(frame, y, x)``; voxel centres are integers."""
        by_axis = dict(zip(self.label_axes, point, strict=True))
        y, x = tuple(self.plane_axes)
        # Halves go up, so that a voxel owns [i - 0.5, i + 0.5).
        frame = 0 if self.frame_axis is None else int(np.floor(by_axis[self.frame_axis] + 0.5))
        return frame, float(by_axis[y]), float(by_axis[x])

    def from_frame(self, frame: int, y: float, x: float) -> tuple[float, ...]:
        """Turn ``(frame, y, x)`` into data coordinates on the labels grid."""
        by_axis: dict[str, float] = {a: float(i) for a, i in self.at}
        if self.frame_axis is not None:
            by_axis[self.frame_axis] = float(frame)
        by_axis[self.plane_axes[0]], by_axis[self.plane_axes[1]] = float(y), float(x)
        return tuple(by_axis[a] for a in self.label_axes)

    def _size(self, axis: str) -> int:
        return int(self.shape[self.axes.index(axis)])


def _fixed(volume: ImageVolume, free: Sequence[str], at: Mapping[str, int]) -> dict[str, int]:
    fixed: dict[str, int] = {}
    for axis, index in at.items():
        if axis == "c":
            raise VolumeError(f"at={{'c': {index!r}}} names the channel axis. Choose channels with channel={index!r}.")
        if axis not in free:
            raise VolumeError(f"at={{{axis!r}: {index}}} names no free axis of a volume with axes {volume.axes!r}.")
        if not _is_whole(index):
            raise VolumeError(f"at={{{axis!r}: {index!r}}} must be a whole number.")
        size = volume.size_of(axis)
        if not -size <= index < size:
            raise VolumeError(f"at={{{axis!r}: {index}}} lies outside the volume: axis {axis!r} has {size}.")
        fixed[axis] = int(index) % size
    return fixed


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _channels(axes: str, size: Mapping[str, int], channel: int | Sequence[int] | None) -> tuple[int, ...]:
    if "c" not in axes:
        if channel is not None:
            raise VolumeError(f"channel={channel!r} was given, but the volume has no channel axis (axes {axes!r}).")
        return ()
    count = size["c"]
    if channel is None:
        # Three or four channels are taken for a colour picture (alpha dropped), others for separate stains.
        chosen: tuple[int, ...] = (0, 1, 2) if count in (3, 4) else (0,)
    else:
        listed = list(channel) if isinstance(channel, Iterable) else [channel]
        if not all(_is_whole(c) for c in listed):
            raise VolumeError(f"channel={channel!r} must be an index, or up to three of them.")
        chosen = tuple(int(c) for c in listed)
    if not 1 <= len(chosen) <= 3 or any(not 0 <= c < count for c in chosen):
        raise VolumeError(f"channel={channel!r} must name one to three of the {count} channels (0…{count - 1}).")
    return chosen


def rectangle_to_box(corners: NDArray[np.floating[Any]] | Sequence[Sequence[float]]) -> tuple[int, int, int, int]:
    """Return the half-open box ``(y0, x0, y1, x1)`` of the pixels whose centres lie inside a drawn rectangle.

    Parameters
    ----------
    corners
        ``(n, 2)`` float, ``(y, x)`` in data pixels.
    """
    points = np.asarray(corners, dtype=float)
    low = np.ceil(points.min(axis=0) - 1e-9).astype(int)
    high = np.floor(points.max(axis=0) + 1e-9).astype(int) + 1
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
