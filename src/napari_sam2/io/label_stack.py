"""Objects that may overlap: one mask each, instead of one number a voxel."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arrays import as_array
from napari_sam2.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

_MOST = 2**32 - 1


@dataclass(frozen=True)
class LabelStack:
    """One mask for each object, on the volume's grid without channels.

    Parameters
    ----------
    masks
        ``(n_objects, …)`` bool, the other axes those of the grid.
    objects
        The label of each mask, each once.
    """

    masks: NDArray[np.bool_]
    objects: tuple[int, ...]

    def filled(self) -> LabelStack:
        """Return the objects that have a voxel, ascending.

        Returns
        -------
        LabelStack
            With none, one or more masks.
        """
        kept = sorted((o, i) for i, o in enumerate(self.objects) if self.masks[i].any())
        return LabelStack(self.masks[[i for _, i in kept]], tuple(o for o, _ in kept))

    def flattened(self, rule: str) -> tuple[NDArray[Any], int]:
        """Return one label for each voxel, and how many voxels belong to several objects.

        Parameters
        ----------
        rule
            ``"keep"``: the first of the objects that overlap keeps a voxel; ``"overwrite"``: the last one takes it.

        Returns
        -------
        labels : ndarray
            Unsigned integers, of the grid's shape.
        several : int
            The number of voxels of more than one object.
        """
        labels = np.zeros(self.masks.shape[1:], np.min_scalar_type(max(self.objects, default=0)))
        several = np.zeros(self.masks.shape[1:], bool)
        order = zip(self.objects, self.masks, strict=True)
        for obj_id, mask in reversed(list(order)) if rule == "keep" else order:
            several |= mask & (labels > 0)
            labels[mask] = obj_id
        return labels, int(np.count_nonzero(several))


def as_stack(path: Path, labels: Any, objects: Any, volume: ImageVolume) -> LabelStack | None:
    """Return labels as one mask for each object, if that is what they are; None for a label image.

    Parameters
    ----------
    path
        Of the file to be written, for texts.
    labels
        A label image, or a stack of masks with one axis more than the volume's grid.
    objects
        The label of each mask; None for 1, 2, 3 and so on.
    volume
        Whose grid it is.

    Returns
    -------
    LabelStack or None
        In the order in which the masks were given.

    Raises
    ------
    WriteError
        If the masks are no booleans, lie on another grid, or have no label of their own each.
    """
    is_stack = getattr(labels, "ndim", 0) == len(volume.label_shape) + 1 and labels.dtype == np.bool_
    if objects is None and not is_stack:
        return None
    masks = as_array(labels, f"{path} was not written: the array of masks")
    if masks.dtype != np.bool_ or masks.shape[1:] != volume.label_shape:
        raise WriteError(
            f"{path} was not written: {masks.dtype} masks of shape {masks.shape} are no booleans on the volume's grid "
            f"{volume.label_shape} ({volume.label_axes}).\nGive one mask for each object, as session.labels("
            'overlap="layers") does.'
        )
    ids = tuple(range(1, len(masks) + 1)) if objects is None else _checked_objects(path, objects)
    if len(ids) != len(masks):
        raise WriteError(
            f"{path} was not written: there are {len(masks)} masks, but {len(ids)} objects.\nName one for each mask."
        )
    return LabelStack(masks, ids)


def object_paths(path: Path, suffix: str, stack: LabelStack, names: Mapping[int, str]) -> Iterator[Path]:
    """Yield the path of the file of each object: ``case_1_liver.nii.gz`` for ``case.nii.gz``.

    Parameters
    ----------
    path
        Of them all.
    suffix
        Its suffix, which each of them gets.
    stack
        The objects.
    names
        Of the objects, as far as they have one.
    """
    stem = path.name[: len(path.name) - len(suffix)]
    for obj_id in stack.objects:
        # What no system allows in a file's name, or what would lead to another folder.
        name = re.sub(r"[^\w.+-]+", "_", names.get(obj_id, "").strip()).strip("._")
        yield path.with_name("_".join(part for part in (stem, str(obj_id), name[:64]) if part) + suffix)


def _checked_objects(path: Path, objects: Any) -> tuple[int, ...]:
    ids = tuple(objects) if isinstance(objects, Iterable) and not isinstance(objects, str) else ()
    if (
        not ids
        or len(set(ids)) != len(ids)
        or not all(isinstance(i, Integral) and not isinstance(i, bool) and 0 < int(i) <= _MOST for i in ids)
    ):
        raise WriteError(
            f"{path} was not written: objects={objects!r} must give a whole number above zero for each mask, each once."
        )
    return tuple(int(i) for i in ids)
