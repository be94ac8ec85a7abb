"""A folder of numbered TIFF files as one image: each file a slice, a time point or a channel.

A number that is missing from the row is a missing file, and an error that names it.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ReadError, VolumeError
from napari_sam2.io.folders import tiff_files
from napari_sam2.io.tiff.volume import read_tiff

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_sam2.core.volume import ImageVolume

# The word before a number in a file name, and the axis that it counts.
_WORDS = {
    **dict.fromkeys(("t", "time", "timepoint", "tp", "frame"), "t"),
    **dict.fromkeys(("z", "slice", "plane", "section", "sec"), "z"),
    **dict.fromkeys(("c", "ch", "chan", "channel", "w", "wave", "wavelength"), "c"),
}


@dataclass(frozen=True)
class _Row:
    """Files whose names differ in numbers only.

    Parameters
    ----------
    files
        By the numbers in their names that differ.
    axes
        The letter of each of these numbers.
    is_time_declared
        Whether the names say that numbers called t are time points.
    """

    files: dict[tuple[int, ...], Path]
    axes: str
    is_time_declared: bool = True


def read_tiff_folder(folder: Path) -> ImageVolume:
    """Read the TIFF files of a folder as one image.

    Raises
    ------
    ReadError
        If they are several images, a number is missing, or one of them has another shape than the others.
    """
    files = tiff_files(folder)
    first = read_tiff(files[0])
    assert first.source is not None
    if {p.resolve() for p in files} <= {p.resolve() for p in first.source.paths}:
        return first
    if len(first.source.paths) > 1:
        raise _several(folder, files, f"{files[0].name} belongs to a set of its own")
    notes = list(first.source.notes)
    row = _row(folder, files, first.axes, notes)
    keys = _complete(row)
    planes = [_plane(row.files[key], first) for key in keys]
    counts = [len({key[i] for key in keys}) for i in range(len(row.axes))]
    array = np.stack(planes).reshape(*counts, *first.shape)
    axes = row.axes + first.axes
    kept = "tzyx" if first.has_frame_interval else "zyx"
    spacing = [first.spacing_of(a if a in first.axes else "x") for a in axes if a in kept]
    if "z" in row.axes:
        notes.append("the files have no spacing along z; that of x was taken")
    notes.append(f"{len(planes)} files are one image")
    source = replace(first.source, paths=tuple(row.files[key] for key in keys), notes=tuple(notes))
    try:
        return replace(
            first,
            array=array,
            axes=axes,
            spacing=tuple(spacing),
            affine=None,
            source=source,
            name=folder.name,
            is_time_declared=first.is_time_declared and row.is_time_declared,
        )
    except VolumeError as error:
        raise ReadError(f"{folder} cannot be read as a volume: {error}") from error


def _row(folder: Path, files: Sequence[Path], inner: str, notes: list[str]) -> _Row:
    """Return the numbers by which the files are in order, and what they count."""
    parts = [re.split(r"(\d+)", p.stem) for p in files]
    for path, part in zip(files, parts, strict=True):
        if [w.lower() for w in part[::2]] != [w.lower() for w in parts[0][::2]]:
            raise _several(folder, files, f"{files[0].name} and {path.name} are not numbered alike")
    fields = [i for i in range(1, len(parts[0]), 2) if len({int(p[i]) for p in parts}) > 1]
    letters = [_WORDS.get(_word_before(parts[0][i - 1]), "") for i in fields]
    assumed = len(fields) == 1 and (letters[0] == "" or letters[0] in inner)
    if assumed:
        letters = ["z" if "z" not in inner else "t"]
        notes.append(f"the names of the files do not say what they count; {letters[0]} was assumed")
    if not fields or "" in letters or len(set(letters)) < len(letters) or set(letters) & set(inner):
        raise _several(folder, files, "the numbers in their names do not say what they count")
    order = sorted(range(len(fields)), key=lambda n: "tcz".index(letters[n]))
    found = {tuple(int(part[fields[n]]) for n in order): path for part, path in zip(parts, files, strict=True)}
    if len(found) < len(files):
        raise _several(folder, files, "two of them have the same number")
    return _Row(found, "".join(letters[n] for n in order), not (assumed and letters == ["t"]))


def _word_before(text: str) -> str:
    """Return the last word of what stands before a number, as in ``img_time_``; a separator may follow it."""
    return re.split(r"[^a-z]", text.lower().rstrip(" _.-"))[-1]


def _complete(row: _Row) -> list[tuple[int, ...]]:
    """Return the numbers of all files in order; raise a ReadError that names the first that is missing."""
    ranges: list[Any] = []
    for place, letter in enumerate(row.axes):
        numbers = sorted({key[place] for key in row.files})
        step = min(b - a for a, b in itertools.pairwise(numbers))
        # Channels may be called by their wavelengths.
        ranges.append(numbers if letter == "c" else range(numbers[0], numbers[-1] + 1, step))
    keys = list(itertools.product(*ranges))
    for key in keys:
        if key not in row.files:
            raise _missing(row, key)
    if len(keys) != len(row.files):
        raise _missing(row, None)
    return keys


def _missing(row: _Row, key: tuple[int, ...] | None) -> ReadError:
    path = next(iter(row.files.values()))
    if key is None:
        return ReadError(f"{path.parent} cannot be read: the numbers of its TIFF files are at unequal distances.")
    # Called like a neighbour, with its number.
    near, other = min(row.files.items(), key=lambda item: sum(abs(a - b) for a, b in zip(item[0], key, strict=True)))
    name = other.name
    for old, new in zip(near, key, strict=True):
        name = name if old == new else _renumbered(name, old, new)
    return ReadError(
        f"{path.parent} is incomplete: {name} is missing from the row of its TIFF files.\n"
        "Put it there, or the files of each row into a folder of their own."
    )


def _renumbered(name: str, old: int, new: int) -> str:
    """Return a file name with another number, of as many digits."""
    found = re.search(rf"(?<!\d)0*{old}(?!\d)", name)
    return name if found is None else name[: found.start()] + str(new).zfill(len(found[0])) + name[found.end() :]


def _plane(path: Path, first: ImageVolume) -> Any:
    volume = read_tiff(path)
    if volume.axes != first.axes or volume.shape != first.shape or volume.array.dtype != first.array.dtype:
        raise ReadError(
            f"{path} does not belong to the row of files in its folder: it is {volume.axes} {volume.shape} "
            f"{volume.array.dtype}, the first {first.axes} {first.shape} {first.array.dtype}.\n"
            "Put it into a folder of its own."
        )
    return volume.array


def _several(folder: Path, files: Sequence[Path], reason: str) -> ReadError:
    names = ", ".join(p.name for p in files[:5]) + (", …" if len(files) > 5 else "")
    return ReadError(
        f"{folder} holds {len(files)} TIFF files that are no row of slices: {reason}.\nOpen one of them: {names}."
    )
