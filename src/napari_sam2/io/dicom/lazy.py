"""A stack of DICOM planes that is decoded where it is looked at."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arrays import unreadable
from napari_sam2.errors import ReadError
from napari_sam2.io.dicom.pixels import UndecodableError, read_planes
from napari_sam2.io.dtypes import fits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_sam2.io.dicom.header import SliceHeader


class LazyStack:
    """An array whose planes are decoded on first use and kept.

    It slices like a NumPy array and gives read-only NumPy arrays. Any thread may read; a plane is decoded once.

    Parameters
    ----------
    slices
        The planes, in the order of the leading axes.
    shape
        Of the whole array; the last axes are those of a plane.
    dtype
        Of the whole array; must hold every value of every plane.
    """

    def __init__(self, slices: Sequence[SliceHeader], shape: Sequence[int], dtype: np.dtype[Any]) -> None:
        self._slices = list(slices)
        # Pages that nobody wrote to take no memory yet.
        self._data: NDArray[Any] = np.zeros(tuple(shape), dtype=dtype)
        self._leading = self._data.ndim - (3 if slices[0].is_colour else 2)
        if math.prod(self._data.shape[: self._leading]) != len(self._slices):
            raise ValueError(f"{len(self._slices)} planes do not fill an array of shape {tuple(shape)}")
        self._planes = self._data.reshape(len(self._slices), *self._data.shape[self._leading :])
        self._done = np.zeros(len(self._slices), dtype=bool)
        self._lock = threading.RLock()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array."""
        return tuple(self._data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self._data.dtype)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """Number of values."""
        return self._data.size

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array once it is decoded."""
        return self._data.nbytes

    @property
    def decoded(self) -> int:
        """Return the number of planes decoded so far."""
        return int(self._done.sum())

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        numbers = np.arange(len(self._slices)).reshape(self._data.shape[: self._leading])
        self._decode(np.unique(numbers[self._of_planes(index)]))
        part: NDArray[Any] = np.asarray(self._data[index])
        part.flags.writeable = False
        return part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        whole = self[...]
        if dtype is not None and np.dtype(dtype) != whole.dtype:
            return whole.astype(dtype)
        return whole.copy() if copy else whole

    def load(self) -> Iterator[tuple[int, int]]:
        """Decode what is missing, plane by plane, and yield ``(done, total)`` after each; stop at any time."""
        for number in range(len(self._slices)):
            if not self._done[number]:
                self._decode([number])
                yield self.decoded, len(self._slices)

    def _of_planes(self, index: Any) -> tuple[Any, ...]:
        """Return the part of an index that chooses planes."""
        parts = list(index) if isinstance(index, tuple) else [index]
        if any(p is None or (isinstance(p, np.ndarray | list) and np.ndim(p) > 1) for p in parts):
            return ()
        dots = next((i for i, p in enumerate(parts) if p is Ellipsis), None)
        if dots is not None:
            parts[dots : dots + 1] = [slice(None)] * (self.ndim - len(parts) + 1)
        return tuple(parts[: self._leading])

    def _decode(self, numbers: Sequence[int] | NDArray[np.integer[Any]]) -> None:
        with self._lock:
            for number in numbers:
                if self._done[number]:
                    continue
                facts = self._slices[number]
                try:
                    plane = read_planes([facts])[0]
                except UndecodableError as error:
                    if isinstance(error.__cause__, OSError):
                        raise unreadable(str(facts.path), error.__cause__) from error
                    raise ReadError(f"{facts.path} cannot be decoded: {error}.\n{error.remedy}") from error
                if not fits(plane, self.dtype):
                    raise ReadError(
                        f"{facts.path} is damaged: its values lie outside of what its header allows.\n"
                        "Open the series with lazy=False."
                    )
                self._planes[number] = plane
                self._done[number] = True
