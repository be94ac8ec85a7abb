"""Which object of one label image is which of another: by number, or one to one by overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.analysis.labelled_objects import LabelledObjects

Match = Literal["number", "overlap"]


def matched_pairs(ours: LabelledObjects, truth: LabelledObjects, match: Match) -> list[tuple[int, int]]:
    """List which objects are compared.

    Parameters
    ----------
    ours, truth
        Objects on one grid.
    match
        ``"number"``: the same number is the same object. ``"overlap"``: one to one such that the sum of IoU is as
        large as it can be; objects that share no voxel are never a pair.

    Returns
    -------
    list of tuple
        ``(object, truth object)``. By number both are the same, ascending. By overlap 0 stands for none: first our
        objects, ascending, then those of the truth that are left.

    Raises
    ------
    VolumeError
        If there is no such way to match.

    References
    ----------
    Kuhn, "The Hungarian method for the assignment problem", Naval Research Logistics Quarterly 2 (1955), 83-97.
    """
    if match == "number":
        return [(i, i) for i in sorted({*ours.ids, *truth.ids})]
    if match != "overlap":
        raise VolumeError(f"match={match!r} is not possible; choose 'number' or 'overlap'.")
    from scipy.optimize import linear_sum_assignment

    common, ours_size, truth_size = _overlaps(ours, truth)
    union = ours_size[:, None] + truth_size[None] - common
    iou = np.divide(common, union, out=np.zeros(common.shape), where=union > 0)
    rows, columns = linear_sum_assignment(iou, maximize=True)
    partner = {
        ours.ids[i]: truth.ids[k] for i, k in zip(rows.tolist(), columns.tolist(), strict=True) if common[i, k] > 0
    }
    left = sorted(set(truth.ids) - set(partner.values()))
    return [(i, partner.get(i, 0)) for i in sorted(ours.ids)] + [(0, i) for i in left]


def _overlaps(
    ours: LabelledObjects, truth: LabelledObjects
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count the voxels that each two objects share, and those of each object."""
    from scipy.sparse import csr_array

    common = np.zeros((len(ours.ids), len(truth.ids)), dtype=np.int64)
    sizes = np.zeros(len(ours.ids), dtype=np.int64), np.zeros(len(truth.ids), dtype=np.int64)
    shape = ours.values.shape[1:] if ours.is_stack else ours.values.shape
    voxels = int(np.prod(shape[1:]))
    for first in range(shape[0]):
        tables = []
        for objects, size in zip((ours, truth), sizes, strict=True):
            inside = dict(objects.inside(first))
            voxel_lists = [inside.get(i, np.zeros(0, dtype=np.int64)) for i in objects.ids]
            counts = np.array([len(v) for v in voxel_lists], dtype=np.int64)
            size += counts
            places = np.concatenate(voxel_lists) if voxel_lists else np.zeros(0, dtype=np.int64)
            ones = np.ones(len(places), dtype=np.int64)
            tables.append(csr_array((ones, places, np.concatenate([[0], counts.cumsum()])), (len(counts), voxels)))
        common += (tables[0] @ tables[1].T).toarray()
    return common, *sizes
