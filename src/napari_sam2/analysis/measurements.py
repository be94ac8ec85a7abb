"""What a label image measures: volume, extent, place and brightness of each object, in physical units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arguments import checked_names
from napari_sam2.core.arrays import as_array
from napari_sam2.core.frame_axis import default_frame_axis
from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.core.volume import ImageVolume, check_volume
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class LengthUnit:
    """How lengths of a volume are told in tables.

    Parameters
    ----------
    name
        ``"mm"``, ``"um"``, or ``""`` where the volume has no physical unit.
    factor
        Multiplies the volume's spacing.
    """

    name: str
    factor: float

    @classmethod
    def of(cls, volume: ImageVolume) -> LengthUnit:
        """The unit for a volume: mm for mm, cm and m; µm for µm and nm; otherwise that of its spacing."""
        millimetres = millimetres_per_unit(volume.units)
        if millimetres is None:
            return cls("", 1.0)
        return cls("mm", millimetres) if millimetres >= 1.0 else cls("um", millimetres * 1e3)

    def column(self, quantity: str, power: int = 1) -> str:
        """Name of a column, e.g. ``extent_z_mm``, ``area_um2``, ``volume`` (no unit)."""
        suffix = self.name + (str(power) if power > 1 and self.name else "")
        return f"{quantity}_{suffix}" if suffix else quantity


@dataclass
class _Tally:
    """Running sums of one object while the labels are read plane by plane."""

    voxels: int = 0
    coordinates: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    low: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    high: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    frames: set[int] = field(default_factory=set)
    times: set[int] = field(default_factory=set)
    intensity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    counted: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def measure_objects(labels: Any, volume: ImageVolume, names: Mapping[int, str] | None = None) -> pd.DataFrame:
    """Measure every object of a label image.

    Parameters
    ----------
    labels
        Whole numbers on the volume's grid without channels; 0 is the background.
    volume
        The image that the labels belong to.
    names
        Names of the objects.

    Returns
    -------
    pandas.DataFrame
        One row per object, ascending:

        - ``object``, ``name`` (empty if unknown), ``voxels`` (all, over all time points);
        - ``volume_ml`` where the unit is mm, cm or m; ``volume_um3`` for µm and nm; ``volume`` in cubes of the
          spacing where there is no unit. A 2-D image has ``area_mm2``, ``area_um2`` or ``area``. For time
          series it is the mean over the time points at which the object is there;
        - ``extent_z_mm``, ``extent_y_mm``, ``extent_x_mm`` (or ``_um``, or without suffix): the sides of the
          bounding box along the array's axes, over all time points;
        - ``centroid_t``, ``centroid_z``, ``centroid_y``, ``centroid_x``: in data pixels, voxel centres at
          integers; only the axes that exist;
        - ``frames``: frames (along the default video axis) that hold the object;
        - ``mean_intensity``: in the image's values, NaN and infinities left out; one column per channel,
          ``mean_intensity_0`` and so on, where there are channels.

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
    labels = fitting_labels(labels, volume, "labels")
    tallies = _tallies(labels, volume)
    rows = [_row(obj_id, tallies[obj_id], volume, named) for obj_id in sorted(tallies)]
    return pd.DataFrame(rows, columns=list(_row(0, _empty(volume), volume, {})))


