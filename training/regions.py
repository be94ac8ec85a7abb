"""Objects without a name: parts of a real volume that an edge encloses, found without labels.

Volumes with labels are few, and most of what they show has none: fat, muscles, marrow, loops of the bowel. Neighbouring
basins of the gradient are merged, the most alike first (Ward's criterion on grey values, with the edge between them),
and regions with a clear edge all round become objects to train on. After Ouyang et al. 2020 ("Self-supervision with
superpixels"), who train on such regions alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

Grey = NDArray[np.float32]
Labels = NDArray[np.int32]

_SMOOTHING = 0.8  # standard deviation, in the smallest spacing
_VOLUMES = (800, 4_000, 20_000)  # voxels of a region on average, one partition for each
_LEAST, _MOST = 150, 0.06  # voxels of an object, and share of the volume
_EDGE = 2.0  # weight of the edge between two regions beside the difference of their means
_CLEAR = 0.7  # share of what lies around an object that is unlike it
_UNLIKE = 1.5  # standard deviations of the object's own values
_GRAIN = 0.02  # a deviation that counts as none
_FLAT = 0.004  # a gradient that counts as none
_COMPACT = 0.25  # share of an object that is left where it is eroded once, at least
_AT_BORDER = 0.1  # share of an object's voxels on the volume's outermost planes, at most: air, and what is cut off
_KNOWN = 0.2  # share of an object that may have labels already


def nameless_objects(
    grey: Grey, spacing: Sequence[float] | NDArray[np.float64], known: NDArray[np.integer]
) -> list[Labels]:
    """Partitions of a volume from fine to coarse, reduced to regions with a clear edge.

    Parameters
    ----------
    grey
        ``(Z, Y, X)``, about 0 … 1.
    spacing
        In the order of the axes.
    known
        Labels that the volume has; what is mostly among them is left out.

    Returns
    -------
    list of int32 arrays
        The shape of ``grey``; 0 is what belongs to no object.
    """
    sizes = np.min(spacing) / np.asarray(spacing, float)  # of the smallest voxel, in voxels of each axis
    smooth = ndimage.gaussian_filter(grey, _SMOOTHING * sizes)
    slopes = [ndimage.gaussian_filter1d(smooth, 0.6, axis=a, order=1) * sizes[a] for a in range(3)]
    gradient = np.maximum(np.sqrt(sum(s**2 for s in slopes)), _FLAT).astype(np.float32)
    reach = tuple(max(1, round(3 * s)) for s in sizes)
    seeds, _ = ndimage.label(gradient == ndimage.minimum_filter(gradient, reach), np.ones((3, 3, 3)))
    basins = watershed(gradient, seeds).astype(np.int32) - 1
    return [_clear(labels, smooth, known, sizes) for labels in _merged(basins, smooth, gradient)]


def _merged(basins: Labels, smooth: Grey, gradient: Grey) -> list[Labels]:
    """Partitions into regions (1, 2, …) of the volumes that are wanted, fine ones first."""
    count = int(basins.max()) + 1
    volume = np.bincount(basins.ravel(), minlength=count).astype(float).tolist()
    total = np.bincount(basins.ravel(), smooth.ravel(), minlength=count).tolist()
    borders = _borders(basins, gradient, count)
    parent, version = list(range(count)), [0] * count

    def cost(i: int, j: int) -> float:
        faces, edge = borders[i][j]
        apart = abs(total[i] / volume[i] - total[j] / volume[j]) + _EDGE * edge / faces
        return float(apart**2 * volume[i] * volume[j] / (volume[i] + volume[j]))

    heap = [(cost(i, j), i, j, 0, 0) for i in range(count) for j in borders[i] if i < j]
    heapq.heapify(heap)
    partitions: list[Labels] = []
    left, most = count, _MOST * basins.size
    wanted = [basins.size // each for each in _VOLUMES]
    while len(partitions) < len(wanted):
        if left <= wanted[len(partitions)] or not heap:
            partitions.append(_numbered(parent)[basins])
            continue
        _, i, j, of_i, of_j = heapq.heappop(heap)
        if version[i] != of_i or version[j] != of_j:
            continue  # one of them has grown or is gone since
        if volume[i] + volume[j] > most:
            continue  # no longer an object, and its neighbours are too many to look at again each time
        if len(borders[i]) < len(borders[j]):
            i, j = j, i
        parent[j] = i
        volume[i], total[i] = volume[i] + volume[j], total[i] + total[j]
        version[i], version[j], left = version[i] + 1, version[j] + 1, left - 1
        _join(borders, i, j)
        for k in borders[i]:
            heapq.heappush(heap, (cost(i, k), i, k, version[i], version[k]))
    return partitions


def _borders(basins: Labels, gradient: Grey, count: int) -> list[dict[int, list[float]]]:
    """For each basin and neighbour the faces between them and the sum of the gradient there; a pair shares its list."""
    pairs, slopes = [], []
    for axis in range(3):
        label, slope = np.moveaxis(basins, axis, 0), np.moveaxis(gradient, axis, 0)
        one, other = label[:-1], label[1:]
        differ = one != other
        low, high = np.minimum(one[differ], other[differ]), np.maximum(one[differ], other[differ])
        pairs.append(low.astype(np.int64) * count + high)
        slopes.append(np.maximum(slope[:-1][differ], slope[1:][differ]))
    keys, place = np.unique(np.concatenate(pairs), return_inverse=True)
    faces, sums = np.bincount(place), np.bincount(place, np.concatenate(slopes))
    borders: list[dict[int, list[float]]] = [{} for _ in range(count)]
    for key, face, total in zip(keys.tolist(), faces.tolist(), sums.tolist(), strict=True):
        i, j = divmod(key, count)
        borders[i][j] = borders[j][i] = [face, total]
    return borders


def _join(borders: list[dict[int, list[float]]], i: int, j: int) -> None:
    """Give ``i`` the borders of ``j``."""
    del borders[i][j]
    for k, border in borders[j].items():
        if k == i:
            continue
        del borders[k][j]
        if k in borders[i]:
            shared = borders[i][k]
            shared[0] += border[0]
            shared[1] += border[1]
        else:
            borders[i][k] = borders[k][i] = border
    borders[j] = {}


def _numbered(parent: list[int]) -> Labels:
    """The region, from 1 on, of each basin."""
    root = np.array(parent)
    while (root[root] != root).any():
        root = root[root]
    return (np.unique(root, return_inverse=True)[1] + 1).astype(np.int32)


def _clear(labels: Labels, smooth: Grey, known: NDArray[np.integer], sizes: NDArray[np.float64]) -> Labels:
    """The regions with a clear edge, smoothed and numbered anew."""
    out = np.zeros_like(labels)
    volumes, named = np.bincount(labels.ravel()), np.bincount(labels.ravel(), known.ravel() > 0)
    made = 0
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        if place is None or not _LEAST <= volumes[label] <= _MOST * labels.size:
            continue
        if named[label] > _KNOWN * volumes[label]:
            continue
        around = tuple(slice(max(0, p.start - 3), p.stop + 3) for p in place)
        mask = ndimage.gaussian_filter((labels[around] == label).astype(np.float32), sizes) > 0.5
        pieces, count = ndimage.label(mask)
        if count == 0:
            continue
        mask = pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()
        if mask.sum() < _LEAST or not _has_clear_edge(mask, smooth[around]):
            continue
        if _is_ragged(mask) or _share_at_border(mask, around, labels.shape) > _AT_BORDER:
            continue
        made += 1
        out[around][mask & (known[around] == 0)] = made
    return out


def _has_clear_edge(mask: NDArray[np.bool_], smooth: Grey) -> bool:
    near = ndimage.binary_dilation(mask)
    around = ndimage.binary_dilation(near) & ~near
    if not around.any():
        return False
    values = smooth[mask]
    deviation = max(float(values.std()), _GRAIN)
    return bool((np.abs(smooth[around] - values.mean()) > _UNLIKE * deviation).mean() > _CLEAR)


def _is_ragged(mask: NDArray[np.bool_]) -> bool:
    in_plane = ndimage.generate_binary_structure(2, 1)[None]
    return bool(ndimage.binary_erosion(mask, in_plane).sum() < _COMPACT * mask.sum())


def _share_at_border(mask: NDArray[np.bool_], around: tuple[slice, ...], shape: tuple[int, ...]) -> float:
    """In the planes of the volume; its first and last slice are where a scan ends, not an object."""
    rim = np.ones(shape[1:], bool)
    rim[1:-1, 1:-1] = False
    return float((mask & rim[around[1:]]).sum() / mask.sum())
