"""An image layer as an ImageVolume, and the axes along which it can be propagated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.arrays import reading
from napari_sam2.axes import default_frame_axis
from napari_sam2.errors import VolumeError
from napari_sam2.intensity import default_window
from napari_sam2.layers.geometry import index_to_patient
from napari_sam2.volume import ImageVolume, VolumeSource, millimetres_per_unit

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_sam2.axes import FrameGrid

VOLUME_KEY = "napari_sam2_volume"
_TIME_UNITS = ("second", "minute", "hour", "day", "week", "year")
# How units are written in a combo box; anything else is written out.
_SHORT_UNITS = {
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "micrometer": "µm",
    "nanometer": "nm",
    "second": "s",
    "millisecond": "ms",
    "minute": "min",
    "hour": "h",
}


@dataclass(frozen=True)
class AxisChoice:
    """One line of the *Along* box: an axis letter of the volume, and how it is called."""

    axis: str | None
    text: str


def volume_from_layer(layer: Image) -> ImageVolume:
    """Return the volume that an image layer shows.

    A volume that one of our readers left in ``layer.metadata`` is taken as it is, because it knows more
    (Hounsfield units, the file's grid) than the layer; otherwise one is built from the layer, with its place in the
    world.

    Parameters
    ----------
    layer
        An image layer of two to four axes, RGB or not; of a multiscale image the finest level counts.

    Raises
    ------
    VolumeError
        If the layer has fewer than two or more than four axes.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    known = layer.metadata.get(VOLUME_KEY)
    if isinstance(known, ImageVolume) and known.shape == tuple(data.shape):
        return known
    axes = layer_axes(layer)
    if layer.rgb:
        axes += "c"
    units = _length_unit(layer, axes)
    letters = axes.replace("c", "")
    spacing = np.array([abs(float(s)) or 1.0 for s in layer.scale])
    factor = millimetres_per_unit(units) or 1.0
    affine = index_to_patient(layer, letters, factor)
    lengths = np.linalg.norm(affine[:3, :3], axis=0) / factor
    # A shear or an affine of the layer makes the steps other than the scale says.
    for i, letter in enumerate(letters):
        if letter in "zyx" and not np.isclose(spacing[i], lengths["zyx".index(letter)]):
            spacing[i] = lengths["zyx".index(letter)]
    return ImageVolume(
        data,
        axes=axes,
        spacing=tuple(float(v) for v in spacing),
        units=units,
        affine=affine,
        name=str(layer.name),
        source=_source_of(layer),
        is_time_declared=_is_time(layer, 0),
    )


def grid_shape(layer: Image) -> tuple[int, ...]:
    """Shape of the labels of an image layer: that of its finest level, without the channels of an RGB image."""
    data = layer.data[0] if layer.multiscale else layer.data
    return tuple(int(n) for n in (data.shape[:-1] if layer.rgb else data.shape))


def shown_window(layer: Image) -> tuple[float, float] | None:
    """The values that are shown as black and white, which are those that the model gets.

    None where the values themselves have to say, which is so for colours of more than eight bits: napari shows them
    by the range of their type, in which most cameras fill a small part.
    """
    if layer.rgb:
        return (0.0, 255.0) if np.dtype(layer.dtype) == np.uint8 else None
    low, high = layer.contrast_limits
    return (float(low), float(high)) if high > low else None


def layer_axes(layer: Layer) -> str:
    """One letter per axis of an image layer, without the channel of an RGB image.

    Two axes are ``yx`` and four are ``tzyx``; three are ``zyx``, or ``tyx`` where the first one's name begins
    with t or its unit is a time.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Image
    >>> layer_axes(Image(np.zeros((9, 8, 8)), axis_labels=("time", "y", "x")))
    'tyx'
    """
    if layer.ndim == 2:
        return "yx"
    if layer.ndim == 4:
        return "tzyx"
    if layer.ndim != 3:
        raise VolumeError(
            f"The image {layer.name!r} has {layer.ndim} axes; two to four can be segmented. "
            "Take one channel or one position of it into its own layer."
        )
    return "tyx" if _is_time(layer, 0) else "zyx"


def _is_time(layer: Layer, axis: int) -> bool:
    """Whether the name or the unit of an axis says that it is time."""
    name = str(layer.axis_labels[axis]).strip().lower()
    return name.startswith("t") or unit_name(layer.units[axis]) in _TIME_UNITS


def axis_choices(layer: Image) -> list[AxisChoice]:
    """List the axes along which an image can be propagated, the recommended one first.

    A 2-D image has the single choice None: it is one frame.
    """
    volume = volume_from_layer(layer)
    axes = volume.label_axes
    if len(axes) == 2:
        return [AxisChoice(None, "single image")]
    spacing = {a: volume.spacing_of(a) for a in axes if a != "t"}
    first = default_frame_axis(axes, spacing, volume.is_time_declared)
    order = sorted(axes, key=lambda a: (a != first, axes.index(a)))
    # Along y or x of a time-lapse, a frame would mix time and space.
    if "t" in order and len(axes) == 3:
        order = ["t"]
    return [AxisChoice(a, _axis_text(volume, layer, a)) for a in order]


def unit_name(unit: Any) -> str:
    """Name a unit of a layer as a word, e.g. ``"millimeter"``; units are pint objects in napari."""
    return str(getattr(unit, "units", unit)).strip().lower()


def _source_of(layer: Image) -> VolumeSource | None:
    """The file that another reader opened."""
    path = layer.source.path
    return VolumeSource((Path(path),)) if path and Path(path).exists() else None


def _axis_text(volume: ImageVolume, layer: Image, axis: str) -> str:
    index = volume.label_axes.index(axis)
    count = volume.label_shape[index]
    unit = unit_name(layer.units[index])
    if axis == "t":
        step = f", {layer.scale[index]:g} {_SHORT_UNITS.get(unit, unit)}" if unit in _TIME_UNITS else ""
        return f"t{step}, {count} frames"
    if unit in ("pixel", ""):
        unit = (volume.units or "").strip()
    step = f", {volume.spacing_of(axis):.3g} {_SHORT_UNITS.get(unit, unit)}" if unit and unit != "pixel" else ""
    return f"{axis}{step}, {count} slices"


def _length_unit(layer: Image, axes: str) -> str | None:
    letters = axes.replace("c", "")
    names = {unit_name(layer.units[i]) for i, a in enumerate(letters) if a != "t"}
    # Mixed units cannot be one word; spacing then only means proportions.
    if len(names) != 1:
        return None
    name = names.pop()
    return None if name in ("pixel", "dimensionless", "") else name


def size_text(voxels: int, volume: ImageVolume, frame_axis: str | None) -> str:
    """How large an object is, for people: a volume where the voxels have one, else their number.

    Examples
    --------
    >>> import numpy as np
    >>> volume = ImageVolume(np.zeros((4, 8, 9)), spacing=(5, 1, 1), units="mm")
    >>> size_text(1000, volume, "z"), size_text(0, volume, "z")
    ('5 mL', '–')
    """
    if not voxels:
        return "–"
    each = millimetres_per_unit(volume.units)
    if frame_axis in (None, "t") or each is None or len(volume.spatial_axes) < 3:
        return f"{voxels:,} px" if frame_axis in (None, "t") else f"{voxels:,} vx"
    size = voxels * each**3
    for axis in volume.spatial_axes:
        size *= volume.spacing_of(axis)
    for unit, factor in (("mL", 1e-3), ("mm³", 1.0)):
        if size * factor >= 0.1:
            return f"{_three_digits(size * factor)} {unit}"
    return f"{_three_digits(size * 1e9)} µm³"


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def default_limits(layer: Image, grid: FrameGrid) -> tuple[float, float] | None:
    """The window that an image should be shown with, where nobody has chosen one; reads the image.

    None where it has one: an image of our readers, a colour picture, or limits that differ from those that napari
    sets by itself.
    """
    from napari.layers.utils.layer_utils import calc_data_range

    if layer.rgb or isinstance(layer.metadata.get(VOLUME_KEY), ImageVolume):
        return None
    data = layer.data[-1] if layer.multiscale else layer.data
    with reading(f"The image {layer.name!r}"):
        guess = calc_data_range(data, rgb=False, dtype=layer.dtype)
    if not np.allclose(layer.contrast_limits, guess):
        return None
    return default_window(volume_from_layer(layer), grid)
