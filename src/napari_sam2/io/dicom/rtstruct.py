"""The structures of an RT-STRUCT on a volume's grid; every contour goes where its own points say."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io.dicom.contours import enclosed
from napari_sam2.io.label_grid import other_grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from napari_sam2.core.volume import ImageVolume

_log = logging.getLogger(__name__)

# How far the plane of a contour may lie beside the centre of a slice, in slices. Planning systems write positions with
# few digits.
_OFF_SLICE = 0.25
_KINDS = {
    "POINT": "a point, which encloses nothing",
    "OPEN_PLANAR": "an open line, which encloses nothing",
    "OPENPLANAR": "an open line, which encloses nothing",
    "OPEN_NONPLANAR": "an open line, which encloses nothing",
    "OPENNONPLANAR": "an open line, which encloses nothing",
}
_LISTED = 100


class _LeftOutError(Exception):
    """A contour is not drawn; the text completes "contour 3 of 'liver' …"."""


class _OutsideError(_LeftOutError):
    """A contour lies outside the volume."""


class _BetweenError(_LeftOutError):
    """A contour lies in none of the volume's slices, but between them."""


@dataclass
class _Plane:
    """The contours of one structure in one plane, (n, 2) each, in pixels of that plane."""

    closed: list[NDArray[np.float64]] = field(default_factory=list)
    xor: list[NDArray[np.float64]] = field(default_factory=list)


def structures(
    path: Path, ds: Dataset, volume: ImageVolume, notes: list[str] | None = None
) -> dict[int, NDArray[np.bool_]]:
    """Return the voxels of each structure, by its label.

    Parameters
    ----------
    path
        For texts.
    ds
        The data set.
    volume
        Whose grid is filled, in the order z, y, x.
    notes
        Gets a sentence about each contour and structure that was left out.

    Returns
    -------
    dict
        ``(Z, Y, X)`` bool of each label.

    Raises
    ------
    ReadError
        If no contour lies on the volume's grid, or most of them lie between its slices.
    """
    shape = tuple(volume.size_of(a) if a in volume.axes else 1 for a in "zyx")
    to_index = np.linalg.inv(volume.affine)
    names, labels = _names(ds), roi_labels(ds)
    skipped = _others(ds, volume)
    drawn: dict[int, dict[tuple[int, int], _Plane]] = defaultdict(lambda: defaultdict(_Plane))
    left_out: list[str] = [f"{names.get(n, n)!r} was drawn on another image" for n in sorted(skipped)]
    beside: list[str] = []
    placed = between = 0
    for roi, number, contour in _contours(ds):
        if roi in skipped:
            continue
        try:
            kind, axis, plane, outline = _placed(contour, to_index, shape)
        except _LeftOutError as reason:
            left_out.append(f"contour {number} of {names.get(roi, str(roi))!r} {reason}")
            beside += left_out[-1:] if isinstance(reason, _OutsideError | _BetweenError) else []
            between += isinstance(reason, _BetweenError)
            continue
        placed += 1
        item = drawn[roi][axis, plane]
        (item.xor if kind == "CLOSEDPLANAR_XOR" else item.closed).append(outline)
    if (not placed and beside) or between > placed:
        raise other_grid(path, "; ".join(beside[:2]) + "; and so on" * (len(beside) > 2))
    masks: dict[int, NDArray[np.bool_]] = {}
    for roi, planes in drawn.items():
        mask = masks.setdefault(labels.get(roi, roi), np.zeros(shape, dtype=bool))
        for (axis, plane), item in planes.items():
            picture = np.moveaxis(mask, axis, 0)[plane]
            found = enclosed((picture.shape[0], picture.shape[1]), item.closed, item.xor)
            picture |= found
            if not found.any():
                where = f"slice {plane}" if axis == 0 else f"plane {plane} along {'zyx'[axis]}"
                left_out.append(f"{names.get(roi, str(roi))!r} encloses no voxel's centre in {where}")
    _tell(path, left_out, [] if notes is None else notes)
    return masks


