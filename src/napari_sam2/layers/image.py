"""An image layer as an ImageVolume, and the axes along which it can be propagated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.arrays import reading
from napari_sam2.core.formatting import frame_word
from napari_sam2.core.frame_axis import default_frame_axis
from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import default_window
from napari_sam2.core.units import in_one_unit, millimetres_per_unit, short_unit
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.layers.axis_names import (
    VOLUME_KEY,
    assumed_axes,
    finest,
    is_time,
    known_volume,
    layer_axes,
    letters_of,
    unit_name,
)
from napari_sam2.layers.geometry import geometry_of, index_to_patient, one_voxel_along

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True)
class AxisChoice:
    """One line of the *Along* box: an axis letter of the volume, and how it is called."""

    axis: str | None
    text: str


@dataclass(frozen=True)
class AxisMeaning:
    """What one axis of an image layer is taken for; ``step`` is its spacing with a unit, empty where it has none."""

    letter: str
    count: int
    step: str
    is_assumed: bool

    @property
    def text(self) -> str:
        """Return it in a few words, such as "z 48 × 2.5 mm"."""
        return f"{self.letter} {self.count}{f' × {self.step}' if self.step else ''}{' ?' if self.is_assumed else ''}"


class LayerGrid(FrameGrid):
    """The frames of a volume on the grid of the layers made for it, where a channel axis is one voxel long.

    So a mark and a mask are of all channels, and lie on the image whatever the order of its axes.
    """

    @property
    def label_axes(self) -> str:
        """Return the axis letters of the layers, the channel included."""
        return self.axes

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Return the shape of a labels layer."""
        return tuple(1 if a == "c" else self._size(a) for a in self.axes)

    def label_index(self, frame: int) -> tuple[int | slice, ...]:
        """Return the index of one frame in a labels layer."""
        index = super().label_index(frame)
        return tuple(0 if a == "c" else i for a, i in zip(self.axes, index, strict=True))

    def from_frame(self, frame: int, y: float, x: float) -> tuple[float, ...]:
        """Turn ``(frame, y, x)`` into data coordinates of the layers."""
        by_axis = dict(zip(self.axes.replace("c", ""), self.without_channel().from_frame(frame, y, x), strict=True))
        return tuple(by_axis.get(a, 0.0) for a in self.axes)

    def without_channel(self) -> FrameGrid:
        """Return the same frames on the volume's own labels grid."""
        return FrameGrid(self.axes, self.shape, self.frame_axis, self.at, self.channels)


def grid_for_layers(image: Image, grid: FrameGrid) -> FrameGrid:
    """Return a grid of an image's volume as its layers need it."""
    if image.rgb or "c" not in grid.axes:
        return grid
    return LayerGrid(grid.axes, grid.shape, grid.frame_axis, grid.at, grid.channels)


