"""Prompts of one object on one frame: points, a box, a mask; coordinates are ``(y, x)`` in data pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class PointPrompt:
    """A click. ``y, x`` are voxel-centre indices; ``positive`` says inside (True) or outside the object."""

    y: float
    x: float
    positive: bool = True


@dataclass(frozen=True)
class BoxPrompt:
    """A half-open box in data pixels: rows ``y0 … y1-1``, columns ``x0 … x1-1``."""

    y0: float
    x0: float
    y1: float
    x1: float


@dataclass(frozen=True)
class MaskPrompt:
    """A mask that the user vouches for, taken as it is."""

    mask: RunLengthMask


@dataclass(frozen=True)
class PromptSet:
    """All prompts of one object on one frame. Empty means: not prompted there."""

    points: tuple[PointPrompt, ...] = ()
    box: BoxPrompt | None = None
    mask: MaskPrompt | None = None
    # Exact mode answers one call at a time: how many of the points each call brought.
    calls: tuple[int, ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        return bool(self.points) or self.box is not None or self.mask is not None

    def with_points(self, points: Iterable[PointPrompt]) -> PromptSet:
        """Return a copy with these points appended."""
        new = tuple(points)
        return replace(self, points=self.points + new, calls=(*self.calls, len(new)))

    @property
    def mask_alone(self) -> RunLengthMask | None:
        """The mask, where it is the only prompt; it is then its own answer."""
        return None if self.mask is None or self.points or self.box is not None else self.mask.mask

    @property
    def coordinates(self) -> NDArray[np.float64]:
        """``(n, 2) float64``, the points' ``(y, x)``."""
        return np.array([(p.y, p.x) for p in self.points], dtype=float).reshape(-1, 2)

    @property
    def labels(self) -> NDArray[np.int64]:
        """``(n,) int64``: 1 inside, 0 outside."""
        return np.array([int(p.positive) for p in self.points], dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description; the mask as shape and runs."""
        out: dict[str, Any] = {}
        if self.points:
            out["points"] = [[p.y, p.x] for p in self.points]
            out["labels"] = [int(p.positive) for p in self.points]
            out["calls"] = list(self.calls)
        if self.box is not None:
            out["box"] = [self.box.y0, self.box.x0, self.box.y1, self.box.x1]
        if self.mask is not None:
            out["mask"] = self.mask.mask.to_dict()
        return out

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PromptSet:
        """Return the prompts of :meth:`to_dict`."""
        points = tuple(
            PointPrompt(y, x, bool(label))
            for (y, x), label in zip(data.get("points", ()), data.get("labels", ()), strict=True)
        )
        box = BoxPrompt(*data["box"]) if "box" in data else None
        mask = MaskPrompt(RunLengthMask.from_dict(data["mask"])) if "mask" in data else None
        return cls(points, box, mask, tuple(data.get("calls", ())))


def make_points(
    points: Sequence[Sequence[float]] | NDArray[Any],
    labels: Sequence[int] | NDArray[Any] | None,
    frame_shape: tuple[int, int],
) -> tuple[PointPrompt, ...]:
    """Check clicks against the frame.

    Parameters
    ----------
    points
        ``(n, 2)``, ``(y, x)`` voxel-centre indices.
    labels
        ``(n,)`` of 1 (inside) or 0 (outside); None means all inside.
    frame_shape
        ``(Y, X)`` of the frame.

    Raises
    ------
    PromptError
        For a wrong shape, a number that is not finite, a point outside the frame, or an unknown label.
    """
    try:
        array = np.asarray(points, dtype=float)
    except (TypeError, ValueError) as error:
        raise PromptError(f"Points must be a list of (y, x) pairs of numbers, not {points!r}.") from error
    if array.size == 0:
        return ()
    if array.ndim != 2 or array.shape[1] != 2:
        raise PromptError(f"Points must be a list of (y, x) pairs, but have shape {array.shape}.")
    kinds = np.ones(len(array), dtype=int) if labels is None else np.asarray(labels).ravel()
    if len(kinds) != len(array):
        raise PromptError(f"There are {len(array)} points but {len(kinds)} labels; give one label (1 or 0) per point.")
    if not np.isin(kinds, (0, 1)).all():
        raise PromptError(f"Point labels must be 1 (inside) or 0 (outside), not {sorted(set(kinds.tolist()))}.")
    if not np.isfinite(array).all():
        raise PromptError("A point has a coordinate that is not a finite number.")
    height, width = frame_shape
    for y, x in array:
        if not (-0.5 <= y <= height - 0.5 and -0.5 <= x <= width - 0.5):
            raise PromptError(f"The point (y={y:g}, x={x:g}) lies outside the picture of {height} x {width} pixels.")
    return tuple(PointPrompt(float(y), float(x), bool(k)) for (y, x), k in zip(array, kinds, strict=True))


def make_box(box: Sequence[float], frame_shape: tuple[int, int]) -> BoxPrompt:
    """Check a half-open box ``(y0, x0, y1, x1)`` and clip it to the frame; PromptError if nothing remains."""
    try:
        values = [float(v) for v in box]
    except (TypeError, ValueError) as error:
        raise PromptError(f"A box is four numbers (y0, x0, y1, x1), not {box!r}.") from error
    if len(values) != 4 or not np.isfinite(values).all():
        raise PromptError(f"A box is four finite numbers (y0, x0, y1, x1), not {tuple(box)!r}.")
    y0, x0, y1, x1 = values
    if y1 <= y0 or x1 <= x0:
        raise PromptError(f"The box {tuple(values)} is empty: it must have y0 < y1 and x0 < x1.")
    height, width = frame_shape
    y0, x0, y1, x1 = max(y0, 0.0), max(x0, 0.0), min(y1, float(height)), min(x1, float(width))
    if y1 <= y0 or x1 <= x0:
        raise PromptError(f"The box {tuple(values)} lies outside the picture of {height} x {width} pixels.")
    return BoxPrompt(y0, x0, y1, x1)


def make_mask(mask: NDArray[Any], frame_shape: tuple[int, int]) -> MaskPrompt:
    """Check a ``(Y, X)`` mask against the frame; anything but zero is inside."""
    array = np.asarray(mask)
    if array.shape != frame_shape:
        raise PromptError(f"The mask has shape {array.shape}, but the picture has {frame_shape}.")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise PromptError("The mask has pixels that are not a number; each must be inside (1) or outside (0).")
    return MaskPrompt(RunLengthMask.encode(array.astype(bool)))


# Object and frame.
PromptKey = tuple[int, int]
# Prompts by object and frame.
PromptTable = Mapping[PromptKey, PromptSet]
