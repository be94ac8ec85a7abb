"""Measure the objects of a label image: size, extent, place, surface and brightness, in physical units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.intensities import channel_count, image_slab, intensity_columns, with_intensity_unit
from napari_sam2.analysis.labelled_objects import LabelledObjects
from napari_sam2.analysis.shape import longest_diameter, surface_area
from napari_sam2.core.arguments import checked_names
from napari_sam2.core.frame_axis import default_frame_axis
from napari_sam2.core.length_unit import LengthUnit, cell_column, steps_of
from napari_sam2.core.volume import SPATIAL_LETTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.intensity_unit import IntensityUnit
    from napari_sam2.core.volume import ImageVolume


@dataclass
class _Tally:
    """Running sums of one object while the labels are read slab by slab."""

    voxels: int
    coordinates: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    frames: set[int] = field(default_factory=set)
    times: set[int] = field(default_factory=set)
    intensity: list[NDArray[Any]] = field(default_factory=list)


def measure_objects(
    labels: Any,
    volume: ImageVolume,
    names: Mapping[int, str] | None = None,
    *,
    intensity: bool = True,
    shape: bool = True,
    objects: Iterable[int] | None = None,
    unit: IntensityUnit | None = None,
) -> pd.DataFrame:
    """Measure every object of a label image, or of a stack of masks.

    Parameters
    ----------
    labels
        Whole numbers on the volume's grid without channels, 0 is the background; or (n_objects, …) bool masks on
        that grid, which may overlap.
    volume
        The image that the labels belong to.
    names
        Names of the objects.
    intensity
        Whether to read the image.
    shape
        Whether to compute surface and diameter, which takes longest.
    objects
        The objects to measure, e.g. the one that has changed; default: all. For a stack: the number of each of its
        masks, default 1, 2, ….
    unit
        Unit of the statistics, such as :func:`napari_sam2.suv_unit` of a PET volume; default: the image's own.

    Returns
    -------
    pandas.DataFrame
        One row per object, ascending (a stack: in its order); an object without a voxel has size 0 and no place:

        - ``object``, ``name`` (empty if unknown), ``voxels`` (all, over all time points);
        - ``volume_ml`` where the unit is mm, cm or m; ``volume_um3`` for µm and nm; ``volume`` in cubes of the
          spacing where there is no unit. A 2-D image has ``area_mm2``, ``area_um2`` or ``area``. For time
          series it is the mean over the time points at which the object is there;
        - ``surface_mm2`` (3-D only) by marching cubes (:func:`napari_sam2.analysis.shape.surface_area`), and
          ``feret_diameter_mm``, the longest distance of two points of the outline, which runs half-way between voxel
          centres; for time series the means, as above. Both follow the affine, rotated or sheared;
        - ``extent_z_mm``, ``extent_y_mm``, ``extent_x_mm`` (or ``_um``, or without suffix): the sides of the
          bounding box along the array's axes, over all time points;
        - ``z_start``, ``z_stop`` and so on: the bounding box, half-open, for each axis;
        - ``centroid_t``, ``centroid_z``, ``centroid_y``, ``centroid_x``: in data pixels, voxel centres at
          integers; only the axes that exist;
        - ``centroid_lps_x_mm``, ``…_y_mm``, ``…_z_mm``: the same place in patient LPS; only with a physical unit;
        - ``frames``: frames (along the default video axis) that hold the object;
        - ``mean_intensity``, ``sd_intensity`` (of the population), ``max_intensity``, ``p05_intensity``,
          ``p25_intensity``, ``median_intensity``, ``p75_intensity``, ``p95_intensity``: in the image's values, or in
          `unit`, NaN and infinities left out; with channels there is one for each, ``…_0`` and so on. Of a CT,
          ``table.attrs["units"]`` says ``"HU"``.

    Raises
    ------
    VolumeError
        If the labels do not fit the volume or are no whole numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.volume import ImageVolume
    >>> volume = ImageVolume(np.ones((4, 10, 10)), axes="zyx", spacing=(5.0, 2.0, 2.0), units="mm")
    >>> labels = np.zeros((4, 10, 10), dtype=np.uint16)
    >>> labels[1:3, :5, :5] = 1
    >>> measure_objects(labels, volume)[["object", "voxels", "volume_ml"]].values.tolist()
    [[1.0, 50.0, 1.0]]
    """
    import pandas as pd

    named = checked_names(names)
    found = LabelledObjects.of(labels, volume, objects=objects)
    tallies = _tallies(found, volume, intensity)
    rows = []
    for obj_id in found.ids:
        tally = tallies.get(obj_id, _empty(volume))
        row = {"object": obj_id, "name": named.get(obj_id, ""), **_size_columns(tally, volume)}
        if shape:
            row |= _shape_columns(_by_time(found, obj_id, tally, volume), volume)
        row |= _place_columns(tally, volume)
        if intensity:
            values = tally.intensity or [np.zeros((channel_count(volume), 0))]
            row |= intensity_columns(np.concatenate(values, axis=1), volume)
        rows.append(row)
    if rows:
        return with_intensity_unit(pd.DataFrame(rows), volume, unit)
    columns = ["object", "name", *_size_columns(_empty(volume), volume)]
    columns += list(_shape_columns([], volume)) * shape + list(_place_columns(_empty(volume), volume))
    columns += list(intensity_columns(np.zeros((channel_count(volume), 0)), volume)) * intensity
    return with_intensity_unit(pd.DataFrame(columns=columns), volume, unit)


def _empty(volume: ImageVolume) -> _Tally:
    count = len(volume.label_axes)
    return _Tally(
        voxels=0,
        coordinates=np.zeros(count),
        low=np.full(count, np.iinfo(np.int64).max),
        high=np.full(count, -1),
    )


def _tallies(found: LabelledObjects, volume: ImageVolume, intensity: bool) -> dict[int, _Tally]:
    axes, shape = volume.label_axes, volume.label_shape
    frame_axis = default_frame_axis(volume).axis
    tallies: dict[int, _Tally] = {}
    # One slab of the first axis at a time: lazy images are never loaded whole.
    for first in range(shape[0]):
        inside = found.inside(first)
        if not inside:
            continue
        image = image_slab(volume, first).reshape(channel_count(volume), -1) if intensity else None
        for obj_id, own in inside:
            tally = tallies.setdefault(obj_id, _empty(volume))
            where = np.stack([np.full(own.size, first), *np.unravel_index(own, shape[1:])])
            tally.voxels += own.size
            tally.coordinates += where.sum(axis=1)
            tally.low = np.minimum(tally.low, where.min(axis=1))
            tally.high = np.maximum(tally.high, where.max(axis=1))
            tally.frames.update({0} if frame_axis is None else np.unique(where[axes.index(frame_axis)]).tolist())
            tally.times.update(np.unique(where[axes.index("t")]).tolist() if "t" in axes else {0})
            if image is not None:
                tally.intensity.append(image[:, own])
    return tallies


def _by_time(found: LabelledObjects, obj_id: int, tally: _Tally, volume: ImageVolume) -> list[NDArray[np.bool_]]:
    """List the object's mask, cropped to its box, at each time at which it is there."""
    if tally.voxels == 0:
        return []
    box = tuple(slice(int(a), int(b) + 1) for a, b in zip(tally.low, tally.high, strict=True))
    mask = found.mask(obj_id, box)
    if "t" not in volume.label_axes:
        return [mask]
    return [part for part in np.moveaxis(mask, volume.label_axes.index("t"), 0) if part.any()]


