"""What every label writer and reader checks first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError, WriteError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sam2.volume import ImageVolume

# Both NIfTI and TIFF hold these as they are.
_KEPT = {np.dtype(t) for t in (np.uint8, np.uint16, np.uint32, np.int16, np.int32)}


def checked_labels(labels: Any, volume: ImageVolume, path: Path) -> NDArray[Any]:
    """The labels as a NumPy array of a type that files hold, on the volume's grid without channels.

    Raises
    ------
    WriteError
        If shape or values do not fit; the text names `path`.
    """
    array = np.asarray(labels)
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
    """Values of a file as labels: unsigned, at least as wide as they need.

    Raises
    ------
    ReadError
        If a value is negative or no whole number.
    """
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or (values != np.rint(values)).any():
            raise ReadError(f"{path} holds no labels: some of its values are no whole numbers.\nIs it an image?")
        values = values.astype(np.int64)
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
