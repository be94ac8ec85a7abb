"""Reading from arrays of other libraries (dask, zarr, h5py): whatever fails there becomes one `ReadError`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import NapariSam2Error, ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

Index = tuple[int | slice, ...]


class Parts:
    """Parts of an array that may be read from a disk or a network only when they are asked for.

    It slices like the array, by whole numbers and slices, and gives NumPy arrays.

    Parameters
    ----------
    array
        Anything that slices.
    axes
        A letter for each of its axes.
    called
        What it is, as the first words of an error: a path, or "The image 'name'".
    check
        Called after each part; raises an OSError where what the array is read from is not there any more.
    """

    def __init__(self, array: Any, axes: str, called: str, check: Callable[[], None] | None = None) -> None:
        self._array = array
        self._axes = axes
        self._called = called
        self._check = check
        self.shape = tuple(int(n) for n in array.shape)
        self.dtype = np.dtype(array.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | slice | Index) -> NDArray[Any]:
        if isinstance(self._array, np.ndarray):
            return self._array[index]
        parts = index if isinstance(index, tuple) else (index,)
        # What is wrong with the index is a mistake of the caller; all that is raised below is the array's own.
        shape = self._shape_of(parts)
        with reading(self._called, self._place(parts)):
            part = np.asarray(self._array[parts])
            if self._check is not None:
                self._check()
        if part.shape != shape:
            raise ReadError(
                f"{self._called} cannot be read{self._place(parts)}: it gave the shape {part.shape} instead of {shape}."
                "\nThe library that reads it contradicts itself; read the image into a NumPy array first."
            )
        return part

    def _shape_of(self, parts: Index) -> tuple[int, ...]:
        if len(parts) > len(self.shape):
            raise IndexError(f"{len(parts)} indices for an array of {len(self.shape)} axes")
        shape = []
        for n, part in zip(self.shape, parts, strict=False):
            if isinstance(part, slice):
                shape.append(len(range(*part.indices(n))))
            elif not -n <= part < n:
                raise IndexError(f"index {part} lies outside an axis of {n}")
        return (*shape, *self.shape[len(parts) :])

    def _place(self, parts: Index) -> str:
        fixed = [f"{a} = {p}" for a, p in zip(self._axes, parts, strict=False) if not isinstance(p, slice)]
        return f" at {', '.join(fixed)}" if fixed else ""


def as_array(values: Any, called: str) -> NDArray[Any]:
    """Return all of an array as NumPy's.

    Raises
    ------
    ReadError
        If it cannot be read; the text begins with `called`.
    """
    if isinstance(values, np.ndarray):
        return values
    with reading(called):
        return np.asarray(values)


@contextmanager
def reading(called: str, place: str = "") -> Iterator[None]:
    """Turn whatever an array of another library raises into a ReadError that begins with `called`.

    For a block that does nothing else: a mistake of ours in it would be blamed on the array.
    """
    try:
        yield
    except NapariSam2Error:
        raise
    except Exception as error:
        raise unreadable(called, error, place) from error


def unreadable(called: str, error: Exception, place: str = "") -> ReadError:
    """Return the error for what another library could not read; `place` says where in it."""
    lines = str(error).strip().splitlines()
    # The text of a KeyError is a mere key.
    reason = type(error).__name__ if not lines else repr(error) if isinstance(error, LookupError) else lines[0]
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror + (f" ({error.filename})" if error.filename else "")
    if isinstance(error, MemoryError):
        advice = "It needs more memory than there is: close other images or programs, and try again."
    elif isinstance(error, OSError):
        advice = "Check that its disk or network drive is there, and try again."
    else:
        advice = "It may be damaged there: get a whole copy of it, and open that."
    return ReadError(f"{called} cannot be read{place}: {reason.rstrip('.')}.\n{advice}")
