"""Labelled sets to measure a model on: single files, images with a label file beside them, and packs of many cases.

A pack is an ``.npz`` with an ``index``: a JSON list with one entry a case (``key``, ``name``; optionally ``axes``,
``names``, ``modality``, ``units``), whose arrays are ``image_KEY``, ``label_KEY`` and ``spacing_KEY``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import default_window
from napari_sam2.core.paths import check_file
from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError
from napari_sam2.io.formats import FORMATS, ZARR, by_suffix, stems_of, without_suffix

if TYPE_CHECKING:
    from numpy.typing import NDArray

COARSE_MM = 3.0
"""Sets with pixels of at least so many millimetres are coarse; time-lapses and unknown pixel sizes are not."""

LEAST_AREA = {False: 60, True: 6}
"""Pixels of the largest slice, of sharp and of coarse sets: smaller objects say more about rounding than about a model.
In a coarse one a spinal cord has 3 x 3."""

_BROKEN = (OSError, ValueError, KeyError, EOFError, BadZipFile)


@dataclass(frozen=True)
class LabelledSet:
    """An image with its truth ``(frame, Y, X)`` and the names of its labels; ``name`` is ``PACK/KEY`` in a pack."""

    name: str
    volume: ImageVolume
    truth: NDArray[Any]
    names: dict[int, str]

    @property
    def grid(self) -> FrameGrid:
        """Return its frames, along the first axis."""
        return FrameGrid.of(self.volume, self.volume.axes[0])

    @cached_property
    def window(self) -> tuple[float, float]:
        """Return the contrast limits that it opens with; reads the image."""
        return default_window(self.volume, self.grid)

    @property
    def is_coarse(self) -> bool:
        """Tell whether a pixel of its frames is `COARSE_MM` or larger."""
        axes = self.volume.axes
        millimetres = 1.0 if self.volume.units is None else millimetres_per_unit(self.volume.units)
        if axes[0] == "t" or millimetres is None:
            return False
        pixel = max((self.volume.spacing_of(a) for a in axes[1:] if a in self.volume.spatial_axes), default=0.0)
        return pixel * millimetres >= COARSE_MM * 0.999

    @property
    def least_area(self) -> int:
        """Return the pixels that an object needs on its largest slice to be scored."""
        return LEAST_AREA[self.is_coarse]


@dataclass(frozen=True)
class SetEntry:
    """A labelled set that was found and not read yet.

    Attributes
    ----------
    path
        The file.
    name
        As it stands in tables: the file's name, or ``PACK/KEY``.
    about
        The entry of a pack's index; None for a file of its own.
    reason
        Why it cannot be scored; empty where it can.
    """

    path: Path
    name: str
    about: Mapping[str, Any] | None = field(default=None, compare=False)
    reason: str = ""

    def is_called(self, pattern: str) -> bool:
        """Tell whether its name, its pack's or its case's name fits ``pattern`` (``*`` stands for anything)."""
        called = [self.name, self.path.stem, *([] if self.about is None else [str(self.about.get("name", ""))])]
        return any(fnmatchcase(name, pattern) for name in called)

    def load(self, whole: bool = False) -> LabelledSet:
        """Read it; ``whole`` makes all of its labels one object, label 1."""
        case = load_set(self.path) if self.about is None else _load_case(self.path, self.name, self.about)
        if not whole:
            return case
        return LabelledSet(case.name, case.volume, (case.truth != 0).astype(np.uint8), {1: "whole"})


def find_sets(data: Path) -> list[Path]:
    """Return the labelled files of a path: an ``.npz``, an image with a label file beside it, or a folder of them."""
    if data.is_file() or by_suffix(data.name) is ZARR:
        return [data]
    if not data.is_dir():
        raise ReadError(f"{data} is neither a file nor a folder; give a labelled set or a folder of them.")
    found = sorted(data.glob("*.npz"))
    found += [f for f in sorted(data.iterdir()) if by_suffix(f.name) is not None and label_file(f) is not None]
    if not found:
        raise ReadError(f"{data} holds no .npz set and no image with a NAME_labels or NAME_label file beside it.")
    return found


def find_entries(places: Sequence[Path], exclude: Sequence[str] = (), known: Sequence[str] = ()) -> list[SetEntry]:
    """Return the labelled sets of files and folders, those of packs one by one.

    Parameters
    ----------
    places
        See :func:`find_sets`.
    exclude
        Names of sets, packs or cases that are left out; ``*`` stands for anything.
    known
        Further names that must occur.

    Raises
    ------
    ReadError
        Where a place holds no set, or one of the names fits none.
    """
    entries = [e for p in dict.fromkeys(path for place in places for path in find_sets(place)) for e in _entries_of(p)]
    for pattern in (*exclude, *known):
        if not any(e.is_called(pattern) for e in entries):
            raise ReadError(f"No set, pack or case is called {pattern}; there are {_listed(entries)}.")
    return [e for e in entries if not any(e.is_called(pattern) for pattern in exclude)]


def _listed(entries: Sequence[SetEntry]) -> str:
    names = list(dict.fromkeys(e.path.stem for e in entries))
    return ", ".join(names[:12]) + (" and others" if len(names) > 12 else "")


def label_file(image: Path) -> Path | None:
    """Return the label file beside an image: ``NAME_labels`` or ``NAME_label``, best with the same suffix."""
    names = stems_of(image)
    if names[0].endswith(("_label", "_labels")):
        return None
    own = image.name[len(without_suffix(image.name)) :]
    suffixes = [own, f".ome{own}", *(s for f in FORMATS if f.labels_reader for s in f.suffixes)]
    beside = (
        image.with_name(f"{name}{end}{suffix}")
        for name in reversed(names)
        for suffix in suffixes
        for end in ("_labels", "_label")
    )
    return next((p for p in beside if p.exists()), None)


def load_set(path: Path) -> LabelledSet:
    """Read an ``.npz`` (keys image, label; optional spacing, axes, names, modality) or an image with a label file."""
    if path.suffix != ".npz":
        from napari_sam2.io import read_labels, read_volume

        labels = label_file(path)
        if labels is None:
            raise ReadError(f"{path} has no label file beside it, NAME_labels or NAME_label.")
        volume = read_volume(path)
        return LabelledSet(path.name, volume, read_labels(labels, volume), {})
    check_file(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {key: file[key] for key in file.files}
        arrays = content["image"], content["label"], content.get("spacing")
        about = {key: str(content[key]) for key in ("axes", "modality", "units") if key in content}
        names = json.loads(str(content["names"])) if "names" in content else {}
    except _BROKEN as error:
        raise ReadError(f"{path} is no labelled set: it must be an .npz with the arrays image and label.") from error
    return _labelled(path, path.stem, arrays, {**about, "names": names})


def objects_of(truth: NDArray[Any], most: int | None, least_area: int = 60) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield label and mask ``(frame, Y, X)`` of each object worth scoring, the first ``most`` of them.

    Objects have at least two slices, and ``least_area`` pixels on the largest one.
    """
    count = 0
    for label in (int(v) for v in np.unique(truth) if v != 0):
        mask = truth == label
        areas = mask.sum(axis=(1, 2))
        if (areas > 0).sum() < 2 or areas.max() < least_area:
            continue
        if most is not None and count >= most:
            return
        count += 1
        yield label, mask


