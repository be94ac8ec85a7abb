"""How well two label images agree: overlap (Dice, IoU) and distance of surfaces (HD95, ASSD)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.measurements import fitting_labels
from napari_sam2.core.length_unit import LengthUnit
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume


def dice(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Dice coefficient of two masks: twice the overlap over the sum of both sizes; 1.0 if both are empty.

    Parameters
    ----------
    a, b
        Masks of one shape; anything but bool is taken as "not zero".

    Raises
    ------
    VolumeError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> dice(np.array([True, True]), np.array([True, False]))
    0.6666666666666666
    """
    both, one, other = _counts(a, b)
    return 1.0 if one + other == 0 else 2.0 * both / (one + other)


def iou(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Intersection over union of two masks; 1.0 if both are empty.

    Parameters
    ----------
    a, b
        Masks of one shape; anything but bool is taken as "not zero".

    Raises
    ------
    VolumeError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> iou(np.array([True, True]), np.array([True, False]))
    0.5
    """
    both, one, other = _counts(a, b)
    return 1.0 if one + other == 0 else both / (one + other - both)


def compare_labels(labels: Any, truth: Any, volume: ImageVolume) -> pd.DataFrame:
    """Compare labels with the truth, object by object.

    Parameters
    ----------
    labels, truth
        Whole numbers on the volume's grid without channels; 0 is the background, one number is one object
        in both.
    volume
        Gives the spacing of the distances.

    Returns
    -------
    pandas.DataFrame
        One row per number that is in either image, ascending: ``object``, ``dice``, ``iou``, ``hd95_mm``,
        ``assd_mm`` (``_um`` for micrometres, no suffix without a physical unit), ``voxels``, ``truth_voxels``.

        HD95 is the larger of the two directed 95th percentiles of the distances between the surfaces; ASSD
        the mean over both surfaces. Surface voxels are those with a face outside the object, the border of
        the image included. Both distances are NaN where one of the two has no such object. Of a time series
        the distances of all time points at which both have the object are pooled.

    Raises
    ------
    VolumeError
        If one of the two does not fit the volume.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.volume import ImageVolume
    >>> volume = ImageVolume(np.zeros((2, 4, 4)), axes="zyx", spacing=(3.0, 1.0, 1.0), units="mm")
    >>> labels = np.ones((2, 4, 4), dtype=np.uint8)
    >>> compare_labels(labels, labels, volume)[["object", "dice", "hd95_mm"]].values.tolist()
    [[1.0, 1.0, 0.0]]
    """
    import pandas as pd
    from scipy.ndimage import find_objects

    ours = fitting_labels(labels, volume, "labels")
    true = fitting_labels(truth, volume, "true labels")
    unit = LengthUnit.of(volume)
    rows = []
    for obj_id in sorted({*_ids(ours), *_ids(true)}):
        # Distances do not need what lies beyond both objects, and whole CTs are large.
        box = find_objects(((ours == obj_id) | (true == obj_id)).astype(np.uint8))[0]
        a, b = ours[box] == obj_id, true[box] == obj_id
        hd95, assd = _distances(a, b, volume, unit.factor)
        rows.append((obj_id, dice(a, b), iou(a, b), hd95, assd, int(a.sum()), int(b.sum())))
    columns = ["object", "dice", "iou", unit.column("hd95"), unit.column("assd"), "voxels", "truth_voxels"]
    return pd.DataFrame(rows, columns=columns)


def _ids(labels: NDArray[Any]) -> list[int]:
    return [int(i) for i in np.unique(labels) if i != 0]


def _counts(a: NDArray[Any], b: NDArray[Any]) -> tuple[int, int, int]:
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if a.shape != b.shape:
        raise VolumeError(f"Two masks must have one shape to be compared, not {a.shape} and {b.shape}.")
    return int(np.count_nonzero(a & b)), int(np.count_nonzero(a)), int(np.count_nonzero(b))


def _distances(a: NDArray[np.bool_], b: NDArray[np.bool_], volume: ImageVolume, factor: float) -> tuple[float, float]:
    spacing = tuple(s * factor for s in volume.spatial_spacing)
    if "t" in volume.label_axes:
        axis = volume.label_axes.index("t")
        a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    else:
        a, b = a[None], b[None]
    there: list[NDArray[np.float64]] = []
    back: list[NDArray[np.float64]] = []
    for one, other in zip(a, b, strict=True):
        if one.any() and other.any():
            one_surface, other_surface = _surface(one), _surface(other)
            there.append(_to_surface(one_surface, other_surface, spacing))
            back.append(_to_surface(other_surface, one_surface, spacing))
    if not there:
        return float("nan"), float("nan")
    forth, fro = np.concatenate(there), np.concatenate(back)
    hd95 = max(float(np.percentile(forth, 95)), float(np.percentile(fro, 95)))
    return hd95, float((forth.sum() + fro.sum()) / (forth.size + fro.size))


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_erosion

    return np.asarray(mask & ~binary_erosion(mask))


def _to_surface(start: NDArray[np.bool_], target: NDArray[np.bool_], spacing: tuple[float, ...]) -> NDArray[np.float64]:
    from scipy.ndimage import distance_transform_edt

    distances = distance_transform_edt(~target, sampling=spacing)
    return np.asarray(distances, dtype=np.float64)[start]
