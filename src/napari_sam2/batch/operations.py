"""The mask operations of a job: checked before it runs, applied to its objects before their labels are written."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.label_operations import change_object
from napari_sam2.analysis.mask_operations import find_operation
from napari_sam2.errors import JobError, NapariSam2Error
from napari_sam2.session.masks.operations import image_values, stack_spacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_sam2.analysis.mask_operations import Operation
    from napari_sam2.session import VideoSession

    Operations = Sequence[tuple[str, Mapping[str, Any]]]


def check_operations(operations: Operations) -> None:
    """Refuse operations or parameters that do not exist, are missing, or are out of range.

    Frames and objects that a parameter names are compared with the image when it is computed.

    Parameters
    ----------
    operations
        Names and parameters, as :class:`~napari_sam2.batch.Job` has them.

    Raises
    ------
    NapariSam2Error
        As the operation raises it.
    """
    empty = np.zeros((2, 1, 1), bool)
    for name, given in operations:
        operation = find_operation(name)
        values = _with_image(operation, _whole_numbers(operation, given), empty.astype(float))
        kinds = {parameter.name: parameter.kind for parameter in operation.parameters}
        stand_ins = {"frame": 0, "mask": empty}
        operation.apply(empty, (1.0, 1.0, 1.0), **{k: stand_ins.get(kinds.get(k, ""), v) for k, v in values.items()})


def apply_operations(session: VideoSession, operations: Operations) -> tuple[NDArray[np.uint16], dict[int, str]]:
    """Return the labels of a session with operations applied to each of its objects, and the names of the objects.

    The session itself is not changed. Voxels of another object are left alone, but for those that the operation names
    (``other``). Along time each frame is treated by itself.

    Parameters
    ----------
    session
        The finished session.
    operations
        Names and parameters, applied in this order; ``other`` is the id of an object, which is left as it is.

    Returns
    -------
    labels : ndarray
        uint16, on the volume's grid without channels.
    names : dict
        Names by object id; parts that ``"split"`` made have ids of their own.

    Raises
    ------
    JobError
        If an operation names an object that is not there.
    NapariSam2Error
        As the operation raises it.
    """
    labels: NDArray[np.uint16] = session.labels()
    names = {obj_id: info.name for obj_id, info in session.objects.items()}
    if not operations:
        return labels, names
    index = [session.frame_index(f) for f in range(session.frame_count)]
    stack = np.stack([labels[i] for i in index])
    for name, given in operations:
        _apply(session, stack, names, find_operation(name), given)
    for i, plane in zip(index, stack, strict=True):
        labels[i] = plane
    return labels, names


def _apply(
    session: VideoSession,
    stack: NDArray[np.uint16],
    names: dict[int, str],
    operation: Operation,
    given: Mapping[str, Any],
) -> None:
    """Apply one operation to every object of a stack ``(frame, y, x)`` in place; new objects get a name."""
    values = _whole_numbers(operation, given)
    if session.grid.frame_axis == "t" and any(p.name == "dimensions" for p in operation.parameters):
        values["dimensions"] = 2
    if any(p.kind == "image" for p in operation.parameters):
        values = _with_image(operation, values, image_values(session.volume, session.grid))
    others = {p.name: values[p.name] for p in operation.parameters if p.kind == "mask" and p.name in values}
    for name, number in others.items():
        if number not in names:
            raise JobError(f"The operation {operation.name!r} names object {number}, which is not there.")
        values[name] = stack == number
    spacing, other = stack_spacing(session.volume, session.grid), next(iter(others.values()), None)
    free = itertools.count(max(names, default=0) + 1)
    for obj_id in [i for i in names if i != other]:
        numbers = [obj_id]
        change_object(stack, numbers, operation, spacing, values, free.__next__, other)
        names |= {part: f"{names[obj_id]} {i}" for i, part in enumerate(numbers[1:], start=2)}


def _whole_numbers(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters, those that count something as whole numbers: a table has only numbers."""
    counted = {p.name for p in operation.parameters if p.kind in ("frame", "dimensions", "mask")}
    values = dict(given)
    for name in counted & set(values):
        if float(values[name]) != int(values[name]):
            raise NapariSam2Error(
                f"{name}={values[name]:g} of the operation {operation.name!r} must be a whole number."
            )
        values[name] = int(values[name])
    return values


def _with_image(operation: Operation, values: dict[str, Any], image: NDArray[Any]) -> dict[str, Any]:
    return values | {p.name: image for p in operation.parameters if p.kind == "image"}