def fitting_labels(labels: Any, volume: ImageVolume, what: str) -> NDArray[Any]:
    """The labels as a NumPy array of whole numbers on the volume's grid.

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


def _empty(volume: ImageVolume) -> _Tally:
    count = len(volume.label_axes)
    channels = volume.size_of("c") if "c" in volume.axes else 1
    return _Tally(
        coordinates=np.zeros(count),
        low=np.full(count, np.iinfo(np.int64).max),
        high=np.full(count, -1),
        intensity=np.zeros(channels),
        counted=np.zeros(channels),
    )


def _tallies(labels: NDArray[Any], volume: ImageVolume) -> dict[int, _Tally]:
    axes = volume.label_axes
    frame_axis = default_frame_axis(volume).axis
    tallies: dict[int, _Tally] = {}
    # One slab of the first axis at a time: lazy images are never loaded whole.
    for first in range(labels.shape[0]):
        flat = labels[first].ravel()
        inside = np.flatnonzero(flat)
        if inside.size == 0:
            continue
        ids, which = np.unique(flat[inside], return_inverse=True)
        where = np.stack([np.full(inside.size, first), *np.unravel_index(inside, labels.shape[1:])])
        image = _image_slab(volume, first).reshape(-1, flat.size)[:, inside].astype(np.float64)
        order = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[order], np.arange(len(ids) + 1))
        for index, obj_id in enumerate(ids.tolist()):
            own = order[starts[index] : starts[index + 1]]
            _add(tallies.setdefault(int(obj_id), _empty(volume)), where[:, own], image[:, own], axes, frame_axis)
    return tallies


def _add(
    tally: _Tally, where: NDArray[np.int64], image: NDArray[np.float64], axes: str, frame_axis: str | None
) -> None:
    tally.voxels += where.shape[1]
    tally.coordinates += where.sum(axis=1)
    tally.low = np.minimum(tally.low, where.min(axis=1))
    tally.high = np.maximum(tally.high, where.max(axis=1))
    tally.frames.update({0} if frame_axis is None else np.unique(where[axes.index(frame_axis)]).tolist())
    tally.times.update(np.unique(where[axes.index("t")]).tolist() if "t" in axes else {0})
    finite = np.isfinite(image)
    tally.intensity += np.where(finite, image, 0.0).sum(axis=1)
    tally.counted += finite.sum(axis=1)


def _image_slab(volume: ImageVolume, first: int) -> NDArray[Any]:
    """The image at one index of the labels' first axis, channels first."""
    index: list[Any] = [slice(None)] * volume.ndim
    index[volume.axes.index(volume.label_axes[0])] = first
    slab = volume.parts[tuple(index)]
    if "c" not in volume.axes:
        return slab[None]
    left = volume.axes.replace(volume.label_axes[0], "")
    return np.moveaxis(slab, left.index("c"), 0)


def _row(obj_id: int, tally: _Tally, volume: ImageVolume, names: Mapping[int, str]) -> dict[str, Any]:
    unit = LengthUnit.of(volume)
    count = max(tally.voxels, 1)
    row: dict[str, Any] = {"object": obj_id, "name": names.get(obj_id, ""), "voxels": tally.voxels}
    column, size = _voxel_size(volume, unit)
    row[column] = tally.voxels * size / max(len(tally.times), 1)
    for axis in volume.spatial_axes:
        i = volume.label_axes.index(axis)
        length = (int(tally.high[i]) - int(tally.low[i]) + 1) if tally.voxels else 0
        row[unit.column(f"extent_{axis}")] = length * volume.spacing_of(axis) * unit.factor
    for i, axis in enumerate(volume.label_axes):
        row[f"centroid_{axis}"] = float(tally.coordinates[i]) / count
    row["frames"] = len(tally.frames)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = tally.intensity / tally.counted
    for channel, mean in enumerate(means.tolist()):
        row["mean_intensity" if "c" not in volume.axes else f"mean_intensity_{channel}"] = mean
    return row


def _voxel_size(volume: ImageVolume, unit: LengthUnit) -> tuple[str, float]:
    """Name of the size column and the size of one voxel in it."""
    size = float(np.prod([volume.spacing_of(a) * unit.factor for a in volume.spatial_axes]))
    if len(volume.spatial_axes) == 2:
        return unit.column("area", 2), size
    if unit.name != "mm":
        return unit.column("volume", 3), size
    # The voxels of a tilted gantry are sheared, and smaller than the product of their sides.
    sheared = abs(float(np.linalg.det(volume.affine[:3, :3])))
    return "volume_ml", (size if np.isclose(size, sheared, rtol=1e-4) else sheared) / 1000.0
