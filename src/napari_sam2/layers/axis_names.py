"""The axes of an image layer: given by its file, its axis names, its units or the user, else assumed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from napari.layers import Image, Layer

VOLUME_KEY = "napari_sam2_volume"
# What the user said that the axes are; it goes before what a file says.
AXES_KEY = "napari_sam2_axes"
AXIS_WORDS = {"t": "time", "z": "depth", "c": "channel", "y": "row", "x": "column"}
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
    known, chosen = known_volume(layer), str(layer.metadata.get(AXES_KEY, ""))
    # Unless the axes were given other names since.
    if chosen and tuple(chosen) == tuple(layer.axis_labels):
        return chosen, ""
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


def name_axes(layer: Layer, letters: str) -> None:
    """Take the axes of a layer for these, whatever its file says; they become its ``axis_labels``.

    Parameters
    ----------
    letters
        One of ``"tzcyx"`` for each axis, as :func:`check_letters` allows them.

    Raises
    ------
    VolumeError
        If they cannot be the axes of this layer.
    """
    wrong = check_letters(letters, layer.ndim, rgb=bool(getattr(layer, "rgb", False)))
    if wrong:
        raise VolumeError(f"The axes of {layer.name!r} cannot be {', '.join(letters)}: {wrong}")
    layer.metadata[AXES_KEY] = letters
    layer.axis_labels = tuple(letters)


def check_letters(letters: str, ndim: int, rgb: bool = False) -> str:
    """Return why an image of so many axes cannot have these, as a sentence; empty where it can.

    Examples
    --------
    >>> check_letters("tyx", 3), check_letters("ttyx", 4)
    ('', 'two axes cannot both be time.')
    """
    if len(letters) != ndim:
        return f"there are {ndim} axes."
    twice = next((a for a in letters if letters.count(a) > 1), "")
    if twice:
        return f"two axes cannot both be {AXIS_WORDS.get(twice, twice)}."
    missing = [AXIS_WORDS[a] for a in "yx" if a not in letters]
    if missing:
        return f"one axis has to be {missing[0]}; a picture has rows and columns."
    if rgb and "c" in letters:
        return "the colours are its channels already."
    unknown = [a for a in letters if a not in AXIS_WORDS]
    return f"{unknown[0]!r} is no axis that is known." if unknown else ""


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
