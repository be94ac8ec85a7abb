"""The mask operations by name, with typed parameters in physical units, for sessions and forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_sam2.analysis import mask_combination, mask_morphology
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["length", "volume", "intensity", "frame", "dimensions", "mask", "image"]


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation.

    Parameters
    ----------
    name
        Its keyword.
    kind
        ``"length"`` (unit of the spacing), ``"volume"`` (its cube; its square with ``dimensions=2``), ``"intensity"``
        (the image's values), ``"frame"`` (index of a slice), ``"dimensions"`` (2 or 3), ``"mask"`` (another object's
        mask: a form asks for the object) or ``"image"`` (the image's values: the session knows them).
    title
        A few words for a form.
    default
        The value without one; None where there is none.
    required
        Whether a value must be given.
    """

    name: str
    kind: Kind
    title: str
    default: Any = None
    required: bool = False

    def unit(self, length_unit: str, dimensions: int = 3) -> str:
        """Return the unit to show beside a value.

        Parameters
        ----------
        length_unit
            Of the spacing, e.g. ``"mm"``; empty where there is none.
        dimensions
            2 where every slice is treated by itself.

        Examples
        --------
        >>> Parameter("volume", "volume", "smallest part").unit("mm")
        'mm³'
        """
        if not length_unit or self.kind not in ("length", "volume"):
            return ""
        return length_unit + ("" if self.kind == "length" else "³" if dimensions == 3 else "²")


@dataclass(frozen=True)
class Operation:
    """An operation on a mask.

    Parameters
    ----------
    name
        The name that ``session.apply`` takes.
    title
        A few words for a menu.
    function
        ``function(mask, spacing, **parameters)``.
    parameters
        In the order of a form.
    gives
        ``"mask"``, or ``"masks"``: the first is the object's, the others are new objects.
    """

    name: str
    title: str
    function: Callable[..., Any]
    parameters: tuple[Parameter, ...] = ()
    gives: Literal["mask", "masks"] = "mask"

    def apply(self, mask: NDArray[np.bool_], spacing: Sequence[float], **values: Any) -> tuple[NDArray[np.bool_], ...]:
        """Apply the operation.

        Parameters
        ----------
        mask
            (Z, Y, X) bool; not changed.
        spacing
            Of z, y and x.
        values
            The parameters by name.

        Returns
        -------
        tuple of ndarray
            One mask, (Z, Y, X) bool; of ``"split"`` one for each part, none where the mask is empty.

        Raises
        ------
        NapariSam2Error
            If a parameter is unknown, missing, or out of range.

        Examples
        --------
        >>> import numpy as np
        >>> (grown,) = OPERATIONS["grow"].apply(np.eye(3, dtype=bool)[None], (3.0, 1.0, 1.0), radius=1.0)
        >>> int(grown.sum())
        7
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        unknown = sorted(set(values) - set(known))
        if unknown:
            takes = f"takes {', '.join(known)}" if known else "takes no parameter"
            raise NapariSam2Error(f"The operation {self.name!r} has no parameter {unknown[0]!r}; it {takes}.")
        missing = [p.name for p in self.parameters if p.required and values.get(p.name) is None]
        if missing:
            raise NapariSam2Error(f"The operation {self.name!r} needs {missing[0]}=.")
        result = self.function(mask, spacing, **values)
        return result if self.gives == "masks" else (result,)


def find_operation(name: str) -> Operation:
    """Return an operation by its name.

    Raises
    ------
    NapariSam2Error
        If there is none; the text lists the names.

    Examples
    --------
    >>> find_operation("smooth").parameters[0].name
    'radius'
    """
    if not isinstance(name, str) or name not in OPERATIONS:
        raise NapariSam2Error(f"There is no operation {name!r}; choose one of {', '.join(OPERATIONS)}.")
    return OPERATIONS[name]


_DIMENSIONS = Parameter("dimensions", "dimensions", "in the volume (3) or slice by slice (2)", 3)
_OTHER = Parameter("other", "mask", "other object", required=True)

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("largest", "Keep the largest part", mask_morphology.keep_largest, (_DIMENSIONS,)),
        Operation(
            "remove_small",
            "Remove small parts",
            mask_morphology.remove_small,
            (Parameter("volume", "volume", "smaller than", required=True), _DIMENSIONS),
        ),
        Operation("fill_holes", "Fill holes", mask_morphology.fill_holes, (_DIMENSIONS,)),
        Operation(
            "smooth",
            "Smooth",
            mask_morphology.smooth,
            (Parameter("radius", "length", "by", required=True), _DIMENSIONS),
        ),
        Operation(
            "grow", "Grow", mask_morphology.grow, (Parameter("radius", "length", "by", required=True), _DIMENSIONS)
        ),
        Operation(
            "shrink",
            "Shrink",
            mask_morphology.shrink,
            (Parameter("radius", "length", "by", required=True), _DIMENSIONS),
        ),
        Operation(
            "threshold",
            "Keep a range of values",
            mask_combination.threshold,
            (
                Parameter("image", "image", "image", required=True),
                Parameter("low", "intensity", "from"),
                Parameter("high", "intensity", "to"),
            ),
        ),
        Operation("split", "Split into parts", mask_morphology.split, (_DIMENSIONS,), gives="masks"),
        Operation("union", "Add another object", mask_combination.union, (_OTHER,)),
        Operation("intersect", "Keep what is in another object", mask_combination.intersect, (_OTHER,)),
        Operation("subtract", "Take another object away", mask_combination.subtract, (_OTHER,)),
        Operation(
            "copy_to",
            "Copy a slice",
            mask_combination.copy_to,
            (Parameter("frame", "frame", "from slice", required=True), Parameter("to", "frame", "to slice")),
        ),
    )
}
