"""What label writers and readers share: checks, the order of axes, and the way onto a volume's grid."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arrays import as_array
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io.orientation import REVERSED, nibabel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

# Two affines are the same grid if no corner of the volume moves by more than this share of a voxel.
_SAME_GRID = 0.1
# Labels that were scaled or averaged on their way are whole numbers but for this.
_ROUNDING = 1e-3
# Both NIfTI and TIFF hold these as they are.
_KEPT = {np.dtype(t) for t in (np.uint8, np.uint16, np.uint32, np.int16, np.int32)}


def checked_labels(labels: Any, volume: ImageVolume, path: Path) -> NDArray[Any]:
    """Return the labels as a NumPy array of a type that files hold, on the volume's grid without channels.

    Parameters
    ----------
    labels
        Whole numbers on the volume's grid without channels; 0 is the background.
    volume
        The volume that the labels belong to.
    path
        Of the file to be written.

    Returns
    -------
    ndarray
        uint8, uint16, uint32, int16 or int32, in native byte order, and nowhere below zero.

    Raises
    ------
    WriteError
        If shape or values do not fit; the text names `path`.
    """
    array = as_array(labels, f"{path} was not written: the array of labels")
    if array.shape != volume.label_shape:
        raise WriteError(
            f"{path} was not written: labels of shape {array.shape} do not fit the volume's grid "
            f"{volume.label_shape} ({volume.label_axes}).\nPass the volume that the labels were made on."
        )
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype.kind not in "iu":
        raise WriteError(
            f"{path} was not written: labels are whole numbers, but these are {array.dtype}.\n"
            "Convert them first, for example with labels.astype('uint16')."
        )
    if array.min() < 0:
        raise WriteError(f"{path} was not written: the labels hold negative values.\nZero is the background.")
    if array.dtype in _KEPT:
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    highest = int(array.max())
    if highest > np.iinfo(np.uint32).max:
        raise WriteError(f"{path} was not written: the label {highest} does not fit in 32 bits.\nRenumber the labels.")
    return array.astype(np.min_scalar_type(highest))


def as_labels(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return the values of a file as labels: unsigned, at least as wide as they need.

    Parameters
    ----------
    values
        As they are in the file.
    path
        The file.

    Returns
    -------
    ndarray
        Unsigned integers of the same shape.

    Raises
    ------
    ReadError
        If a value is negative, or farther than 0.001 from a whole number.
    """
    if values.dtype.kind == "f":
        # Beyond this is no label that any format holds; NaN is not below it either.
        numbers = bool((np.abs(values) < 2.0**32).all())
        whole = np.rint(values)
        if not numbers or (np.abs(values - whole) > _ROUNDING).any():
            raise ReadError(f"{path} holds no labels: some of its values are no whole numbers.\nIs it an image?")
        values = whole.astype(np.int64)
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind not in "iu":
        raise ReadError(f"{path} holds no labels but values of type {values.dtype}.\nIs it an image?")
    if values.dtype.kind == "i":
        if values.min() < 0:
            raise ReadError(f"{path} holds no labels: some of its values are negative.\nIs it an image?")
        highest = int(values.max())
        values = values.astype(max(np.min_scalar_type(highest), np.dtype(np.uint8), key=lambda d: d.itemsize))
    return values


@dataclass(frozen=True)
class LabelNote:
    """What a file says about the labels in it.

    Parameters
    ----------
    names
        Names of the labels, as far as they have one.
    axes
        Axes of the labels where the format adds a z of one voxel that they did not have; else empty.
    """

    names: dict[int, str]
    axes: str = ""


