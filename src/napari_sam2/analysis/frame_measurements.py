"""Measure objects frame by frame: the area curve of a volume, growth and motion in a time-lapse."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.intensities import image_slab, intensity_columns, with_intensity_unit
from napari_sam2.analysis.labelled_objects import LabelledObjects
from napari_sam2.core.arguments import checked_names
from napari_sam2.core.frame_axis import default_frame_axis
from napari_sam2.core.length_unit import LengthUnit, cell_column, steps_of
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.intensity_unit import IntensityUnit
    from napari_sam2.core.volume import ImageVolume


def measure_frames(
    labels: Any,
    volume: ImageVolume,
    names: Mapping[int, str] | None = None,
    *,
    frame_axis: str | None = None,
    intensity: bool = True,
    objects: Iterable[int] | None = None,
    lineage: Mapping[int, int] | None = None,
    unit: IntensityUnit | None = None,
) -> pd.DataFrame:
    """Measure every object in every frame that holds it.

    Parameters
    ----------
    labels
        Whole numbers on the volume's grid without channels, 0 is the background; or (n_objects, …) bool masks on
        that grid, which may overlap.
    volume
        The image that the labels belong to.
    names
        Names of the objects.
    frame_axis
        Default: time where there is such an axis, else the video axis (the coarsest spacing). With a time axis the
        frames are time points.
    intensity
        Whether to read the image.
    objects
        The objects to measure; default: all. For a stack: the number of each of its masks.
    lineage
        ``{daughter: parent}``. The first step of a daughter starts where its parent was last.
    unit
        Unit of the statistics, such as :func:`napari_sam2.suv_unit` of a PET volume; default: the image's own.

    Returns
    -------
    pandas.DataFrame
        One row per object and frame, by object and frame (a stack: in its order):

        - ``object``, ``name``, ``frame``;
        - ``area_mm2`` (``_um2``, or no suffix without a physical unit); where a frame is 3-D, ``volume_ml``
          (``volume_um3``, ``volume``);
        - ``centroid_z``, ``centroid_y``, ``centroid_x``: of the axes of the frame, in data pixels;
        - the statistics of the intensity, as of :func:`measure_objects`;
        - along time also ``time_s`` where the frame interval is known; ``parent`` (missing where there is none);
          ``displacement_um``, the distance of the centroid from the frame before that holds the object; and
          ``speed_um_per_s``, or ``speed_um_per_frame`` without an interval: displacement over the time since that
          frame. Both are NaN in an object's first frame, unless it has a parent.

    Raises
    ------
    VolumeError
        If the labels do not fit the volume, or the axis or the lineage make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.volume import ImageVolume
    >>> film = ImageVolume(np.zeros((2, 5, 5)), axes="tyx", spacing=(10.0, 0.5, 0.5), units="um")
    >>> labels = np.zeros((2, 5, 5), dtype=np.uint16)
    >>> labels[0, 0, 0] = labels[1, 3, 4] = 1
    >>> measure_frames(labels, film)[["frame", "area_um2", "displacement_um", "speed_um_per_s"]].values.tolist()
    [[0.0, 0.25, nan, nan], [1.0, 0.25, 2.5, 0.25]]
    """
    import pandas as pd

    named = checked_names(names)
    parents = _checked_lineage(lineage)
    found = LabelledObjects.of(labels, volume, objects=objects)
    axis = checked_frame_axis(frame_axis, volume)
    pieces = _pieces(found, volume, axis, intensity)
    order = {obj_id: i for i, obj_id in enumerate(found.ids)}
    rows = []
    for obj_id, frame in sorted(pieces, key=lambda key: (order[key[0]], key[1])):
        count, total, values = pieces[obj_id, frame]
        row = {"object": obj_id, "name": named.get(obj_id, ""), "frame": frame}
        row |= _frame_columns(count, total, volume, axis)
        rows.append(row | (intensity_columns(np.concatenate(values, axis=1), volume) if intensity else {}))
    table = pd.DataFrame(rows, columns=None if rows else ["object", "name", "frame"])
    return with_intensity_unit(table if axis != "t" else _with_motion(table, volume, parents), volume, unit)


def _pieces(
    found: LabelledObjects, volume: ImageVolume, axis: str | None, intensity: bool
) -> dict[tuple[int, int], tuple[int, NDArray[np.float64], list[NDArray[Any]]]]:
    """Return voxel count, sum of coordinates and values of each object in each frame."""
    axes, shape = volume.label_axes, volume.label_shape
    pieces: dict[tuple[int, int], tuple[int, NDArray[np.float64], list[NDArray[Any]]]] = {}
    for first in range(shape[0]):
        inside = found.inside(first)
        image = image_slab(volume, first) if intensity and inside else None
        for obj_id, own in inside:
            where = np.stack([np.full(own.size, first), *np.unravel_index(own, shape[1:])])
            frames = np.zeros(own.size, dtype=int) if axis is None else where[axes.index(axis)]
            for frame in np.unique(frames).tolist():
                there = frames == frame
                count, total, values = pieces.get((obj_id, frame), (0, np.zeros(len(axes)), []))
                if image is not None:
                    values.append(image.reshape(len(image), -1)[:, own[there]])
                count, total = count + int(there.sum()), total + where[:, there].sum(axis=1)
                pieces[obj_id, frame] = count, total, values
    return pieces


def _frame_columns(count: int, total: NDArray[np.float64], volume: ImageVolume, axis: str | None) -> dict[str, Any]:
    plane = "".join(a for a in volume.spatial_axes if a != axis)
    column, size = cell_column("area" if len(plane) == 2 else "volume", volume, plane)
    row = {column: count * size}
    return row | {f"centroid_{a}": float(total[volume.label_axes.index(a)]) / count for a in plane}


def _with_motion(table: pd.DataFrame, volume: ImageVolume, parents: Mapping[int, int]) -> pd.DataFrame:
    """Add parent, time, displacement and speed."""
    import pandas as pd

    unit, steps = LengthUnit.of(volume), steps_of(volume)
    interval = volume.spacing_of("t") if volume.has_frame_interval else None
    centres = [f"centroid_{a}" for a in volume.spatial_axes]
    table["parent"] = pd.array([parents.get(i) for i in table["object"].tolist()], dtype="Int64")
    if interval is not None:
        table["time_s"] = table["frame"].astype(float) * interval
    displacement = np.full(len(table), np.nan)
    elapsed = np.full(len(table), np.nan)
    if len(table):
        places = table[centres].to_numpy(dtype=float) @ steps.T
        frames = table["frame"].to_numpy(dtype=int)
        rows = {obj_id: np.flatnonzero(table["object"].to_numpy() == obj_id) for obj_id in set(table["object"])}
        for obj_id, own in rows.items():
            before = rows.get(parents.get(obj_id, 0), own[:0])
            earlier = before[frames[before] < frames[own[0]]]
            path = np.concatenate([earlier[-1:], own])
            displacement[path[1:]] = np.linalg.norm(np.diff(places[path], axis=0), axis=1)
            elapsed[path[1:]] = np.diff(frames[path]) * (1.0 if interval is None else interval)
    table[unit.column("displacement")] = displacement
    table[unit.column("speed") + ("_per_frame" if interval is None else "_per_s")] = displacement / elapsed
    return table


def checked_frame_axis(frame_axis: str | None, volume: ImageVolume) -> str | None:
    """Return the axis of the frames: the given one, else time, else the video axis; None for a 2-D image.

    Raises
    ------
    VolumeError
        If there is no such axis, or the frames are time points and it is another.
    """
    if frame_axis is None:
        return "t" if "t" in volume.axes else default_frame_axis(volume).axis
    if frame_axis not in tuple(volume.label_axes):
        raise VolumeError(f"frame_axis={frame_axis!r} is no axis of the labels; these are {volume.label_axes!r}.")
    if "t" in volume.axes and frame_axis != "t":
        raise VolumeError(
            f"frame_axis={frame_axis!r} is not possible with a time axis: the frames are its time points.\n"
            "Measure one time point by itself, as a volume without t."
        )
    if len(volume.label_axes) == 2:
        raise VolumeError(f"frame_axis={frame_axis!r} is not possible for a 2-D image, which is one frame.")
    return frame_axis


def _checked_lineage(lineage: Any) -> dict[int, int]:
    pairs = {} if lineage is None else lineage
    if not isinstance(pairs, Mapping) or not all(isinstance(i, Integral) for pair in pairs.items() for i in pair):
        raise VolumeError(f"lineage={lineage!r} must give the parent of each daughter, such as {{4: 1, 5: 1}}.")
    return {int(daughter): int(parent) for daughter, parent in pairs.items()}
