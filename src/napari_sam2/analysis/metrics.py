"""How well two label images agree: overlap (Dice, IoU), distance of surfaces (HD95, ASSD, surface Dice) and size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.frame_measurements import checked_frame_axis
from napari_sam2.analysis.labelled_objects import Box, LabelledObjects
from napari_sam2.analysis.matching import Match, matched_pairs
from napari_sam2.analysis.surface_distances import compare_surfaces
from napari_sam2.core.length_unit import LengthUnit, cell_column, steps_of
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


def compare_labels(
    labels: Any,
    truth: Any,
    volume: ImageVolume,
    *,
    tolerance_mm: float | None = None,
    match: Match = "number",
    objects: Iterable[int] | None = None,
    truth_objects: Iterable[int] | None = None,
) -> pd.DataFrame:
    """Compare labels with the truth, object by object.

    Parameters
    ----------
    labels, truth
        Whole numbers on the volume's grid without channels, 0 is the background; or (n_objects, …) bool masks on
        that grid, which may overlap.
    volume
        Gives the spacing of the distances, and the affine where the grid is sheared.
    tolerance_mm
        Distance up to which surfaces agree, in mm; in units of the spacing where there is no physical unit. Default:
        1 mm; 1 µm for volumes in µm and nm.
    match
        ``"number"``: one number is one object in both. ``"overlap"``: objects are matched one to one such that the
        sum of IoU is as large as it can be (Hungarian method), where they share a voxel.
    objects, truth_objects
        The objects to compare; default: all. For a stack: the number of each of its masks, default 1, 2, ….

    Returns
    -------
    pandas.DataFrame
        One row per object that is in either image, ascending:

        - ``object``, and ``truth_object``, its partner: the same number, or the one matched by overlap. There 0
          stands for none, and objects of the truth without a partner come last;
        - ``dice``, ``iou``;
        - ``hd95_mm`` (``_um`` for micrometres, no suffix without a physical unit): the larger of the two directed
          95th percentiles of the distances between the surfaces, and ``assd_mm``, the mean over both surfaces.
          Surface voxels are those with a face outside the object, the border of the image included;
        - ``surface_dice``: part of both surfaces within the tolerance, by area (Nikolov et al. 2021, in
          :mod:`napari_sam2.analysis.surface_distances`);
        - ``volume_difference_ml`` (or ``_um3``, ``area_difference_mm2``, …): labels minus truth, the mean over the
          time points at which either is there; and ``volume_difference_percent`` of the truth;
        - ``voxels``, ``truth_voxels``.

        Where one of the two has no such object, Dice, IoU and surface Dice are 0 and the distances NaN; without one
        in the truth there is no percentage. In a time series distances never cross time: those of all time points at
        which both have the object are pooled.

    Raises
    ------
    VolumeError
        If one of the two does not fit the volume, or tolerance or match make no sense.

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

    pairs = _Pairs.of(labels, truth, volume, match, objects, truth_objects)
    tolerance = _checked_tolerance(tolerance_mm, volume)
    rows = []
    for obj_id, true_id, ours, true in pairs.masks():
        if "t" in volume.label_axes:
            axis = volume.label_axes.index("t")
            ours, true = np.moveaxis(ours, axis, 0), np.moveaxis(true, axis, 0)
        else:
            ours, true = ours[None], true[None]
        row = {"object": obj_id, "truth_object": true_id}
        rows.append(row | _agreement(list(ours), list(true), volume, volume.spatial_axes, tolerance))
    blank = [np.zeros((0,) * len(volume.spatial_axes), dtype=bool)]
    columns = _agreement(blank, blank, volume, volume.spatial_axes, tolerance)
    return pd.DataFrame(rows, columns=["object", "truth_object", *columns])


