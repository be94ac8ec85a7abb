"""The objects of a time-lapse as tracks: for napari, as a table, and in the format of the Cell Tracking Challenge.

All of them read the labels frame by frame, so that they need no more memory than a frame, and what is known of each
object in each frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arguments import checked_names
from napari_sam2.core.arrays import Parts
from napari_sam2.core.length_unit import LengthUnit, cell_column
from napari_sam2.core.paths import checked_path, is_folder
from napari_sam2.core.volume import check_volume
from napari_sam2.errors import VolumeError, WriteError
from napari_sam2.io.ctc import write_ctc
from napari_sam2.io.tables import TABLE_SUFFIXES, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume


def write_tracks(path: str | PathLike[str], session: Any, *, truth: bool = False) -> None:
    """Write the objects of a time-lapse as tracks, whole or not at all.

    Parameters
    ----------
    path
        ``.csv`` or ``.xlsx`` for the table of `track_table`; a folder, or a name without a suffix, for the format of
        the Cell Tracking Challenge: ``mask000.tif`` and so on, and ``res_track.txt``. An existing folder is replaced if
        it holds nothing else.
    session
        A `VideoSession`, or what has its ``labels()``, ``volume`` and, where objects divide, ``lineage``.
    truth
        Name the files of a folder as those of a ground truth: ``man_track000.tif`` and ``man_track.txt``.

    Raises
    ------
    WriteError
        If the path is neither, the session is no time-lapse, or the disk refuses.

    Examples
    --------
    >>> ns.write_tracks("tracks.csv", session)  # doctest: +SKIP
    >>> ns.write_tracks("01_RES", session)  # doctest: +SKIP
    """
    path = checked_path(path, WriteError)
    is_table = path.suffix.lower() in TABLE_SUFFIXES
    if not is_table and path.suffix and not is_folder(path):
        raise WriteError(
            f"{path} was not written: tracks cannot be written as {path.suffix!r}.\n"
            f"Use {', '.join(TABLE_SUFFIXES)}, or a folder for the format of the Cell Tracking Challenge."
        )
    volume, lineage = session.volume, getattr(session, "lineage", {})
    if "t" not in volume.label_axes:
        raise WriteError(f"{path} was not written: an image with the axes {volume.axes} has no time, and no tracks.")
    labels = _labels_of(session)
    if is_table:
        names = {int(i): str(info.name) for i, info in getattr(session, "objects", {}).items()}
        write_table(path, track_table(labels, volume, lineage, names))
    else:
        write_ctc(path, lambda: frames_of(labels, volume), checked_lineage(lineage), truth=truth)


def napari_tracks(
    labels: Any, volume: ImageVolume, lineage: Mapping[int, int] | None = None
) -> tuple[NDArray[np.float64], dict[int, list[int]]]:
    """Return the data and the graph of a Tracks layer of napari.

    Parameters
    ----------
    labels
        Whole numbers on the volume's grid without channels, 0 is the background; anything that slices.
    volume
        The time-lapse, of the axes ``tyx`` or ``tzyx`` in any order.
    lineage
        ``{daughter: parent}``.

    Returns
    -------
    data : ndarray
        One row for each object and frame, by object and frame: ``(ID, t, (z,) y, x)``, the centroids in data pixels,
        voxel centres at integers.
    graph : dict
        ``{daughter: [parent]}`` of those that both are in the data.

    Raises
    ------
    VolumeError
        If the volume has no time, or the labels do not fit it.

    Examples
    --------
    >>> from napari_sam2.core.volume import ImageVolume
    >>> labels = np.zeros((2, 4, 4), np.uint8)
    >>> labels[0, 1, 1:3] = labels[1, 2, 1:3] = 7
    >>> napari_tracks(labels, ImageVolume(labels, axes="tyx"))[0].tolist()
    [[7.0, 0.0, 1.0, 1.5], [7.0, 1.0, 2.0, 1.5]]
    """
    lineage = checked_lineage(lineage)
    rows = [
        (obj_id, float(t), *place)
        for t, frame in enumerate(frames_of(labels, volume))
        for obj_id, _, place in _objects_in(frame)
    ]
    data = np.array(sorted(rows), dtype=np.float64).reshape(-1, 1 + len(volume.label_axes))
    present = {int(i) for i in data[:, 0]}
    return data, {d: [p] for d, p in sorted(lineage.items()) if d in present and p in present}


def track_table(
    labels: Any,
    volume: ImageVolume,
    lineage: Mapping[int, int] | None = None,
    names: Mapping[int, str] | None = None,
) -> pd.DataFrame:
    """Return a table of each object in each frame.

    Parameters
    ----------
    labels, volume, lineage
        As in `napari_tracks`.
    names
        Names of the objects.

    Returns
    -------
    pandas.DataFrame
        One row for each object and frame, by object and frame:

        - ``object``, ``name`` (empty if unknown), ``frame``, and ``time_s`` where the frame interval is known;
        - ``centroid_z``, ``centroid_y``, ``centroid_x``: in data pixels, voxel centres at integers; only the axes that
          exist;
        - ``position_z_um`` and so on (or ``_mm``, or without a unit): the same from the centre of the first voxel;
        - ``voxels``, and ``area_um2``, ``volume_um3`` or ``volume_ml`` as in `measure_objects`;
        - ``parent``: the object that it came from by division, 0 for none.

    Raises
    ------
    VolumeError
        If the volume has no time, or the labels do not fit it.
    """
    import pandas as pd

    lineage, names = checked_lineage(lineage), checked_names(names)
    unit = LengthUnit.of(volume)
    axes = [a for a in "zyx" if a in volume.spatial_axes]
    quantity = "volume" if len(volume.spatial_axes) == 3 else "area"
    size_name, size = cell_column(quantity, volume, volume.spatial_axes)
    timed = volume.has_frame_interval and "t" in volume.label_axes
    columns = ["object", "name", "frame", *(["time_s"] if timed else []), *(f"centroid_{a}" for a in axes)]
    columns += [*(unit.column(f"position_{a}") for a in axes), "voxels", size_name, "parent"]
    steps = [volume.spacing_of(a) * unit.factor for a in axes]
    rows = []
    for t, frame in enumerate(frames_of(labels, volume)):
        time = [t * volume.spacing_of("t")] if timed else []
        for obj_id, count, place in _objects_in(frame):
            position = [p * s for p, s in zip(place, steps, strict=True)]
            own = [obj_id, names.get(obj_id, ""), t, *time, *place, *position]
            rows.append([*own, count, count * size, lineage.get(obj_id, 0)])
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["object", "frame"], kind="stable", ignore_index=True)


def frames_of(labels: Any, volume: ImageVolume) -> Iterator[NDArray[Any]]:
    """Yield the labels of each time point, ``(Y, X)`` or ``(Z, Y, X)``.

    Parameters
    ----------
    labels, volume
        As in `napari_tracks`.

    Raises
    ------
    VolumeError
        If the volume has no time, or the labels do not fit it.
    """
    check_volume(volume)
    axes = volume.label_axes
    if "t" not in axes:
        raise VolumeError(f"An image with the axes {volume.axes} has no time, and so no tracks.")
    if tuple(labels.shape) != volume.label_shape:
        raise VolumeError(
            f"The labels have the shape {tuple(labels.shape)}, but the volume's grid is {volume.label_shape} ({axes})."
        )
    if np.dtype(labels.dtype).kind not in "iu":
        raise VolumeError(f"The labels must be whole numbers, not {labels.dtype}.")
    parts = Parts(labels, axes, "The array of labels")
    left = axes.replace("t", "")
    order = [left.index(a) for a in "zyx" if a in left]
    for t in range(volume.size_of("t")):
        yield parts[tuple(t if a == "t" else slice(None) for a in axes)].transpose(order)


def checked_lineage(lineage: Any) -> dict[int, int]:
    """Return parents by daughter, or raise a VolumeError where they are something else; None is no divisions.

    Parameters
    ----------
    lineage
        ``{daughter: parent}``, or None.

    Returns
    -------
    dict
        The same with plain numbers.

    Raises
    ------
    VolumeError
        If it is no mapping of whole numbers, or an object is its own parent.
    """
    if lineage is None:
        return {}
    numbers = (*lineage, *lineage.values()) if isinstance(lineage, Mapping) else (None,)
    if not all(isinstance(n, Integral) and not isinstance(n, bool) for n in numbers) or any(
        d == p for d, p in lineage.items()
    ):
        raise VolumeError(f"lineage={lineage!r} must give the parent of each daughter, such as {{4: 3, 5: 3}}.")
    return {int(d): int(p) for d, p in lineage.items()}


def _objects_in(frame: NDArray[Any]) -> Iterator[tuple[int, int, tuple[float, ...]]]:
    """Yield the label, the number of voxels and the centroid of each object of a frame."""
    where = np.nonzero(frame)
    ids, which, counts = np.unique(frame[where], return_inverse=True, return_counts=True)
    centres = [np.bincount(which, weights=axis, minlength=len(ids)) / np.maximum(counts, 1) for axis in where]
    for i, (obj_id, count) in enumerate(zip(ids.tolist(), counts.tolist(), strict=True)):
        yield obj_id, count, tuple(float(c[i]) for c in centres)


class _SessionFrames:
    """The labels of a session whose frames are its time points, made when they are asked for."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.shape: tuple[int, ...] = session.volume.label_shape
        self.dtype = np.dtype(np.uint16)

    def __getitem__(self, index: tuple[int | slice, ...]) -> Any:
        return self._session.frame_labels(next(i for i in index if isinstance(i, int)))


def _labels_of(session: Any) -> Any:
    grid = getattr(session, "grid", None)
    by_frame = hasattr(session, "frame_labels") and getattr(grid, "frame_axis", None) == "t"
    return _SessionFrames(session) if by_frame and len(session.volume.label_axes) == 3 else session.labels()
