"""Labelled volumes and time-lapses, real or synthetic, and the boxes of their objects."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True, slots=True)
class ObjectBox:
    """One object on one frame: its pixels, and its half-open box ``y0, x0, y1, x1``."""

    area: int
    box: tuple[int, int, int, int]

    @property
    def longer_side(self) -> int:
        """Return the pixels along the longer side of the box."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


@dataclass
class LabelledVolume:
    """Frames with the labels of their objects.

    Attributes
    ----------
    image : array, (T, Y, X)
        Any real dtype; raw values.
    labels : array, (T, Y, X) of non-negative integers
        0 is the background.
    is_hu : bool
        Whether the values are Hounsfield units, which users look at through fixed windows.
    is_clean : bool
        Whether blur and noise are still to be added (synthetic scenes).
    only : frozenset of int
        The objects that may be asked for; empty: all.
    percentile_range : tuple of float, optional
        Percentiles 0.5 and 99.5 of the image where they are known.
    """

    image: NDArray[np.generic]
    labels: NDArray[np.integer]
    is_hu: bool = False
    is_clean: bool = False
    only: frozenset[int] = frozenset()
    percentile_range: tuple[float, float] | None = None
    _boxes: list[dict[int, ObjectBox]] | None = field(default=None, repr=False)
    _areas: dict[int, NDArray[np.intp]] | None = field(default=None, repr=False)
    _percentiles: tuple[float, float, float, float] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def boxes(self) -> list[dict[int, ObjectBox]]:
        """Return the objects of each frame; made when first asked for."""
        if self._boxes is None:
            self._boxes = [_boxes_of(frame, self.only) for frame in self.labels]
        return self._boxes

    @property
    def areas(self) -> dict[int, NDArray[np.intp]]:
        """Return for each object its pixels on each frame ``(T,)``; made when first asked for."""
        if self._areas is None:
            found: dict[int, NDArray[np.intp]] = {}
            for frame, boxes in enumerate(self.boxes):
                for label, place in boxes.items():
                    found.setdefault(label, np.zeros(len(self), np.intp))[frame] = place.area
            self._areas = found
        return self._areas

    @property
    def percentiles(self) -> tuple[float, float, float, float]:
        """Return percentiles 0.5, 2, 98 and 99.5 of the image, for contrast limits."""
        if self._percentiles is None:
            sample = np.asarray(self.image).reshape(-1)
            sample = sample[:: max(1, sample.size // 200_000)].astype(np.float32)
            lowest, low, high, highest = np.percentile(sample, (0.5, 2, 98, 99.5)).tolist()
            if self.percentile_range is not None:
                lowest, highest = self.percentile_range
            self._percentiles = lowest, max(low, lowest), min(high, highest), highest
        return self._percentiles


def _boxes_of(frame: NDArray[np.integer], only: frozenset[int]) -> dict[int, ObjectBox]:
    areas = np.bincount(frame.ravel())
    found: dict[int, ObjectBox] = {}
    for label, place in enumerate(ndimage.find_objects(frame.astype(np.int32)), start=1):
        if place is not None and (not only or label in only):
            rows, columns = place
            found[label] = ObjectBox(int(areas[label]), (rows.start, columns.start, rows.stop, columns.stop))
    return found
