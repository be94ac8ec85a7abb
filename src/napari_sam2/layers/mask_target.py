"""What operations on masks change: the voxels of a plain Labels layer, or whatever has claimed the layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from napari_sam2.analysis.label_operations import change_object
from napari_sam2.analysis.mask_operations import Operation, find_operation
from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.length_unit import LengthUnit
from napari_sam2.errors import NapariSam2Error, VolumeError
from napari_sam2.layers.axis_names import finest
from napari_sam2.layers.label_table import label_names
from napari_sam2.layers.labels_on_image import volume_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

    Progress = tuple[int, int]


class MaskTarget(Protocol):
    """The masks of a Labels layer, for a form of operations.

    The generators run in a worker thread, and yield how many objects are done and how many there are.
    """

    @property
    def volume(self) -> ImageVolume:
        """The image that the masks belong to, or their own grid."""

    @property
    def axis(self) -> str | None:
        """The axis across the slices; time in a series of 2-D images, None for a single one."""

    @property
    def image(self) -> Image | None:
        """The only image whose values count, where other objects are those of this layer; None: any on its grid."""

    def objects(self) -> dict[int, str]:
        """Return the names of the objects that are there, by their numbers; empty without a name."""

    def preview(
        self, operation: str, objects: Sequence[int], values: Mapping[str, Any]
    ) -> Generator[Progress, None, NDArray[Any]]:
        """Compute what the layer would hold, in the shape of its array, and change nothing.

        Parameters
        ----------
        operation
            A name of :data:`napari_sam2.analysis.mask_operations.OPERATIONS`.
        objects
            Numbers of the objects.
        values
            The operation's parameters: lengths, areas and volumes in the unit of tables; of kind ``"mask"`` an
            ``(other layer's labels, number of the object)``; of kind ``"image"`` values on the grid of the labels.
        """

    def apply(
        self, operation: str, objects: Sequence[int], values: Mapping[str, Any]
    ) -> Generator[Progress, None, Callable[[], int]]:
        """Compute the same, and return a call for the main thread that makes the change, as one undo.

        The call returns how many voxels it changed.
        """


class LayerTarget:
    """A Labels layer that belongs to nobody else; a change is one step of the layer's own history.

    Voxels of other objects stay theirs, except where an object of this layer is added to another one.

    Parameters
    ----------
    layer
        A layer whose array is in memory and can be changed.

    Raises
    ------
    VolumeError
        If the layer cannot be changed, or has fewer than two or more than four axes.
    """

    def __init__(self, layer: Labels) -> None:
        if layer.multiscale or not isinstance(layer.data, np.ndarray) or not layer.data.flags.writeable:
            raise VolumeError(
                f"The labels {layer.name!r} cannot be changed: their array is not in memory, or is read-only.\n"
                "Duplicate the layer, and change the copy."
            )
        self.layer = layer
        self._volume = volume_of(layer)

    @property
    def volume(self) -> ImageVolume:
        """The image that the masks belong to, or their own grid."""
        return self._volume

    @property
    def axis(self) -> str | None:
        """The axis across the slices, as of :func:`stack_axis`."""
        return stack_axis(self._volume)

    @property
    def image(self) -> Image | None:
        """None: any image on the grid of the layer may be used."""
        return None

    def objects(self) -> dict[int, str]:
        """Return the names of the objects that are there, by their numbers; empty without a name."""
        return objects_in(self.layer)

    def preview(
        self, operation: str, objects: Sequence[int], values: Mapping[str, Any]
    ) -> Generator[Progress, None, NDArray[Any]]:
        """Compute what the layer would hold, as of :meth:`MaskTarget.preview`."""
        _, after = yield from self._change(operation, objects, values)
        return after

    def apply(
        self, operation: str, objects: Sequence[int], values: Mapping[str, Any]
    ) -> Generator[Progress, None, Callable[[], int]]:
        """Compute the same, and return the call that makes the change, as of :meth:`MaskTarget.apply`."""
        before, after = yield from self._change(operation, objects, values)
        # What is painted in the meantime elsewhere stays.
        changed = np.nonzero(before != after)
        numbers = after[changed]

        def commit() -> int:
            if numbers.size:
                self.layer.data_setitem(changed, numbers)
            return int(numbers.size)

        return commit

    def _change(
        self, name: str, objects: Sequence[int], values: Mapping[str, Any]
    ) -> Generator[Progress, None, tuple[NDArray[Any], NDArray[Any]]]:
        operation = find_operation(name)
        before = self.layer.data.copy()
        after = before.copy()
        grid = after.reshape(self._volume.label_shape)
        own, other = self._resolved(operation, values, before)
        yield 0, len(objects)
        for done, obj_id in enumerate(objects, start=1):
            _change_object(operation, grid, obj_id, self._volume, own, other)
            yield done, len(objects)
        return before, after

    def _resolved(
        self, operation: Operation, values: Mapping[str, Any], before: NDArray[Any]
    ) -> tuple[dict[str, Any], int | None]:
        """Return the parameters with masks as arrays on the grid, and the object of this layer that is added."""
        shape, added = self._volume.label_shape, None
        resolved = dict(values)
        for parameter in operation.parameters:
            value = values.get(parameter.name)
            if value is None:
                resolved.pop(parameter.name, None)
            elif parameter.kind == "mask":
                layer, obj_id = value
                array = before if layer is self.layer else np.asarray(finest(layer))
                if array.size != np.prod(shape):
                    raise VolumeError(f"The labels {layer.name!r} are on another grid than {self.layer.name!r}.")
                resolved[parameter.name] = array.reshape(shape) == obj_id
                added = obj_id if layer is self.layer and operation.name == "union" else None
        return resolved, added


def stack_axis(volume: ImageVolume) -> str | None:
    """Return the axis across the slices of a stack: time in a series of 2-D images, None for a single one."""
    spatial = volume.spatial_axes
    if len(spatial) == 2:
        return "t" if "t" in volume.label_axes else None
    return FrameGrid.of(volume, at={a: 0 for a in volume.label_axes if a not in spatial}).frame_axis


def stacks(array: NDArray[Any], volume: ImageVolume) -> list[NDArray[Any]]:
    """Return views of an array on the labels grid as stacks ``(Z, Y, X)``, one for each time point of a 4-D series.

    The first axis is that of :func:`stack_axis`; a 2-D image is a stack of one slice.
    """
    axes, first = volume.label_axes, stack_axis(volume)
    if first is None:
        return [array[None]]
    if len(axes) == 3:
        return [np.moveaxis(array, axes.index(first), 0)]
    whole = np.moveaxis(array, axes.index("t"), 0)
    return [np.moveaxis(part, volume.spatial_axes.index(first), 0) for part in whole]


def stack_spacing(volume: ImageVolume, first: str | None) -> tuple[float, float, float]:
    """Return the spacing of stacks across an axis, in the unit of tables; 1 along time, and across a 2-D image."""
    factor = LengthUnit.of(volume).factor
    y, x = (volume.spacing_of(a) * factor for a in volume.spatial_axes if a != first)
    return (volume.spacing_of(first) * factor if first in ("z", "y", "x") else 1.0), y, x


def is_solid(volume: ImageVolume, first: str | None) -> bool:
    """Whether a stack across an axis is a volume, not a time series of 2-D images or a single one."""
    return len(volume.spatial_axes) == 3 and first != "t"


def _change_object(
    operation: Operation,
    grid: NDArray[Any],
    obj_id: int,
    volume: ImageVolume,
    values: dict[str, Any],
    other: int | None,
) -> None:
    """Change the voxels of an object in place, on the labels grid."""
    arrays = [p.name for p in operation.parameters if p.kind in ("mask", "image") and p.name in values]
    spread = {name: stacks(values[name], volume) for name in arrays}
    spacing, numbers = stack_spacing(volume, stack_axis(volume)), [obj_id]
    for place, stack in enumerate(stacks(grid, volume)):
        own = values | {name: parts[place] for name, parts in spread.items()}
        change_object(stack, numbers, operation, spacing, own, lambda: _next_number(grid, numbers), other)


def _next_number(grid: NDArray[Any], taken: list[int]) -> int:
    number = max(int(grid.max()), *taken) + 1
    if number > np.iinfo(grid.dtype).max:
        raise NapariSam2Error(
            f"There is no number left for another part: the labels are {grid.dtype}.\nConvert the layer to int32 first."
        )
    return number


def objects_in(layer: Labels) -> dict[int, str]:
    """Return the numbers that a Labels layer holds, with the names in its table; 0 left out."""
    found: set[int] = set()
    # Slab by slab: a sorted copy of a whole CT is large.
    for slab in finest(layer):
        found.update(int(i) for i in pd.unique(np.asarray(slab).ravel()))
    names = label_names(layer)
    return {i: names.get(i, "") for i in sorted(found) if i > 0}


_claims: WeakKeyDictionary[Labels, MaskTarget] = WeakKeyDictionary()


def claim(layer: Labels, target: MaskTarget | None) -> None:
    """Let operations on a layer go to a target, e.g. the session that draws the layer; None gives the layer back."""
    if target is None:
        _claims.pop(layer, None)
    else:
        _claims[layer] = target


def target_of(layer: Labels) -> MaskTarget:
    """Return what operations on a layer change: the target that claimed it, else the layer itself.

    Raises
    ------
    VolumeError
        If the layer is plain and cannot be changed.
    """
    return _claims.get(layer) or LayerTarget(layer)


def is_claimed(layer: Labels) -> bool:
    """Return whether operations on a layer go to somebody else."""
    return layer in _claims