def _entries_of(path: Path) -> list[SetEntry]:
    if path.suffix != ".npz":
        return [SetEntry(path, path.name)]
    try:
        with np.load(path, allow_pickle=False) as file:
            there = set(file.files)
            if "index" not in there:
                flat = "label" in there and file["label"].ndim == 2
                return [SetEntry(path, path.stem, None, _FLAT if flat else "")]
            index = json.loads(str(file["index"]))
        entries = []
        for about in index:
            key = str(about["key"])
            missing = [k for k in (f"image_{key}", f"label_{key}") if k not in there]
            reason = f"has no {missing[0].partition('_')[0]}" if missing else ""
            if len(about.get("shape", about.get("axes", "zyx"))) == 2:
                reason = _FLAT
            entries.append(SetEntry(path, f"{path.stem}/{key}", about, reason))
    except (*_BROKEN, TypeError) as error:
        raise ReadError(
            f"{path} is no labelled set: it must hold image and label, or an index of many cases."
        ) from error
    return entries


_FLAT = "is a single image, in which nothing can be tracked"


def _load_case(path: Path, name: str, about: Mapping[str, Any]) -> LabelledSet:
    key = about["key"]
    try:
        with np.load(path, allow_pickle=False) as file:
            spacing = file[f"spacing_{key}"] if f"spacing_{key}" in file.files else None
            arrays = file[f"image_{key}"], file[f"label_{key}"], spacing
    except _BROKEN as error:
        raise ReadError(f"{path}: case {key} cannot be read: {error}") from error
    return _labelled(path, name, arrays, about)


def _labelled(path: Path, name: str, arrays: tuple[Any, Any, Any], about: Mapping[str, Any]) -> LabelledSet:
    image, truth, spacing = arrays
    if image.shape != truth.shape or image.ndim != 3:
        where = path if name == path.stem else f"{path}: {name}"
        raise ReadError(f"{where}: image {image.shape} and label {truth.shape} must be 3-D and of one shape.")
    volume = ImageVolume(
        image,
        axes=str(about.get("axes", "zyx")).lower(),
        spacing=None if spacing is None else tuple(float(s) for s in spacing),
        units=about.get("units"),
        is_hu=str(about.get("modality", "")).upper().startswith("CT"),
    )
    return LabelledSet(name, volume, truth, {int(k): str(v) for k, v in about.get("names", {}).items()})
