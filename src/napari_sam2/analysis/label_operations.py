"""Apply mask operations to the objects of a label image, which leave the voxels of other objects alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_sam2.analysis.mask_operations import Operation


def change_object(
    stack: NDArray[Any],
    numbers: list[int],
    operation: Operation,
    spacing: Sequence[float],
    values: Mapping[str, Any],
    next_number: Callable[[], int],
    added: int | None = None,
) -> None:
    """Apply an operation to an object of a label image.

    Parameters
    ----------
    stack
        ``(Z, Y, X)`` whole numbers, 0 is the background; changed in place.
    numbers
        The object's own number, and those of its further parts so far; new ones are appended.
    operation
        What is done.
    spacing
        Of z, y and x.
    values
        The parameters of the operation, masks and images as arrays on the stack.
    next_number
        Gives a number that is free, for a further part.
    added
        An object whose voxels may be taken.

    Raises
    ------
    NapariSam2Error
        As the operation raises it.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.analysis.mask_operations import find_operation
    >>> stack = np.array([[[0, 1, 2, 2, 0]]])
    >>> change_object(stack, [1], find_operation("grow"), (1.0, 1.0, 1.0), {"radius": 1.0}, lambda: 3)
    >>> stack.tolist()
    [[[1, 1, 2, 2, 0]]]
    """
    mask = stack == numbers[0]
    parts = operation.apply(mask, spacing, **values)
    while len(numbers) < len(parts):
        numbers.append(next_number())
    stack[mask] = 0
    for number, part in zip(numbers, parts, strict=False):
        free = stack == 0 if added is None else (stack == 0) | (stack == added)
        stack[part & free] = number
