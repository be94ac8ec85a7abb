"""A form for the parameters of an operation on masks, made from their kinds, units and defaults."""

# Annotations are not postponed here: magicgui reads them.
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from magicgui import magicgui
from magicgui.widgets import FunctionGui

from napari_sam2.analysis.mask_operations import Kind, Operation, Parameter

_SLICES = (("in the volume", 3), ("slice by slice", 2))


@dataclass(frozen=True)
class FormContext:
    """What a form has to know of the masks and of the image.

    Parameters
    ----------
    unit
        Of lengths, e.g. ``"mm"``; empty where there is none.
    spacing
        Of slices, rows and columns, in that unit.
    shape
        Of a stack of slices.
    is_solid
        Whether slices make a volume.
    shown
        Index of the slice that is shown.
    others
        ``(text, value)`` of objects that the operation may take.
    images
        ``(text, value)`` of images on the same grid.
    limits
        The image's values shown as black and white.
    value_unit
        Of the image's values, e.g. ``"HU"``.
    """

    unit: str
    spacing: tuple[float, float, float]
    shape: tuple[int, int, int]
    is_solid: bool
    shown: int
    others: tuple[tuple[str, Any], ...] = ()
    images: tuple[tuple[str, Any], ...] = ()
    limits: tuple[float, float] = (0.0, 1.0)
    value_unit: str = ""


def operation_form(operation: Operation, context: FormContext) -> FunctionGui:
    """Make a form with a field for each parameter of an operation.

    Parameters
    ----------
    operation
        The operation.
    context
        Gives units, ranges and defaults.

    Returns
    -------
    magicgui.widgets.FunctionGui
        Called, it returns the values by name.
    """

    def values(**given: Any) -> dict[str, Any]:
        return given

    values.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [_field(parameter, context) for parameter in operation.parameters]
    )
    form = magicgui(values, call_button=False)
    form.name = operation.name
    names = [parameter.name for parameter in operation.parameters]

    def show_units(*_: Any) -> None:
        dimensions = form["dimensions"].value if "dimensions" in names else 3 if context.is_solid else 2
        for parameter in operation.parameters:
            native = form[parameter.name].native
            if parameter.kind in ("length", "volume", "intensity"):
                native.setSuffix(_suffix(parameter, context, dimensions))

    if "dimensions" in names:
        form["dimensions"].changed.connect(show_units)
    show_units()
    return form


def _field(parameter: Parameter, context: FormContext) -> inspect.Parameter:
    kind, options, default = _FIELDS[parameter.kind](parameter, context)
    options = {"label": parameter.title, "tooltip": _tip(parameter, context), **options}
    annotation: Any = Annotated[kind, options]
    return inspect.Parameter(parameter.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _length(parameter: Parameter, context: FormContext) -> tuple[Any, dict[str, Any], Any]:
    pixel = max(context.spacing[1:])
    longest = max(n * step for n, step in zip(context.shape, context.spacing, strict=True))
    default = 2 * pixel if parameter.default is None else parameter.default
    return float, {"min": 0.0, "max": longest, "step": _round(pixel / 2)}, _round(default)


def _volume(parameter: Parameter, context: FormContext) -> tuple[Any, dict[str, Any], Any]:
    voxel = math.prod(context.spacing if context.is_solid else context.spacing[1:])
    default = 10 * voxel if parameter.default is None else parameter.default
    return float, {"min": 0.0, "max": voxel * math.prod(context.shape), "step": _round(voxel)}, _round(default)


def _intensity(parameter: Parameter, context: FormContext) -> tuple[Any, dict[str, Any], Any]:
    low, high = context.limits
    most = max(1e5, 10 * abs(low), 10 * abs(high))
    options = {"min": -most, "max": most, "step": _round((high - low) / 50)}
    return float, options, float(high if parameter.name == "high" else low)


def _frame(parameter: Parameter, context: FormContext) -> tuple[Any, dict[str, Any], Any]:
    last = context.shape[0] - 1
    return int, {"min": 0, "max": last}, min(context.shown + (parameter.name == "to"), last)


def _dimensions(parameter: Parameter, context: FormContext) -> tuple[Any, dict[str, Any], Any]:
    choices = list(_SLICES if context.is_solid else _SLICES[1:])
    return int, {"widget_type": "ComboBox", "choices": choices, "label": "apply"}, choices[0][1]


def _mask(parameter: Parameter, context: FormContext) -> tuple[Any, dict[str, Any], Any]:
    return _choice(context.others)


def _image(parameter: Parameter, context: FormContext) -> tuple[Any, dict[str, Any], Any]:
    return _choice(context.images)


def _choice(choices: tuple[tuple[str, Any], ...]) -> tuple[Any, dict[str, Any], Any]:
    return Any, {"widget_type": "ComboBox", "choices": list(choices)}, choices[0][1] if choices else None


_FIELDS: Mapping[Kind, Callable[[Parameter, FormContext], tuple[Any, dict[str, Any], Any]]] = {
    "length": _length,
    "volume": _volume,
    "intensity": _intensity,
    "frame": _frame,
    "dimensions": _dimensions,
    "mask": _mask,
    "image": _image,
}


def _suffix(parameter: Parameter, context: FormContext, dimensions: int) -> str:
    unit = context.value_unit if parameter.kind == "intensity" else parameter.unit(context.unit, dimensions)
    return f" {unit}" if unit else ""


def _tip(parameter: Parameter, context: FormContext) -> str:
    if parameter.kind in ("length", "volume") and not context.unit:
        return "The image has no physical unit: in units of its spacing."
    return _TIPS[parameter.kind]


_TIPS: Mapping[Kind, str] = {
    "length": "A length in the image, whatever the size of its voxels.",
    "volume": "Size of connected parts; of each slice, an area.",
    "intensity": "A value of the image; the end of a range belongs to it.",
    "frame": "Index of a slice, from 0.",
    "dimensions": "In all three dimensions, or each slice by itself.",
    "mask": "An object of this layer, or of another one on the same grid.",
    "image": "The image whose values count.",
}


def _round(value: float) -> float:
    """Return a value with two significant digits, for a field that people read."""
    return float(f"{value:.2g}")
