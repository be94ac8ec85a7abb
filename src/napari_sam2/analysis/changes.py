"""Which objects of a label image have changed, without keeping a copy of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from napari_sam2.analysis.labelled_objects import LabelledObjects

if TYPE_CHECKING:
    from napari_sam2.core.volume import ImageVolume


def object_digests(labels: Any, volume: ImageVolume) -> dict[int, bytes]:
    """Compute a digest of the voxels of each object: two are equal where the object is the same.

    Parameters
    ----------
    labels
        Whole numbers on the volume's grid without channels, 0 is the background; or (n_objects, …) bool masks on
        that grid.
    volume
        The image that the labels belong to.

    Returns
    -------
    dict
        16 bytes (BLAKE2b) for each object that has a voxel, by its number.

    Raises
    ------
    VolumeError
        If the labels do not fit the volume.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.volume import ImageVolume
    >>> volume = ImageVolume(np.zeros((1, 2, 2)))
    >>> before = object_digests(np.array([[[1, 1], [2, 0]]]), volume)
    >>> after = object_digests(np.array([[[1, 1], [2, 2]]]), volume)
    >>> [obj_id for obj_id in after if after[obj_id] != before.get(obj_id)]
    [2]
    """
    found = LabelledObjects.of(labels, volume)
    sums: dict[int, Any] = {}
    for first in range(volume.label_shape[0]):
        for obj_id, where in found.inside(first):
            digest = sums.setdefault(obj_id, hashlib.blake2b(digest_size=16))
            digest.update(first.to_bytes(8, "little"))
            digest.update(where.astype("<i8", copy=False).tobytes())
    return {obj_id: sums[obj_id].digest() for obj_id in sorted(sums)}
