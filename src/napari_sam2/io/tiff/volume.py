"""TIFF, ImageJ and OME-TIFF, in one file or several, with the spacing of their metadata; labels from TIFF."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import ReadError, VolumeError
from napari_sam2.io.label_grid import as_labels
from napari_sam2.io.tiff.calibration import steps_of
from napari_sam2.io.tiff.colours import meant_values
from napari_sam2.io.tiff.series import read_stored

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_tiff(path: Path) -> ImageVolume:
    """Read the first image of a TIFF file, or the image that it is a part of.

    Parameters
    ----------
    path
        Plain, ImageJ, Micro-Manager or OME-TIFF; of a set of files any one, or its ``.companion.ome``.

    Returns
    -------
    ImageVolume
        Axes as the file names them (ImageJ, OME); an unnamed axis is taken for z, with a note in the source. Values
        of a pixel that are no alpha are channels; a palette, inks and colour differences become RGB; where the
        lowest value is white, the values are mirrored.

    Raises
    ------
    ReadError
        If the file is damaged, a file or a plane of its set is missing, or its axes are beyond z, y, x, time and
        channel.
    """
    stored = read_stored(path)
    notes = list(stored.notes)
    array, letters, said = meant_values(path, stored)
    notes += said
    array, axes = _known_axes(path, array, letters, notes)
    lengths, unit, interval = steps_of(stored, axes, notes)
    if lengths and "z" in axes and "z" not in lengths:
        notes.append("the file has no spacing along z; that of x was taken")
    steps = {a: lengths.get(a, lengths.get("x", 1.0)) for a in axes if a in "zyx"}
    if interval and "t" in axes:
        steps["t"] = interval
    source = VolumeSource(
        paths=stored.files, format="tiff", header={"axes": stored.letters}, notes=tuple(dict.fromkeys(notes))
    )
    try:
        spacing = tuple(steps[a] for a in axes if a in steps)
        return ImageVolume(
            array,
            axes=axes,
            spacing=spacing,
            units=unit,
            source=source,
            name=_stem(path),
            is_time_declared="t" not in axes or "T" in stored.letters,
        )
    except VolumeError as error:
        raise ReadError(f"{path} cannot be read as a volume: {error}") from error


def read_tiff_labels(path: Path, volume: ImageVolume) -> NDArray[Any]:
    """Read labels from TIFF; a TIFF knows no place in space, so only axes and shape are compared.

    The values are those that are stored: neither a palette nor "the lowest value is white" changes a label.

    Parameters
    ----------
    path
        The file.
    volume
        The volume that the labels belong to.

    Returns
    -------
    ndarray
        Unsigned integers, of the volume's shape without channels.

    Raises
    ------
    ReadError
        If the file holds no labels, or its shape is not the volume's.
    """
    stored = read_stored(path)
    values = as_labels(stored.array, path)
    keep = [i for i, letter in enumerate(stored.letters) if values.shape[i] > 1 or letter in "YX"]
    values = values.reshape([values.shape[i] for i in keep])
    named = "".join(stored.letters[i] for i in keep).lower()
    wanted = [a for a in volume.label_axes if volume.size_of(a) > 1 or a in "yx"]
    if sorted(named) == sorted(wanted):
        values = values.transpose([named.index(a) for a in wanted])
    if values.shape != tuple(volume.size_of(a) for a in wanted):
        raise ReadError(
            f"{path} lies on another grid than the volume: its shape is {stored.array.shape} ({stored.letters}), the "
            f"volume's is {volume.label_shape} ({volume.label_axes}).\nOpen the volume that the labels were made on."
        )
    return np.ascontiguousarray(values.reshape(volume.label_shape))


def _known_axes(path: Path, array: NDArray[Any], letters: str, notes: list[str]) -> tuple[NDArray[Any], str]:
    """Tifffile's letters → ours; the values of a pixel become the channel, an unnamed axis is z (or time)."""
    # Axes of one voxel say nothing, except that a single plane stays a plane.
    keep = [i for i, letter in enumerate(letters) if array.shape[i] > 1 or letter in "YX"]
    array = array.reshape([array.shape[i] for i in keep])
    axes = "".join(letters[i] for i in keep).lower()
    if "c" in axes and "s" in axes:
        array, axes = _one_channel_axis(array, axes, notes)
    axes = axes.replace("s", "c")
    axes = _with_names(axes, array.shape, notes)
    if set(axes) - set("tzyxc") or len(set(axes)) != len(axes):
        raise ReadError(
            f"{path} cannot be read: its axes {letters} of shape {array.shape} are more than z, y, x, time and "
            "channel.\nSave the part you need as a TIFF of its own."
        )
    return np.ascontiguousarray(array), axes


def _with_names(axes: str, shape: tuple[int, ...], notes: list[str]) -> str:
    """Unnamed axes are z, or time outside z, as far as these are free."""
    unnamed = [i for i, a in enumerate(axes) if a in "iq"]
    free = [a for a in "zt" if a not in axes][: len(unnamed)]
    if len(unnamed) > len(free):
        return axes
    named = list(axes)
    for place, letter in zip(reversed(unnamed), free, strict=True):
        named[place] = letter
        notes.append(f"the file does not name one of its axes ({shape[place]} long); {letter} was assumed")
    return "".join(named)


def _one_channel_axis(array: NDArray[Any], axes: str, notes: list[str]) -> tuple[NDArray[Any], str]:
    """Return channels of several values per pixel as one axis of channels, in the place of the channels."""
    place = axes.index("c")
    array = np.moveaxis(array, axes.index("s"), place + (axes.index("s") > place))
    rest = axes.replace("s", "")
    count = array.shape[rest.index("c")] * array.shape[rest.index("c") + 1]
    notes.append(f"the channels have several values per pixel; all {count} are channels")
    place = rest.index("c")
    return array.reshape(*array.shape[:place], count, *array.shape[place + 2 :]), rest


def _stem(path: Path) -> str:
    found = re.fullmatch(r"(.+?)(\.companion)?\.ome(\.[^.]+)?", path.name, re.IGNORECASE)
    return path.stem if found is None else found[1]