def volume_from_layer(layer: Image) -> ImageVolume:
    """Return the volume that an image layer shows.

    A volume that one of our readers left in ``layer.metadata`` is taken as it is, because it knows more
    (Hounsfield units, the file's grid) than the layer; otherwise one is built from the layer, with its place in the
    world.

    Parameters
    ----------
    layer
        An image layer of two to five axes, colours included; of a multiscale image the finest level is the volume's
        array, and the others its levels.

    Raises
    ------
    VolumeError
        If the layer has fewer than two axes, or more.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    known = known_volume(layer)
    letters = layer_axes(layer)
    if known is not None and letters == letters_of(layer, known):
        return known
    axes = letters + "c" if layer.rgb else letters
    units, ratios = _length_unit(layer, letters)
    spacing = np.array([(abs(float(s)) or 1.0) * ratios.get(a, 1.0) for a, s in zip(letters, layer.scale, strict=True)])
    factor = millimetres_per_unit(units) or 1.0
    affine = index_to_patient(layer, letters, {a: factor * ratio for a, ratio in ratios.items()})
    lengths = np.linalg.norm(affine[:3, :3], axis=0) / factor
    # A shear or an affine of the layer makes the steps other than the scale says.
    for i, letter in enumerate(letters):
        if letter in "zyx" and not np.isclose(spacing[i], lengths["zyx".index(letter)]):
            spacing[i] = lengths["zyx".index(letter)]
    return ImageVolume(
        data,
        axes=axes,
        spacing=tuple(float(v) for v, a in zip(spacing, letters, strict=True) if a != "c"),
        units=units,
        affine=affine,
        name=str(layer.name),
        source=_source_of(layer) if known is None else known.source,
        window=None if known is None else known.window,
        is_time_declared="t" not in assumed_axes(layer),
        levels=tuple(layer.data[1:]) if layer.multiscale else (),
    )


def channel_place(layer: Image) -> int | None:
    """Return the index of the channel axis of an image layer; None for none, and for the colours of an RGB image."""
    place = letters_of(layer, volume_from_layer(layer)).find("c")
    return None if place < 0 else place


def place_on(image: Image) -> dict[str, Any]:
    """Return the keyword arguments that put a layer of :func:`grid_shape` exactly on an image."""
    place = geometry_of(image)
    channel = channel_place(image)
    return place if channel is None else one_voxel_along(place, channel, finest(image).shape[channel])


def grid_shape(layer: Image) -> tuple[int, ...]:
    """Return the shape of the labels of an image layer: of its finest level, without colours, one channel long."""
    data = finest(layer)
    channel = channel_place(layer)
    shape = data.shape[:-1] if layer.rgb else data.shape
    return tuple(1 if i == channel else int(n) for i, n in enumerate(shape))


def shown_contrast_limits(layer: Image) -> tuple[float, float] | None:
    """Return the values that are shown as black and white, which are those that the model gets.

    None where the values themselves have to say, which is so for colours of more than eight bits: napari shows them
    by the range of their type, in which most cameras fill a small part.
    """
    if layer.rgb:
        return (0.0, 255.0) if np.dtype(layer.dtype) == np.uint8 else None
    low, high = layer.contrast_limits
    return (float(low), float(high)) if high > low else None


def shown_gamma(layer: Image) -> float:
    """Return the exponent with which an image is shown, which is that with which the model gets it."""
    return 1.0 if layer.rgb else float(layer.gamma)


def axis_choices(layer: Image) -> list[AxisChoice]:
    """List the axes along which an image can be propagated, the recommended one first.

    A 2-D image has the single choice None: it is one frame.
    """
    volume = volume_from_layer(layer)
    axes = volume.label_axes
    if len(axes) == 2:
        return [AxisChoice(None, "single image")]
    first = default_frame_axis(volume).axis
    order = sorted(axes, key=lambda a: (a != first, axes.index(a)))
    # Along y or x of a time-lapse, a frame would mix time and space.
    if "t" in order and len(axes) == 3:
        order = ["t"]
    return [AxisChoice(a, _axis_text(volume, layer, a)) for a in order]


def axis_meanings(layer: Image) -> list[AxisMeaning]:
    """List what each axis of an image layer is taken for, in the order of its array; colours are no axis."""
    volume, assumed = volume_from_layer(layer), assumed_axes(layer)
    letters = letters_of(layer, volume)
    sizes = finest(layer).shape
    return [
        AxisMeaning(a, int(n), "" if a == "c" else _step(volume, layer, a), a in assumed)
        for a, n in zip(letters, sizes, strict=False)
    ]


def default_axis_reason(layer: Image) -> str:
    """Return along which axis an image is followed by default, and why, as a sentence; empty for a single image."""
    found = default_frame_axis(volume_from_layer(layer))
    # The spacing itself stands with the axes.
    reason = re.sub(r"(coarsest spacing), [^;]*", r"\1", found.reason)
    return "" if found.axis is None else f"By default along {found.axis}: {reason}."


def _source_of(layer: Image) -> VolumeSource | None:
    """Return the file that another reader opened."""
    path = layer.source.path
    return VolumeSource((Path(path),)) if path and Path(path).exists() else None


def _axis_text(volume: ImageVolume, layer: Image, axis: str) -> str:
    step, count = _step(volume, layer, axis), volume.size_of(axis)
    # Of a 4-D image one index of the other axis is fixed: the one that is shown.
    fixed = [a for a in volume.label_axes if a != axis][:-2]
    where = f", at one {' and '.join(fixed)}" if fixed else ""
    return f"{axis}{f', {step}' if step else ''}, {count} {frame_word(axis, count)}{where}"


def _step(volume: ImageVolume, layer: Image, axis: str) -> str:
    """Return the spacing along an axis with its unit; empty where it has none."""
    index = letters_of(layer, volume).index(axis)
    unit = unit_name(layer.units[index])
    if axis == "t":
        return f"{layer.scale[index]:g} {short_unit(unit)}" if is_time(unit) else ""
    if unit in ("pixel", ""):
        unit = (volume.units or "").strip()
    return f"{volume.spacing_of(axis):.3g} {short_unit(unit)}" if unit and unit != "pixel" else ""


def _length_unit(layer: Image, letters: str) -> tuple[str | None, dict[str, float]]:
    """Return the unit of the axes of space, and the factor that brings each of them to it."""
    names = {a: unit_name(layer.units[i]) for i, a in enumerate(letters) if a not in "tc"}
    if len(set(names.values())) == 1:
        name = next(iter(names.values()))
        return (None if name in ("pixel", "dimensionless", "") else name), dict.fromkeys(names, 1.0)
    ratios, unit = in_one_unit(dict.fromkeys(names, 1.0), names, [])
    return unit, ratios


def is_area(frame_axis: str | None) -> bool:
    """Return whether the size of an object is an area, that of a frame, and not a volume."""
    return frame_axis in (None, "t")


def size_text(voxels: int, frames: int, volume: ImageVolume, frame_axis: str | None) -> str:
    """Return the size of an object as text: a volume, or the mean area of its frames where these follow in time.

    Examples
    --------
    >>> import numpy as np
    >>> volume = ImageVolume(np.zeros((4, 8, 9)), spacing=(5, 1, 1), units="mm")
    >>> size_text(1000, 3, volume, "z"), size_text(0, 0, volume, "z"), size_text(1000, 4, volume, "t")
    ('5 mL', '–', '250 px')
    """
    if not voxels:
        return "–"
    each = millimetres_per_unit(volume.units)
    if is_area(frame_axis):
        return f"{voxels / max(frames, 1):,.0f} px"
    if each is None or len(volume.spatial_axes) < 3:
        return f"{voxels:,} vx"
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
    """Return the contrast limits to show an image with where nobody has chosen any; reads the image.

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