def compare_frames(
    labels: Any,
    truth: Any,
    volume: ImageVolume,
    *,
    frame_axis: str | None = None,
    tolerance_mm: float | None = None,
    match: Match = "number",
    objects: Iterable[int] | None = None,
    truth_objects: Iterable[int] | None = None,
) -> pd.DataFrame:
    """Compare labels with the truth in every frame that shows the object in either.

    Parameters
    ----------
    labels, truth, volume, tolerance_mm, match, objects, truth_objects
        As of :func:`compare_labels`. Objects are matched once, over all frames.
    frame_axis
        Default: time where there is such an axis, else the video axis (the coarsest spacing).

    Returns
    -------
    pandas.DataFrame
        One row per object and frame: ``object``, ``truth_object``, ``frame``, and the columns of
        :func:`compare_labels` for this frame alone. Surfaces of 2-D frames are outlines in the frame, and their sizes
        are areas.

    Raises
    ------
    VolumeError
        If one of the two does not fit the volume, or axis, tolerance or match make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.volume import ImageVolume
    >>> volume = ImageVolume(np.zeros((3, 4, 4)), axes="zyx", spacing=(3.0, 1.0, 1.0), units="mm")
    >>> labels, truth = np.zeros((2, 3, 4, 4), dtype=np.uint8)
    >>> labels[:2], truth[1:, :2] = 1, 1
    >>> compare_frames(labels, truth, volume)[["frame", "dice"]].round(2).values.tolist()
    [[0.0, 0.0], [1.0, 0.67], [2.0, 0.0]]
    """
    import pandas as pd

    pairs = _Pairs.of(labels, truth, volume, match, objects, truth_objects)
    tolerance = _checked_tolerance(tolerance_mm, volume)
    axis = checked_frame_axis(frame_axis, volume)
    plane = "".join(a for a in volume.spatial_axes if a != axis)
    place = None if axis is None else volume.label_axes.index(axis)
    rows = []
    for (obj_id, true_id, ours, true), box in zip(pairs.masks(), pairs.boxes, strict=True):
        if place is None:
            ours, true, start = ours[None], true[None], 0
        else:
            ours, true, start = np.moveaxis(ours, place, 0), np.moveaxis(true, place, 0), box[place].start
        for frame, (one, other) in enumerate(zip(ours, true, strict=True), start=start):
            if one.any() or other.any():
                row = {"object": obj_id, "truth_object": true_id, "frame": frame}
                rows.append(row | _agreement([one], [other], volume, plane, tolerance))
    blank = [np.zeros((0,) * len(plane), dtype=bool)]
    columns = _agreement(blank, blank, volume, plane, tolerance)
    return pd.DataFrame(rows, columns=["object", "truth_object", "frame", *columns])


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The objects that are compared, and for each pair the box around both."""

    ours: LabelledObjects
    truth: LabelledObjects
    ids: list[tuple[int, int]]
    boxes: list[Box]

    @classmethod
    def of(
        cls,
        labels: Any,
        truth: Any,
        volume: ImageVolume,
        match: Match,
        objects: Iterable[int] | None,
        truth_objects: Iterable[int] | None,
    ) -> _Pairs:
        ours = LabelledObjects.of(labels, volume, "labels", objects)
        true = LabelledObjects.of(truth, volume, "true labels", truth_objects)
        ids = matched_pairs(ours, true, match)
        our_boxes, true_boxes = ours.boxes(), true.boxes()
        nothing = (slice(0, 0),) * len(volume.label_axes)
        boxes = []
        for obj_id, true_id in ids:
            known = [b for b in (our_boxes.get(obj_id), true_boxes.get(true_id)) if b is not None]
            around = [
                slice(min(s.start for s in sides), max(s.stop for s in sides)) for sides in zip(*known, strict=True)
            ]
            boxes.append(tuple(around) or nothing)
        return cls(ours, true, ids, boxes)

    def masks(self) -> Iterator[tuple[int, int, NDArray[np.bool_], NDArray[np.bool_]]]:
        """Iterate over both numbers of each pair and both masks in their box."""
        # Distances do not need what lies beyond both objects, and whole CTs are large.
        for (obj_id, true_id), box in zip(self.ids, self.boxes, strict=True):
            yield obj_id, true_id, self.ours.mask(obj_id, box), self.truth.mask(true_id, box)


def _agreement(
    ours: list[NDArray[np.bool_]], truth: list[NDArray[np.bool_]], volume: ImageVolume, axes: str, tolerance: float
) -> dict[str, float]:
    """Return the columns for masks of one object, one for each time point, on these spatial axes."""
    unit, steps = LengthUnit.of(volume), steps_of(volume, axes)
    near = compare_surfaces(ours, truth, steps, tolerance)
    both, one, other = (sum(counts) for counts in zip(*map(_counts, ours, truth), strict=True))
    times = sum(a.any() or b.any() for a, b in zip(ours, truth, strict=True))
    size_column, size = cell_column("volume_difference" if len(axes) == 3 else "area_difference", volume, axes)
    quantity = "volume" if len(axes) == 3 else "area"
    return {
        "dice": 1.0 if one + other == 0 else 2.0 * both / (one + other),
        "iou": 1.0 if one + other == 0 else both / (one + other - both),
        unit.column("hd95"): near.hd95,
        unit.column("assd"): near.assd,
        "surface_dice": near.surface_dice,
        size_column: (one - other) * size / max(times, 1),
        f"{quantity}_difference_percent": 100.0 * (one - other) / other if other else float("nan"),
        "voxels": one,
        "truth_voxels": other,
    }


def _checked_tolerance(tolerance_mm: float | None, volume: ImageVolume) -> float:
    """Return the tolerance in the unit of the table."""
    if tolerance_mm is None:
        return 1.0
    if isinstance(tolerance_mm, bool) or not isinstance(tolerance_mm, Real) or not 0 <= tolerance_mm < float("inf"):
        raise VolumeError(f"tolerance_mm={tolerance_mm!r} must be a distance, zero or more.")
    return float(tolerance_mm) * LengthUnit.of(volume).affine_factor


def _counts(a: NDArray[Any], b: NDArray[Any]) -> tuple[int, int, int]:
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if a.shape != b.shape:
        raise VolumeError(f"Two masks must have one shape to be compared, not {a.shape} and {b.shape}.")
    return int(np.count_nonzero(a & b)), int(np.count_nonzero(a)), int(np.count_nonzero(b))
