"""The axes of an image layer: given by its file, its axis names, its units or the user, else assumed."""

from __future__ import annotations

import re
from itertools import permutations
from typing import TYPE_CHECKING, Any

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from napari.layers import Image, Layer

VOLUME_KEY = "napari_sam2_volume"
_TIME_UNITS = ("minute", "hour", "day", "week", "year")
# What people call an axis, by its letter; the first pattern that fits counts.
_AXIS_NAMES = {
    "t": r"t|t[^a-z].*|time.*|tp|temporal.*",
    "c": r"c|c[^a-z].*|ch|ch[^a-z].*|chan.*|colou?rs?|wavelengths?|lambda|bands?|stains?|modalit(y|ies)|sequences?",
    "z": r"z|z[^a-z].*|depth|slices?|planes?|sections?",
    "y": r"y|y[^a-z].*|rows?|height",
    "x": r"x|x[^a-z].*|cols?|columns?|width",
}


def layer_axes(layer: Layer) -> str:
    """Return one of ``"tzcyx"`` for each axis of an image layer, which has none for the colours of an RGB image.

    By what our reader left, the axes' names, and their units. Axes of which nothing is said are ``yx`` at the end,
    ``z`` before them, and ``t`` before that; of five axes, ``tczyx``. :func:`assumed_axes` tells which.

    Raises
    ------
    VolumeError
        If the layer has fewer than two or more than five axes.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Image
    >>> layer_axes(Image(np.zeros((2, 9, 8, 8)), axis_labels=("channel", "z", "y", "x")))
    'czyx'
    >>> layer_axes(Image(np.zeros((9, 8, 8)))), assumed_axes(Image(np.zeros((9, 8, 8))))
    ('zyx', 'z')
    """
    return _look_at(layer)[0]


def assumed_axes(layer: Layer) -> str:
    """Return the letters of :func:`layer_axes` that are only assumed, apart from ``yx``."""
    return _look_at(layer)[1]


def _look_at(layer: Layer) -> tuple[str, str]:
    known = known_volume(layer)
    if known is not None and not _open_letters(known):
        return letters_of(layer, known), ""
    if layer.ndim == 2:
        return "yx", ""
    if not 2 <= layer.ndim <= (4 if layer.rgb else 5):
        most = "four beside its colours" if layer.rgb else "five"
        raise VolumeError(
            f"The image {layer.name!r} has {layer.ndim} axes; two to {most} can be segmented. "
            "Take one channel or one position of it into its own layer."
        )
    said = [_letter(layer, i) for i in range(layer.ndim)]
    if layer.rgb:
        said = [None if letter == "c" else letter for letter in said]
    named = [letter for letter in said if letter is not None]
    letters = _filled(said) if len(set(named)) == len(named) else None
    if letters is None:
        said = [None] * layer.ndim
        letters = _filled(said) or ""
    if known is not None and letters == letters_of(layer, known):
        # Our reader names every axis, also one that the file does not.
        return letters, _open_letters(known)
    unsaid = [a for i, a in enumerate(letters) if said[i] is None and not (a == "z" and _is_long(layer, i))]
    return letters, "".join(a for a in unsaid if a not in "yx")


def axes_choices(layer: Image) -> list[tuple[str, str]]:
    """List ``(text, letters)`` of what the axes of an image may be, or nothing where its file says what they are.

    The letters are those that :func:`layer_axes` finds once they are the layer's ``axis_labels``.
    """
    now, assumed = _look_at(layer)
    known = known_volume(layer)
    if layer.ndim == 2 or (known is not None and not _open_letters(known)):
        return []
    kinds = "zt" if layer.rgb else "ztc"
    offered = ["".join(p) + "yx" for p in permutations(kinds, layer.ndim - 2)]
    shape = finest(layer).shape
    rows = []
    for letters in dict.fromkeys([now, *offered]):
        text = ", ".join(f"{a} {n}" for a, n in zip(letters, shape, strict=False) if a not in "yx")
        rows.append((f"assumed: {text}" if assumed and letters == now else text, letters))
    return rows


def letters_of(layer: Image, volume: ImageVolume) -> str:
    """Return one letter of a volume for each axis of the layer that shows it."""
    return volume.label_axes if layer.rgb else volume.axes


def unit_name(unit: Any) -> str:
    """Name a unit of a layer as a word, e.g. ``"millimeter"``; units are pint objects in napari."""
    return str(getattr(unit, "units", unit)).strip().lower()


def finest(layer: Image) -> Any:
    """Return the array of an image layer, of a multiscale one the finest level."""
    return layer.data[0] if layer.multiscale else layer.data


def known_volume(layer: Layer) -> ImageVolume | None:
    """Return the volume that one of our readers left, unless the layer has other data by now."""
    known = layer.metadata.get(VOLUME_KEY)
    return known if isinstance(known, ImageVolume) and known.shape == tuple(finest(layer).shape) else None


def _open_letters(volume: ImageVolume) -> str:
    """Return the letters that a reader chose for axes that the file does not name."""
    if not volume.is_time_declared:
        return "t"
    named = "" if volume.source is None else str(volume.source.header.get("axes", ""))
    if volume.source is None or volume.source.format != "tiff" or not set(named) & set("IQ"):
        return ""
    return "".join(a for a in volume.label_axes if a not in "yx" and a.upper() not in named)


def _letter(layer: Layer, axis: int) -> str | None:
    """Return the letter of an axis by its name or, for time and space, by its unit; None where neither tells it."""
    name = str(layer.axis_labels[axis]).strip().lower()
    found = next((letter for letter, pattern in _AXIS_NAMES.items() if re.fullmatch(pattern, name)), None)
    if found is None and is_time(unit_name(layer.units[axis])):
        return "t"
    return found


def _filled(said: list[str | None]) -> str | None:
    """Return letters for all axes, those that are not said by their places; None where that does not work out."""
    letters = list(said)
    # Five axes take all letters: time is then outermost, as OME writes it.
    free = [a for a in ("xyzct" if len(said) == 5 else "xyztc") if a not in letters]
    for i in reversed(range(len(letters))):
        if letters[i] is None:
            letters[i] = free.pop(0)
    text = "".join(letter or "" for letter in letters)
    return text if {"y", "x"} <= set(text) else None


def _is_long(layer: Layer, axis: int) -> bool:
    """Return whether an axis has a unit of length."""
    unit = unit_name(layer.units[axis])
    return unit not in ("pixel", "dimensionless", "") and not is_time(unit)


def is_time(unit: str) -> bool:
    """Return whether a unit, as :func:`unit_name` calls it, is one of time."""
    return unit.endswith("second") or unit in _TIME_UNITS