def label_note_in(text: str) -> LabelNote | None:
    """Return what one of our writers put into a text of the header; None where it did not.

    The presence of this text says that the file holds labels, even where none has a name.
    """
    try:
        found = json.loads(text)
        names = {int(k): str(v) for k, v in found["labels"].items()}
        return LabelNote(names, str(found.get("axes", "")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def label_text(names: Mapping[int, str] | None, **more: Any) -> str:
    """Return the text of the header that says that a file holds labels, and their names."""
    return json.dumps({"labels": {str(k): str(v) for k, v in (names or {}).items()}, **more})


def flat_axes(volume: ImageVolume) -> dict[str, str]:
    """Return the axes of a volume without z, for the note in a file that has three axes of space in any case."""
    return {} if "z" in volume.axes else {"axes": "".join(a for a in "tyx" if a in volume.axes)}


def to_file_order(array: NDArray[Any], volume: ImageVolume) -> NDArray[Any]:
    """Turn the volume's label axes to ``(x, y, z[, t])``; missing spatial axes get the length 1."""
    present = [a for a in "xyzt" if a in volume.label_axes]
    array = array.transpose([volume.label_axes.index(a) for a in present])
    sizes = dict(zip(present, array.shape, strict=True))
    return array.reshape([sizes.get(a, 1) for a in ("xyzt" if "t" in sizes else "xyz")])


def to_planes(array: NDArray[Any], volume: ImageVolume) -> NDArray[Any]:
    """Turn the axes of labels to ``(…, z, y, x)``, with a z of one where the volume has none; axes before them stay."""
    before = array.ndim - len(volume.label_axes)
    order = [before + volume.label_axes.index(a) for a in "zyx" if a in volume.label_axes]
    array = array.transpose([*range(before), *order])
    return array if "z" in volume.label_axes else np.expand_dims(array, before)


def on_volume_grid(path: Path, values: NDArray[Any], affine: NDArray[np.float64], volume: ImageVolume) -> NDArray[Any]:
    """Return the labels of a file on the volume's grid, whatever the file's orientation; nothing is resampled.

    Parameters
    ----------
    path
        For the text of an error.
    values
        ``(i, j[, k[, t]])`` in the file's order.
    affine
        4x4, file index (i, j, k, 1) → LPS mm.
    volume
        Whose grid the labels must lie on.

    Raises
    ------
    ReadError
        If the file lies on another grid.
    """
    nib = nibabel()
    values = values.reshape(values.shape + (1,) * (3 - values.ndim))
    if values.ndim == 3 and "t" in volume.axes:
        # Files leave out the axis of a single time point.
        values = values[..., None]
    between = np.linalg.inv(volume.affine @ REVERSED) @ affine  # file index → volume index (x, y, z)
    turn = nib.io_orientation(between)
    if np.isnan(turn).any():
        raise other_grid(path, "its axes are not the volume's")
    rest = between @ nib.orientations.inv_ornt_aff(turn, values.shape[:3])
    turned = nib.orientations.apply_orientation(values, turn)
    sizes = [volume.size_of(a) if a in volume.axes else 1 for a in "xyz"]
    sizes += [volume.size_of("t")] if "t" in volume.axes else []
    if list(turned.shape) != sizes:
        raise other_grid(path, f"its shape (x, y, z, …) is {turned.shape}, the volume's is {tuple(sizes)}")
    corners = np.array([[x, y, z, 1] for x in (0, sizes[0]) for y in (0, sizes[1]) for z in (0, sizes[2])]).T
    moved = float(np.abs((rest - np.eye(4)) @ corners).max())
    if moved > _SAME_GRID:
        raise other_grid(path, f"its voxels lie up to {moved:.2f} voxels beside the volume's")
    return np.ascontiguousarray(_to_volume_order(turned, volume))


def other_grid(path: Path, reason: str) -> ReadError:
    """Return the error for labels that belong to another image."""
    return ReadError(
        f"{path} lies on another grid than the volume: {reason}.\nResample the labels to the volume's grid first."
    )


def _to_volume_order(array: NDArray[Any], volume: ImageVolume) -> NDArray[Any]:
    """Turn ``(x, y, z[, t])`` to the order of the volume's label axes, without axes that it does not have."""
    letters = "xyzt"[: array.ndim]
    kept = [a for a in letters if a in volume.label_axes]
    array = array.reshape([n for n, a in zip(array.shape, letters, strict=True) if a in kept])
    return array.transpose([kept.index(a) for a in volume.label_axes])
