"""Which axis is the video axis, and every conversion between volume, frame and ``(frame, y, x)`` coordinates.

A *frame* is one 2-D plane of the volume; ``y`` and ``x`` are its two axes in array order, whatever
letters they carry in the volume. The labels grid is the volume's grid without the channel axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume


def default_frame_axis(axes: str, spacing: Mapping[str, float], time_is_declared: bool = True) -> str | None:
    """The axis along which a volume is a video: time, else the coarsest spacing, else the first axis.

    Parameters
    ----------
    axes
        Axis letters of the volume, e.g. ``"zyx"``; ``"c"`` is ignored.
    spacing
        Spacing of each spatial axis by its letter, in the volume's units.
    time_is_declared
        Whether ``"t"`` is known to be time. Where it is not (it may be MR sequences, b-values or echoes), three
        spatial axes go before it.

    Returns
    -------
    str or None
        An axis letter, or None for a plain 2-D image.
    """
    others = [a for a in axes if a != "c"]
    if len(others) == 2:
        return None
    if "t" in others and (time_is_declared or len(others) == 3):
        return "t"
    others = [a for a in others if a != "t"]
    coarsest = max(others, key=lambda a: (spacing.get(a, 1.0), -others.index(a)))
    finest = min(spacing.get(a, 1.0) for a in others)
    # A difference below 1 % is rounding of a header, not anisotropy.
    return coarsest if spacing.get(coarsest, 1.0) > finest * 1.01 else others[0]


def undeclared_time_note(length: int) -> str:
    """Return the note for an axis ``"t"`` of this length of which its file does not say that it is time."""
    return (
        f"the file does not say what its fourth axis ({length} long) is; it is called t, but not taken for time: the "
        "default is to propagate along a spatial axis"
    )


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
        Channel indices that make the picture: none, one, or three.
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

        Raises
        ------
        VolumeError
            If an axis does not exist, an index is out of range, or a 4-D volume leaves an axis open.
        """
        if at is not None and not isinstance(at, Mapping):
            raise VolumeError(f"at={at!r} must give an index for an axis, such as {{'t': 3}}.")
        axes = volume.axes
        size = dict(zip(axes, volume.array.shape, strict=True))
        others = [a for a in axes if a != "c"]
        spacing = {a: volume.spacing_of(a) for a in others if a != "t"}
        if frame_axis is None:
            fixed = set(at or ())
            free = "".join(a for a in axes if a not in fixed)
            frame_axis = default_frame_axis(free, spacing, volume.is_time_declared)
        elif frame_axis not in others:
            raise VolumeError(f"The volume has no axis {frame_axis!r} to propagate along; its axes are {axes!r}.")
        rest = [a for a in others if a != frame_axis]
        fixed_at: list[tuple[str, int]] = []
        for axis, index in (at or {}).items():
            if axis not in rest:
                raise VolumeError(f"at={{{axis!r}: {index}}} names no free axis of a volume with axes {axes!r}.")
            if not isinstance(index, int | np.integer):
                raise VolumeError(f"at={{{axis!r}: {index!r}}} must be a whole number.")
            if not -size[axis] <= index < size[axis]:
                raise VolumeError(f"at={{{axis!r}: {index}}} lies outside the volume: axis {axis!r} has {size[axis]}.")
            fixed_at.append((axis, int(index) % size[axis]))
        plane = [a for a in rest if a not in dict(fixed_at)]
        if len(plane) != 2:
            extra = [a for a in plane if a not in "yx"] or plane
            raise VolumeError(
                f"A frame needs two axes, but {''.join(plane)!r} remain of {axes!r}. "
                f"Fix the others, for example at={{{extra[0]!r}: 0}}."
            )
        return cls(axes, tuple(volume.array.shape), frame_axis, tuple(fixed_at), _channels(axes, size, channel))

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

    def read(self, array: Any, frame: int) -> NDArray[Any]:
        """One frame of the volume's array, ``(Y, X)`` or ``(Y, X, C)``, in the array's own values."""
        fixed = dict(self.at)
        index: list[Any] = []
        for axis in self.axes:
            if axis == self.frame_axis:
                index.append(frame)
            elif axis in fixed:
                index.append(fixed[axis])
            else:
                index.append(slice(None))
        plane = np.asarray(array[tuple(index)])
        if "c" not in self.axes:
            return plane
        left = [a for a in self.axes if a == "c" or a in self.plane_axes]
        plane = np.moveaxis(plane, left.index("c"), -1)[..., list(self.channels)]
        return plane[..., 0] if len(self.channels) == 1 else plane

    def label_index(self, frame: int) -> tuple[int | slice, ...]:
        """Index of one frame in an array on the labels grid."""
        fixed = dict(self.at)
        return tuple(
            frame if a == self.frame_axis else fixed[a] if a in fixed else slice(None) for a in self.label_axes
        )

    def to_frame(self, point: Sequence[float]) -> tuple[int, float, float]:
        """Data coordinates on the labels grid → ``(frame, y, x)``; voxel centres are integers."""
        by_axis = dict(zip(self.label_axes, point, strict=True))
        y, x = tuple(self.plane_axes)
        # Halves go up, so that a voxel owns [i - 0.5, i + 0.5).
        frame = 0 if self.frame_axis is None else int(np.floor(by_axis[self.frame_axis] + 0.5))
        return frame, float(by_axis[y]), float(by_axis[x])

    def from_frame(self, frame: int, y: float, x: float) -> tuple[float, ...]:
        """``(frame, y, x)`` → data coordinates on the labels grid."""
        by_axis: dict[str, float] = {a: float(i) for a, i in self.at}
        if self.frame_axis is not None:
            by_axis[self.frame_axis] = float(frame)
        by_axis[self.plane_axes[0]], by_axis[self.plane_axes[1]] = float(y), float(x)
        return tuple(by_axis[a] for a in self.label_axes)

    def _size(self, axis: str) -> int:
        return int(self.shape[self.axes.index(axis)])


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
        listed = [channel] if isinstance(channel, int | np.integer) else list(channel)
        if not all(isinstance(c, int | np.integer) for c in listed):
            raise VolumeError(f"channel={channel!r} must be an index, or up to three of them.")
        chosen = tuple(int(c) for c in listed)
    if not 1 <= len(chosen) <= 3 or any(not 0 <= c < count for c in chosen):
        raise VolumeError(f"channel={channel!r} must name one to three of the {count} channels (0…{count - 1}).")
    return chosen


def rectangle_to_box(corners: NDArray[np.floating[Any]] | Sequence[Sequence[float]]) -> tuple[int, int, int, int]:
    """The half-open box ``(y0, x0, y1, x1)`` of the pixels whose centres lie inside a drawn rectangle.

    Parameters
    ----------
    corners
        ``(n, 2)`` float, ``(y, x)`` in data pixels.
    """
    points = np.asarray(corners, dtype=float)
    low = np.ceil(points.min(axis=0) - 1e-9).astype(int)
    high = np.floor(points.max(axis=0) + 1e-9).astype(int) + 1
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