def _size_columns(tally: _Tally, volume: ImageVolume) -> dict[str, Any]:
    quantity = "volume" if len(volume.spatial_axes) == 3 else "area"
    column, size = cell_column(quantity, volume, volume.spatial_axes)
    return {"voxels": tally.voxels, column: tally.voxels * size / max(len(tally.times), 1)}


def _shape_columns(masks: list[NDArray[np.bool_]], volume: ImageVolume) -> dict[str, float]:
    unit, steps = LengthUnit.of(volume), steps_of(volume)
    row = {}
    if len(volume.spatial_axes) == 3:
        row[unit.column("surface", 2)] = float(np.mean([surface_area(m, steps) for m in masks])) if masks else 0.0
    diameters = [longest_diameter(m, steps)[0] for m in masks]
    row[unit.column("feret_diameter")] = float(np.mean(diameters)) if masks else 0.0
    return row


def _place_columns(tally: _Tally, volume: ImageVolume) -> dict[str, Any]:
    unit, axes = LengthUnit.of(volume), volume.label_axes
    row: dict[str, Any] = {}
    start = tally.low if tally.voxels else np.zeros(len(axes), dtype=np.int64)
    stop = tally.high + 1
    for axis in volume.spatial_axes:
        length = int(stop[axes.index(axis)] - start[axes.index(axis)])
        row[unit.column(f"extent_{axis}")] = length * volume.spacing_of(axis) * unit.factor
    for i, axis in enumerate(axes):
        row |= {f"{axis}_start": int(start[i]), f"{axis}_stop": int(stop[i])}
    centre = tally.coordinates / tally.voxels if tally.voxels else np.full(len(axes), np.nan)
    row |= {f"centroid_{axis}": float(centre[i]) for i, axis in enumerate(axes)}
    if unit.name:
        place = np.zeros(3)
        for i, axis in enumerate(axes):
            if axis in SPATIAL_LETTERS:
                place[SPATIAL_LETTERS.index(axis)] = centre[i]
        lps = (volume.affine[:3, :3] @ place + volume.affine[:3, 3]) * unit.affine_factor
        row |= {unit.column(f"centroid_lps_{axis}"): float(lps[i]) for i, axis in enumerate("xyz")}
    row["frames"] = len(tally.frames)
    return row
