"""Objects one by one, from a label image or from a stack of masks that may overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arrays import as_array
from napari_sam2.core.volume import check_volume
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class LabelledObjects:
    """The objects of a label image, or of a stack of masks.

    Parameters
    ----------
    values
        Labels on the volume's grid, or (n_objects, …) bool masks on it.
    is_stack
        Whether it is a stack of masks.
    ids
        Numbers of the objects, ascending; in a stack in the order of its masks.
    """

    values: NDArray[Any]
    is_stack: bool
    ids: tuple[int, ...]

    @classmethod
    def of(
        cls, labels: Any, volume: ImageVolume, what: str = "labels", objects: Iterable[int] | None = None
    ) -> LabelledObjects:
        """Check labels or a stack of masks against a volume.

        Parameters
        ----------
        labels
            Whole numbers on the volume's grid without channels, 0 is the background; or bool masks
            (n_objects, …) on that grid.
        volume
            The image that the labels belong to.
        what
            The name of the labels in errors.
        objects
            The objects to take; default: all that are there. In a stack: the numbers of its masks, default 1, 2, ….

        Raises
        ------
        VolumeError
            If shape, type or numbers do not fit.
        """
        check_volume(volume)
        array = as_array(labels, f"The {what}")
        is_stack = array.dtype == np.bool_ and array.ndim == len(volume.label_axes) + 1
        chosen = None if objects is None else _checked_ids(objects)
        if is_stack:
            if array.shape[1:] != volume.label_shape:
                raise VolumeError(
                    f"The masks of the {what} have the shape {array.shape[1:]}, but the volume's grid is "
                    f"{volume.label_shape} ({volume.label_axes})."
                )
            ids = tuple(range(1, len(array) + 1)) if chosen is None else chosen
            if len(ids) != len(array):
                raise VolumeError(
                    f"The {what} are {len(array)} masks, but objects= names {len(ids)}; name each mask's object."
                )
            return cls(array, True, ids)
        array = fitting_labels(array, volume, what)
        return cls(array, False, _present(array) if chosen is None else tuple(sorted(chosen)))

    def inside(self, first: int) -> list[tuple[int, NDArray[np.int64]]]:
        """List each object in a slab, one index of the first axis, with the flat indices of its voxels there."""
        if self.is_stack:
            found = [(obj_id, np.flatnonzero(mask[first])) for obj_id, mask in zip(self.ids, self.values, strict=True)]
            return [(obj_id, where) for obj_id, where in found if where.size]
        flat = self.values[first].ravel()
        if len(self.ids) == 1:
            where = np.flatnonzero(flat == self.ids[0])
            return [(self.ids[0], where)] if where.size else []
        where = np.flatnonzero(flat)
        ids, which = np.unique(flat[where], return_inverse=True)
        order = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[order], np.arange(len(ids) + 1))
        taken = set(self.ids)
        return [
            (int(obj_id), where[order[starts[k] : starts[k + 1]]])
            for k, obj_id in enumerate(ids.tolist())
            if obj_id in taken
        ]

    def boxes(self) -> dict[int, Box]:
        """Return the bounding box of each object that has a voxel, as slices on the volume's grid."""
        shape = self.values.shape[1:] if self.is_stack else self.values.shape
        low: dict[int, NDArray[np.int64]] = {}
        high: dict[int, NDArray[np.int64]] = {}
        for first in range(shape[0]):
            for obj_id, where in self.inside(first):
                place = np.stack([np.full(where.size, first), *np.unravel_index(where, shape[1:])])
                lowest, highest = place.min(axis=1), place.max(axis=1)
                low[obj_id] = np.minimum(low.get(obj_id, lowest), lowest)
                high[obj_id] = np.maximum(high.get(obj_id, highest), highest)
        return {i: tuple(slice(int(a), int(b) + 1) for a, b in zip(low[i], high[i], strict=True)) for i in low}

    def mask(self, obj_id: int, box: Box | None = None) -> NDArray[np.bool_]:
        """Return an object's mask, or its part in a box; nothing inside where there is no such object."""
        part = (slice(None),) * (self.values.ndim - self.is_stack) if box is None else box
        if obj_id not in self.ids:
            return np.zeros(self.values.shape[self.is_stack :], dtype=bool)[part]
        if self.is_stack:
            return np.asarray(self.values[self.ids.index(obj_id)][part])
        return np.asarray(self.values[part] == obj_id)


def fitting_labels(labels: Any, volume: ImageVolume, what: str) -> NDArray[Any]:
    """Return the labels as a NumPy array of whole numbers on the volume's grid.

    Raises
    ------
    VolumeError
        If shape or type do not fit; the text calls them `what`.
    """
    check_volume(volume)
    array = as_array(labels, f"The {what}")
    if array.shape != volume.label_shape:
        raise VolumeError(
            f"The {what} have the shape {array.shape}, but the volume's grid is {volume.label_shape} "
            f"({volume.label_axes})."
        )
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype.kind not in "iu":
        raise VolumeError(f"The {what} must be whole numbers, not {array.dtype}.")
    return array


def checked_id(obj_id: Any) -> int:
    """Return an object's number, or raise a VolumeError where it is no whole number above zero."""
    if isinstance(obj_id, bool) or not isinstance(obj_id, Integral) or obj_id < 1:
        raise VolumeError(f"obj_id={obj_id!r} must be a whole number above zero.")
    return int(obj_id)


def _checked_ids(objects: Any) -> tuple[int, ...]:
    if isinstance(objects, str) or not isinstance(objects, Iterable):
        raise VolumeError(f"objects={objects!r} must be numbers of objects, such as [1, 2].")
    ids = tuple(checked_id(obj_id) for obj_id in objects)
    if len(set(ids)) != len(ids):
        raise VolumeError(f"objects={list(ids)} names an object twice.")
    return ids


def _present(labels: NDArray[Any]) -> tuple[int, ...]:
    # Slab by slab: a sorted copy of a whole CT is large.
    found: set[int] = set()
    for slab in labels:
        found.update(np.unique(slab).tolist())
    return tuple(sorted(int(i) for i in found if i != 0))
