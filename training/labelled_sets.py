"""Labelled volumes, time-lapses and images, seen along each axis that a user might choose, in the recipe's shares."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.cases import Case, read_cases
from training.label_rendering import LabelMap
from training.pool import Pool
from training.recipe import LabelledSetSettings, ResampleSettings
from training.resample import resample
from training.volumes import LabelledVolume

_MIN_FRAMES = 3
_MIN_SIDE, _MIN_SLICES = 24, 8  # of a resampled volume
_MAX_ANISOTROPY = 2.5  # of the pixels of a reformatted plane; users do not look along such axes
_STREAM = 4  # beside those of scenes, steps and clips


class LabelledSets:
    """The labelled sets and packs of files and folders.

    Parameters
    ----------
    places
        Files and folders, see `training.cases.read_cases`. Never what models are measured on.
    settings
        The recipe's section: shares of the groups, labels, resampling, synthesis.
    seed
        Of this process of the run.
    """

    def __init__(self, places: Sequence[Path], settings: LabelledSetSettings, seed: int) -> None:
        cases: dict[str, list[Case]] = {}
        for case in read_cases(places, settings):
            cases.setdefault(case.group, []).append(case)
        self._groups = {name: _Group(name, of_it, settings, seed) for name, of_it in sorted(cases.items())}
        self._shares = {name: float(settings.shares.get(name, settings.other_share)) for name in self._groups}
        if not any(self._shares.values()):
            raise ValueError(f"the recipe gives none of {', '.join(self._groups)} a share")

    def draw_group(self, rng: np.random.Generator, frames: int) -> str:
        """Draw the group that a clip comes from: images serve for single frames only.

        Parameters
        ----------
        rng
            Everything follows from it.
        frames
            T of the clip.
        """
        names = [n for n, g in self._groups.items() if g.serves(frames) and self._shares[n] > 0]
        if not names:
            raise ValueError("the labelled sets are all single images: clips need volumes or time-lapses as well")
        shares = np.array([self._shares[name] for name in names])
        return names[int(rng.choice(len(names), p=shares / shares.sum()))]

    def draw(self, group: str, rng: np.random.Generator, step: int, frames: int) -> LabelledVolume:
        """Draw a volume of a group; cases of many objects come more often, the acquired plane in six of ten cases.

        Parameters
        ----------
        group
            See `draw_group`.
        rng
            Everything follows from it.
        step
            Number of the training step, which decides on the variants in use.
        frames
            T of the clip.
        """
        views = self._groups[group].draw(rng, step, frames)
        if len(views) == 1 or rng.random() < 0.6:
            return views[0]
        return views[int(rng.integers(1, len(views)))]


class _Group:
    """The cases of a group, as they are and in variants: resampled, or with an image rendered for them."""

    def __init__(self, name: str, cases: Sequence[Case], settings: LabelledSetSettings, seed: int) -> None:
        self._cases, self._settings = cases, settings
        weights = np.array([case.weight for case in cases])
        flat = np.array([case.is_flat for case in cases])
        varied = np.array([1.0 if c.image is None else 0.0 if c.is_flat else settings.resampled.share for c in cases])
        # For single frames and for clips: how often each case is taken as it is, and any of the variants.
        self._plain = {False: weights * (1 - varied), True: weights * (1 - varied) * ~flat}
        self._varied = weights * varied
        self._views: dict[int, list[LabelledVolume]] = {}
        self._maps: dict[int, LabelMap] = {}
        own = zlib.crc32(name.encode())

        def make(number: int) -> list[LabelledVolume]:
            return self._variant(np.random.default_rng((seed, _STREAM, own, number)))

        self._pool = Pool(make, settings.resampled.pool, settings.resampled.per_step)

    def serves(self, frames: int) -> bool:
        """Tell whether it has what clips of so many frames need."""
        return bool(self._plain[frames > 1].sum() + self._varied.sum())

    def draw(self, rng: np.random.Generator, step: int, frames: int) -> list[LabelledVolume]:
        """Draw a case and return its views, the acquired plane first."""
        plain = self._plain[frames > 1]
        if rng.random() * (plain.sum() + self._varied.sum()) >= plain.sum():
            return self._pool.draw(rng, step)
        number = int(rng.choice(len(plain), p=plain / plain.sum()))
        if number not in self._views:
            self._views[number] = _views(self._cases[number], self._cases[number].spacing)
        return self._views[number]

    def _variant(self, rng: np.random.Generator) -> list[LabelledVolume]:
        number = int(rng.choice(len(self._cases), p=self._varied / self._varied.sum()))
        case = self._cases[number]
        if case.image is not None:
            return _resampled(case, rng, self._settings.resampled)
        if number not in self._maps:
            self._maps[number] = LabelMap(case.labels.astype(np.uint8, copy=False), case.names)
        made = self._maps[number].render(rng)
        drawn = replace(case, image=made.image, labels=made.labels, only=made.only, is_hu=made.is_hu)
        if rng.random() < self._settings.resampled.share:
            return _resampled(drawn, rng, self._settings.resampled, is_clean=True)
        return _views(drawn, drawn.spacing, is_clean=True)


def _resampled(
    case: Case, rng: np.random.Generator, how: ResampleSettings, is_clean: bool = False
) -> list[LabelledVolume]:
    """Make views of a case with pixels and slices of another size; time points are left as they are."""
    assert case.image is not None
    low, high = np.log(how.spacing)
    wanted = np.exp(rng.uniform(low, high, 2))
    slices, pixel = case.spacing[0], float(np.sqrt(case.spacing[1] * case.spacing[2]))
    if not case.in_mm:  # as much coarser as millimetres may become
        wanted = np.exp(rng.uniform(0, np.log(how.most_coarser), 2)) * (slices, pixel)
    shape = case.labels.shape
    finest = 1 / how.most_finer
    in_plane = float(np.clip(wanted[1] / pixel, finest, max(1.0, min(how.most_coarser, min(shape[1:]) / _MIN_SIDE))))
    along = float(np.clip(wanted[0] / slices, finest, max(1.0, min(how.most_coarser, shape[0] / _MIN_SLICES))))
    factors = np.array([1.0 if case.is_time else along, in_plane, in_plane])
    new = np.maximum(1, np.rint(shape / factors)).astype(int).tolist()
    image, labels = resample(case.image, case.labels, new, case.only)
    spacing = tuple(float(s * o / n) for s, o, n in zip(case.spacing, shape, new, strict=True))
    return _views(replace(case, image=image, labels=labels), spacing, is_clean)


def _views(case: Case, spacing: Sequence[float], is_clean: bool = False) -> list[LabelledVolume]:
    image = case.image
    assert image is not None

    def along(axis: int) -> LabelledVolume:
        frames, labels = np.moveaxis(image, axis, 0), np.moveaxis(case.labels, axis, 0)
        return LabelledVolume(frames, labels, case.is_hu, is_clean, case.only, case.percentile_range)

    views = [along(0)]
    for axis in (1, 2):
        plane = np.delete(spacing, axis)
        if case.is_time or case.is_flat or min(case.labels.shape) < _MIN_FRAMES * 8:
            continue
        if plane.max() / plane.min() <= _MAX_ANISOTROPY:
            views.append(along(axis))
    return views
