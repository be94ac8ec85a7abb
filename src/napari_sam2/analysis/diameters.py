"""The diameters that a report gives of a lesion: the longest in a slice, and the longest across it (RECIST 1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.labelled_objects import LabelledObjects, checked_id
from napari_sam2.analysis.shape import longest_diameter
from napari_sam2.core.arrays import as_array
from napari_sam2.core.length_unit import LengthUnit, steps_of
from napari_sam2.core.volume import SPATIAL_LETTERS, check_volume
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

# How much coarser x or y must be than z to be taken for the axis across the acquired slices.
_COARSER = 1.5


@dataclass(frozen=True)
class Diameter:
    """A straight line across an object.

    Parameters
    ----------
    length
        In the unit of :class:`Diameters`.
    start, end
        The end points in voxel indices, in the order of the volume's spatial axes, voxel centres at integers.
    start_lps, end_lps
        The same points in patient LPS (x, y, z), in the unit of :class:`Diameters`.
    """

    length: float
    start: tuple[float, ...]
    end: tuple[float, ...]
    start_lps: tuple[float, float, float]
    end_lps: tuple[float, float, float]


@dataclass(frozen=True)
class Diameters:
    """Long and short axis of an object, on one slice.

    Parameters
    ----------
    obj_id
        The object.
    axes
        Letters of the voxel indices of the end points: the volume's spatial axes.
    slice_axis
        Letter of the axis across the slices; None for a 2-D image.
    slice_index
        The slice that holds both lines; 0 for a 2-D image.
    unit
        ``"mm"``, ``"um"``, or ``""`` where the volume has no physical unit.
    long, short
        The longest diameter, and the longest that is perpendicular to it.
    """

    obj_id: int
    axes: str
    slice_axis: str | None
    slice_index: int
    unit: str
    long: Diameter
    short: Diameter

    def to_row(self) -> dict[str, Any]:
        """Return a row of a table: lengths such as ``long_axis_mm``, end points such as ``long_start_lps_x_mm``."""
        unit = LengthUnit(self.unit, 1.0)
        row: dict[str, Any] = {"object": self.obj_id, "slice_axis": self.slice_axis, "slice": self.slice_index}
        row |= {unit.column("long_axis"): self.long.length, unit.column("short_axis"): self.short.length}
        for name, line in (("long", self.long), ("short", self.short)):
            for end, index, place in (("start", line.start, line.start_lps), ("end", line.end, line.end_lps)):
                row |= {f"{name}_{end}_{axis}": value for axis, value in zip(self.axes, index, strict=True)}
                row |= {unit.column(f"{name}_{end}_lps_{a}"): v for a, v in zip("xyz", place, strict=True)}
        return row


def measure_diameters(
    labels: Any,
    volume: ImageVolume,
    obj_id: int,
    *,
    slice_axis: str | None = None,
    at: Mapping[str, int] | None = None,
    objects: Iterable[int] | None = None,
) -> Diameters:
    """Measure the long and the short axis of an object as RECIST 1.1 and WHO read them from slices.

    The long axis is the longest straight line between two points of the object's outline on one slice, over all
    slices; it may leave a lesion that is not convex. The short axis is the longest line on the same slice that is
    perpendicular to it and lies within the lesion, holes left out. Where a slice shows several pieces (pixels that
    touch at a corner are one piece), each is measured by itself and the longest counts.

    The outline runs half-way between the centres of pixels inside and outside (marching squares): n pixels in a row
    are n pixels long, and a single pixel is as long as its longer side. Lengths are those in the patient, also where
    pixels are no squares or sheared.

    Parameters
    ----------
    labels
        Whole numbers on the volume's grid without channels; or (n_objects, …) bool masks on that grid.
    volume
        The image that the labels belong to.
    obj_id
        The object.
    slice_axis
        Letter of the axis across the slices. Default: ``"z"``, the acquired slices of a DICOM series and axial ones
        of other files; but x or y where the file is no DICOM and this axis is at least 1.5 times as coarse as z, as
        in a sagittal or coronal series.
    at
        The time point of a time series, ``{"t": 3}``.
    objects
        For a stack: the number of each of its masks; default 1, 2, ….

    Returns
    -------
    Diameters

    Raises
    ------
    VolumeError
        If the object is not there, or labels, axis or time do not fit the volume.

    References
    ----------
    Eisenhauer et al., "New response evaluation criteria in solid tumours: revised RECIST guideline (version 1.1)",
    European Journal of Cancer 45 (2009), 228-247.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.volume import ImageVolume
    >>> volume = ImageVolume(np.zeros((3, 9, 9)), spacing=(5.0, 1.0, 0.5), units="mm")
    >>> labels = np.zeros((3, 9, 9), dtype=np.uint8)
    >>> labels[1, 1:8, 3:7] = 1
    >>> found = measure_diameters(labels, volume, 1)
    >>> found.slice_index, round(found.long.length, 2), round(found.short.length, 2)
    (1, 7.16, 2.05)
    """
    check_volume(volume)
    mask = _chosen_mask(labels, volume, checked_id(obj_id), at, objects)
    axis = _checked_slice_axis(slice_axis, volume)
    axes = volume.spatial_axes
    slices = mask[None] if axis is None else np.moveaxis(mask, axes.index(axis), 0)
    plane = "".join(a for a in axes if a != axis)
    steps = steps_of(volume, plane)
    frame, piece, (long_start, long_end) = _longest(slices, steps)
    short_start, short_end = longest_chord(piece, steps, long_end - long_start)

    def line(start: NDArray[np.float64], end: NDArray[np.float64]) -> Diameter:
        ends = []
        for point in (start, end):
            index = dict(zip(plane, point.tolist(), strict=True)) | ({} if axis is None else {axis: float(frame)})
            place = volume.affine[:3, :3] @ [index.get(a, 0.0) for a in SPATIAL_LETTERS] + volume.affine[:3, 3]
            lps = (place * LengthUnit.of(volume).affine_factor).tolist()
            ends.append((tuple(index[a] for a in axes), (lps[0], lps[1], lps[2])))
        length = float(np.linalg.norm(steps @ (end - start)))
        return Diameter(length, ends[0][0], ends[1][0], ends[0][1], ends[1][1])

    long, short = line(long_start, long_end), line(short_start, short_end)
    return Diameters(int(obj_id), axes, axis, frame, LengthUnit.of(volume).name, long, short)


def longest_chord(
    mask: NDArray[np.bool_], steps: NDArray[np.float64], direction: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the longest line within a mask that is perpendicular to a direction.

    Parameters
    ----------
    mask
        (Y, X) bool, not empty; its outline runs half-way between pixel centres inside and outside.
    steps
        (3, 2) float, the steps of y and x in space; lengths and angles are taken there.
    direction
        (2,) float, in pixels.

    Returns
    -------
    start, end : ndarray
        (2,) float (y, x), in pixels, centres at integers.
    """
    from skimage.measure import find_contours

    # Orthonormal coordinates of the plane: along the direction, and across it.
    frame, _ = np.linalg.qr(steps)
    plane = frame.T @ steps
    along = plane @ direction / np.linalg.norm(plane @ direction)
    turned = np.array([along, [-along[1], along[0]]]) @ plane
    outlines = find_contours(np.pad(mask, 1).astype(np.float64), 0.5, fully_connected="high")
    closed = [(outline - 1.0) @ turned.T for outline in outlines]
    starts = np.concatenate([outline[:-1] for outline in closed])
    ends = np.concatenate([outline[1:] for outline in closed])
    low, high = np.minimum(starts[:, 0], ends[:, 0]), np.maximum(starts[:, 0], ends[:, 0])
    # Between two corners the length of a chord changes linearly, so the longest is next to a corner.
    small = 1e-7 * float(np.ptp(starts[:, 0]))
    corners = np.unique(np.round(starts[:, 0] / small)) * small
    best, chord = -1.0, np.zeros((2, 2))
    for place in np.concatenate([corners - 2 * small, corners + 2 * small]).tolist():
        crossed = (low < place) & (place < high)
        a, b = starts[crossed], ends[crossed]
        across = np.sort(a[:, 1] + (b[:, 1] - a[:, 1]) * (place - a[:, 0]) / (b[:, 0] - a[:, 0]))
        # Closed outlines are crossed an even number of times: in, out, in, out.
        lengths = across[1::2] - across[::2]
        if lengths.size and lengths.max() > best * (1 + 1e-9):
            best, which = float(lengths.max()), int(lengths.argmax())
            chord = np.array([[place, across[2 * which]], [place, across[2 * which + 1]]])
    start, end = chord @ np.linalg.inv(turned).T
    return start, end