def roi_labels(ds: Dataset) -> dict[int, int]:
    """Return the label of each structure by its ROI number: the number itself, or a free one where it is below 1.

    Parameters
    ----------
    ds
        The data set of an RT-STRUCT.

    Returns
    -------
    dict
        ``{ROI number: label}``; all labels are above zero.
    """
    numbers = [int(roi.ROINumber) for roi in ds.get("StructureSetROISequence") or []]
    labels = {n: n for n in numbers if n > 0}
    # 0 is the background.
    for number in sorted({n for n in numbers if n < 1}):
        labels[number] = max(labels.values(), default=0) + 1
    return labels


def _names(ds: Dataset) -> dict[int, str]:
    return {int(r.ROINumber): str(r.get("ROIName") or r.ROINumber) for r in ds.get("StructureSetROISequence") or []}


def _others(ds: Dataset, volume: ImageVolume) -> set[int]:
    """Return the ROI numbers of the structures that belong to another frame of reference than the volume."""
    ours = volume.source.header.get("frame_of_reference_uid", "") if volume.source is not None else ""
    theirs = {
        int(r.ROINumber): str(r.get("ReferencedFrameOfReferenceUID") or "")
        for r in ds.get("StructureSetROISequence") or []
    }
    return {number for number, uid in theirs.items() if ours and uid and uid != ours}


def _contours(ds: Dataset) -> Iterator[tuple[int, int, Dataset]]:
    """Yield the ROI number, number from 1 within the structure, and data of each contour."""
    counts: dict[int, int] = defaultdict(int)
    for item in ds.get("ROIContourSequence") or []:
        roi = int(item.ReferencedROINumber)
        for contour in item.get("ContourSequence") or []:
            counts[roi] += 1
            yield roi, counts[roi], contour


def _placed(
    contour: Dataset, to_index: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[str, int, int, NDArray[np.float64]]:
    """Type, axis, plane and outline (n, 2) of a contour that lies in a plane of voxels, along whichever axis."""
    kind = str(contour.get("ContourGeometricType") or "").strip().upper()
    values: Any = contour.get("ContourData")
    numbers = np.array([float(v) for v in ([] if values is None else values)])
    if not len(numbers) or len(numbers) % 3 or not np.isfinite(numbers).all():
        raise _LeftOutError("is damaged: its points are missing or incomplete")
    points = numbers.reshape(-1, 3)
    index = (to_index @ np.c_[points, np.ones(len(points))].T)[:3].T
    spread = np.ptp(index, axis=0)
    axis = int(np.argmin(spread))
    level = float(index[:, axis].mean())
    where = f"at slice {level:.2f}" if axis == 0 else f"at {level:.2f} along {'zyx'[axis]}"
    if kind not in ("CLOSED_PLANAR", "CLOSEDPLANAR", "CLOSEDPLANAR_XOR"):
        raise _LeftOutError(f"({where}) is {_KINDS.get(kind, f'of the unknown type {kind!r}')}")
    if len(points) < 3:
        raise _LeftOutError(f"({where}) has {len(points)} points, which enclose nothing")
    plane = round(level)
    if not -0.5 <= level <= shape[axis] - 0.5:
        raise _OutsideError(f"lies outside the volume ({where} of {shape[axis]})")
    if spread[axis] > 2 * _OFF_SLICE:
        raise _BetweenError(f"is tilted against the volume's slices ({where})")
    if abs(level - plane) > _OFF_SLICE:
        raise _BetweenError(f"lies between the volume's slices ({where})")
    outline = np.delete(index, axis, axis=1)
    sides = np.delete(np.array(shape), axis)
    if (outline.max(axis=0) < -0.5).any() or (outline.min(axis=0) > sides - 0.5).any():
        raise _OutsideError(f"lies outside the volume ({where}, beside the image)")
    return kind, axis, plane, outline


def _tell(path: Path, left_out: list[str], notes: list[str]) -> None:
    if left_out:
        more = f"; and {len(left_out) - _LISTED} more" if len(left_out) > _LISTED else ""
        _log.warning("%s: left out: %s%s", path, "; ".join(left_out[:_LISTED]), more)
        notes += [f"left out: {text}" for text in left_out[:_LISTED]]
        notes += [f"left out: {len(left_out) - _LISTED} more"] if more else []
