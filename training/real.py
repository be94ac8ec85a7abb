"""Labelled volumes and time-lapses of a data folder, seen along each axis that a user might choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from training.stacks import Stack

_LEAST_FRAMES = 3
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
    """

    def __init__(self, folder: Path, only: Mapping[str, Sequence[int]] | None = None) -> None:
        if "val" in folder.resolve().parts:
            raise ValueError(f"{folder} is a validation folder; it must not be trained on.")
        files = sorted(folder.glob("*.npz"))
        if not files:
            raise ValueError(f"{folder} holds no .npz set to train on.")
        # For each set its stacks, the acquired plane first.
        self._sets = [_views(path, frozenset((only or {}).get(path.stem, ()))) for path in files]
        weights = np.array([min(7.0, max(2.0, len(np.unique(views[0].labels)) ** 0.5)) for views in self._sets])
        self._share = weights / weights.sum()

    def draw(self, rng: np.random.Generator) -> Stack:
        """A stack; sets of many objects come more often, the acquired plane in six of ten cases."""
        views = self._sets[int(rng.choice(len(self._sets), p=self._share))]
        if len(views) == 1 or rng.random() < 0.6:
            return views[0]
        return views[int(rng.integers(1, len(views)))]


def _views(path: Path, only: frozenset[int]) -> list[Stack]:
    with np.load(path, allow_pickle=False) as file:
        content = {key: file[key] for key in file.files}
    image, labels = content["image"], content["label"]
    if image.shape != labels.shape or image.ndim != 3:
        raise ValueError(f"{path}: image {image.shape} and label {labels.shape} must be 3-D and of one shape.")
    is_hu = str(content.get("modality", "")).upper().startswith("CT")
    is_time = str(content.get("axes", "ZYX")).upper().startswith("T")
    spacing = np.asarray(content.get("spacing", (1.0, 1.0, 1.0)), float)
    views = [Stack(image, labels, is_hu, only=only)]
    for axis in (1, 2):
        plane = np.delete(spacing, axis)
        if is_time or plane.max() / plane.min() > _MAX_ANISOTROPY or min(image.shape) < _LEAST_FRAMES * 8:
            continue
        views.append(Stack(np.moveaxis(image, axis, 0), np.moveaxis(labels, axis, 0), is_hu, only=only))
    return views