def _longest(
    slices: NDArray[np.bool_], steps: NDArray[np.float64]
) -> tuple[int, NDArray[np.bool_], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return slice, piece and end points of the longest diameter over all slices."""
    from scipy.ndimage import find_objects, label

    best: tuple[int, NDArray[np.bool_], tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None
    longest = 0.0
    for frame in np.flatnonzero(slices.any(axis=(1, 2))).tolist():
        pieces, _ = label(slices[frame], structure=np.ones((3, 3)))
        for number, box in enumerate(find_objects(pieces), start=1):
            piece = pieces[box] == number
            # No line in a box is longer than its diagonal.
            height, width = (steps * piece.shape).T
            if max(np.linalg.norm(height + width), np.linalg.norm(height - width)) <= longest:
                continue
            length, start, end = longest_diameter(piece, steps)
            if length > longest * (1 + 1e-9):
                corner = np.array([side.start for side in box], dtype=float)
                longest, best = length, (frame, pieces == number, (start + corner, end + corner))
    assert best is not None
    return best


def _chosen_mask(labels: Any, volume: ImageVolume, obj_id: int, at: Any, objects: Any) -> NDArray[np.bool_]:
    """Return the object's mask on the spatial axes."""
    times = volume.size_of("t") if "t" in volume.axes else 0
    if at is not None and not isinstance(at, Mapping):
        raise VolumeError(f"at={at!r} must give the time point of a time series, such as {{'t': 3}}.")
    index = (at or {}).get("t")
    if set(at or ()) - {"t"} or (index is None) != (times == 0):
        wanted = "choose one time point with at={'t': …}" if times else "the volume has no time axis, leave at= out"
        raise VolumeError(f"at={at!r} does not fit the axes {volume.axes!r}: {wanted}.")
    if index is not None and not (isinstance(index, int | np.integer) and -times <= index < times):
        raise VolumeError(f"at={{'t': {index!r}}} lies outside the volume, which has {times} time points.")
    array = as_array(labels, "The labels")
    is_stack = array.dtype == np.bool_ and array.ndim == len(volume.label_axes) + 1
    found = LabelledObjects.of(array, volume, objects=objects if is_stack else [obj_id])
    mask = found.mask(obj_id)
    if index is not None:
        mask = np.take(mask, index, axis=volume.label_axes.index("t"))
    if not mask.any():
        raise VolumeError(f"The labels hold no object {obj_id}{'' if index is None else f' at t = {index}'}.")
    return mask


def _checked_slice_axis(slice_axis: str | None, volume: ImageVolume) -> str | None:
    axes = volume.spatial_axes
    if len(axes) == 2:
        if slice_axis is not None:
            raise VolumeError(f"slice_axis={slice_axis!r} is not possible for a 2-D image.")
        return None
    if slice_axis is not None:
        if slice_axis not in tuple(axes):
            raise VolumeError(f"slice_axis={slice_axis!r} is no spatial axis of the volume; these are {axes!r}.")
        return slice_axis
    coarsest = max(SPATIAL_LETTERS, key=volume.spacing_of)
    is_dicom = volume.source is not None and volume.source.format == "dicom"
    return "z" if is_dicom or volume.spacing_of(coarsest) < _COARSER * volume.spacing_of("z") else coarsest
