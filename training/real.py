"""Labelled volumes and time-lapses of a data folder, seen along each axis that a user might choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.regions import nameless_objects
from training.stacks import Stack

_LEAST_FRAMES = 3
_LEAST_NAMELESS = 5  # objects of a volume; fewer are what the search could not take apart
_WINDOWS_HU = ((-160.0, 240.0), (-1000.0, 1000.0))
_MAX_ANISOTROPY = 2.5  # of the pixels of a reformatted plane; users do not look along such axes


class RealStacks:
    """The ``.npz`` sets of a folder.

    Each has ``image`` and ``label`` of one 3-D shape, and optionally ``axes``, ``spacing`` and ``modality``.

    Parameters
    ----------
    folder
        Never the sets that models are measured on: a folder named ``val`` is refused.
    only
        For some sets (by file name without suffix) the labels that have an edge in the image.
    nameless_share
        How often nameless objects of a volume are drawn instead of labelled ones. They are sought when a set is drawn
        so for the first time, which takes up to half a minute.
    """

    def __init__(
        self, folder: Path, only: Mapping[str, Sequence[int]] | None = None, nameless_share: float = 0.0
    ) -> None:
        if "val" in folder.resolve().parts:
            raise ValueError(f"{folder} is a validation folder; it must not be trained on.")
        files = sorted(folder.glob("*.npz"))
        if not files:
            raise ValueError(f"{folder} holds no .npz set to train on.")
        self._sets = [_RealSet(path, frozenset((only or {}).get(path.stem, ()))) for path in files]
        weights = np.array([min(7.0, max(2.0, len(np.unique(each.labels)) ** 0.5)) for each in self._sets])
        self._share = weights / weights.sum()
        self._volumes = [each for each in self._sets if each.may_hold_nameless]
        self._nameless_share = nameless_share if self._volumes else 0.0

    def draw(self, rng: np.random.Generator) -> Stack:
        """A stack; sets of many objects come more often, the acquired plane in six of ten cases."""
        if rng.random() < self._nameless_share:
            stack = self._volumes[int(rng.integers(len(self._volumes)))].draw_nameless(rng)
            if stack is not None:
                return stack
        return self._sets[int(rng.choice(len(self._sets), p=self._share))].draw(rng)


class _RealSet:
    """A file, as stacks along each axis that a user might choose, the acquired plane first."""

    def __init__(self, path: Path, only: frozenset[int]) -> None:
        with np.load(path, allow_pickle=False) as file:
            content = {key: file[key] for key in file.files}
        self._image, self.labels = content["image"], content["label"]
        if self._image.shape != self.labels.shape or self._image.ndim != 3:
            shapes = f"image {self._image.shape} and label {self.labels.shape}"
            raise ValueError(f"{path}: {shapes} must be 3-D and of one shape.")
        self._is_hu = str(content.get("modality", "")).upper().startswith("CT")
        self._is_time = str(content.get("axes", "ZYX")).upper().startswith("T")
        self._spacing = np.asarray(content.get("spacing", (1.0, 1.0, 1.0)), float)
        self._views = self._along_axes(self.labels, only)
        self._nameless: list[list[Stack]] | None = None

    @property
    def may_hold_nameless(self) -> bool:
        """Whether it is a volume with an inside."""
        return not self._is_time and len(self._image) >= _LEAST_FRAMES * 3

    def draw(self, rng: np.random.Generator) -> Stack:
        """Labelled objects along one axis."""
        return _one_view(self._views, rng)

    def draw_nameless(self, rng: np.random.Generator) -> Stack | None:
        """Nameless objects along one axis; None where there are hardly any."""
        if self._nameless is None:
            found = [m for grey in self._greys() for m in nameless_objects(grey, self._spacing, self.labels)]
            self._nameless = [self._along_axes(m, frozenset()) for m in found if m.max() >= _LEAST_NAMELESS]
        if not self._nameless:
            return None
        return _one_view(self._nameless[int(rng.integers(len(self._nameless)))], rng)

    def _greys(self) -> list[NDArray[np.float32]]:
        """The volume as it may be looked at, 0 … 1."""
        image = self._image.astype(np.float32)
        windows = _WINDOWS_HU if self._is_hu else (tuple(np.percentile(image, (0.5, 99.5))),)
        return [np.clip((image - low) / max(high - low, 1e-6), 0, 1) for low, high in windows]

    def _along_axes(self, labels: NDArray[np.integer], only: frozenset[int]) -> list[Stack]:
        views = [Stack(self._image, labels, self._is_hu, only=only)]
        for axis in (1, 2):
            plane = np.delete(self._spacing, axis)
            is_odd = plane.max() / plane.min() > _MAX_ANISOTROPY or min(labels.shape) < _LEAST_FRAMES * 8
            if self._is_time or is_odd:
                continue
            views.append(Stack(np.moveaxis(self._image, axis, 0), np.moveaxis(labels, axis, 0), self._is_hu, only=only))
        return views


def _one_view(views: list[Stack], rng: np.random.Generator) -> Stack:
    if len(views) == 1 or rng.random() < 0.6:
        return views[0]
    return views[int(rng.integers(1, len(views)))]
