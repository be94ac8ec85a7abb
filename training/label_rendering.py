"""Render images for label maps that have none: every region gets a random grey value, texture and border.

In the spirit of *SynthSeg* (Billot et al., Medical Image Analysis 2023, arXiv 2107.09559): a network that has seen the
same anatomy in all contrasts depends on none. Noise, thick slices and the user's window come later, as for scenes
(`training.augmentation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage

_SIDES = ("left ", "right ")
_CT_SHARE = 0.3
_MIN_CONTRAST = {False: 0.07, True: 25.0}  # of two regions with an edge between them: grey in 0 … 1, and HU
_MIN_EDGE = 0.7  # share of an object's surface that must be an edge
_MAX_FACES = 40  # faces over volume**(2/3), 7 for a ball: nobody asks for the whole cortex
_JOINED = 0.03  # share of the surface along which two parts of one grey value are one object
_MAX_GROUPED = 10  # pairs of neighbouring regions that get one grey value


@dataclass(frozen=True)
class RenderedLabelMap:
    """An image ``(T, Y, X)`` with its objects: ``labels``, of which those of ``only`` have an edge."""

    image: NDArray[np.generic]
    labels: NDArray[np.uint8]
    only: frozenset[int]
    is_hu: bool


class LabelMap:
    """A volume of labels, 0 … 255, and their names; ``"left X"`` and ``"right X"`` mostly look the same."""

    def __init__(self, labels: NDArray[np.uint8], names: Mapping[int, str]) -> None:
        self.labels, self.names = labels, names

    @cached_property
    def contacts(self) -> NDArray[np.float64]:
        """Count the voxel faces between each two labels, ``(L, L)``."""
        count = int(self.labels.max()) + 1
        table = np.zeros(count * count)
        for axis in range(self.labels.ndim):
            one = np.moveaxis(self.labels, axis, 0)[:-1]
            other = np.moveaxis(self.labels, axis, 0)[1:]
            apart = one != other
            codes = one[apart].astype(np.intp) * count + other[apart]
            table += np.bincount(codes, minlength=count * count)
        square = table.reshape(count, count)
        return square + square.T

    @cached_property
    def _volumes(self) -> NDArray[np.intp]:
        return np.bincount(self.labels.ravel(), minlength=len(self.contacts))

    def render(self, rng: np.random.Generator) -> RenderedLabelMap:
        """Render an image with random grey values.

        Parameters
        ----------
        rng
            Everything follows from it.
        """
        is_hu = bool(rng.random() < _CT_SHARE)
        looks, objects = self._groups(rng)
        means = _hounsfield(rng, len(looks)) if is_hu else _grey(rng, len(looks))
        means = means[looks]  # of each label: that of its group
        only = self._objects_with_edges(means, objects, _MIN_CONTRAST[is_hu])
        labels = self.labels[_part(rng, self.labels.shape)]
        spread = (0.05 * rng.random(len(looks)) ** 2)[looks] * (300 if is_hu else 1)
        image = means.astype(np.float32)[labels]
        for cells in (24, 8):
            image += spread.astype(np.float32)[labels] * _smooth(rng, labels.shape, cells)
        image = ndimage.gaussian_filter(image, rng.uniform(0.2, 1.1, 3), mode="nearest", truncate=3)
        if not is_hu:  # the coil
            image *= np.exp(rng.uniform(0, 0.25) * _smooth(rng, labels.shape, 80))
            image = np.clip(image, 0, 1.5) * 170
        image = np.rint(image).astype(np.int16 if is_hu else np.uint8)
        return RenderedLabelMap(image, objects.astype(np.uint8)[labels], only, is_hu)

    def _groups(self, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Draw for each label the group of its grey value, and the object it belongs to; 0 is on its own."""
        count = len(self.contacts)
        looks, objects = np.arange(count), np.arange(count)
        if rng.random() < 0.85:
            first: dict[str, int] = {}
            for label in range(1, count):
                name = self.names.get(label, "")
                if name.startswith(_SIDES):
                    looks[label] = first.setdefault(name.partition(" ")[2], label)
        inner = self.contacts.copy()
        inner[0] = inner[:, 0] = 0
        there = np.flatnonzero(inner.any(axis=1))
        for _ in range(int(rng.integers(min(_MAX_GROUPED, there.size // 2) + 1))):
            one = int(rng.choice(there))
            other = int(rng.choice(count, p=inner[one] / inner[one].sum()))
            looks[looks == looks[other]] = looks[one]
        surface = np.maximum(self.contacts.sum(axis=1), 1)
        shares = inner / np.minimum.outer(surface, surface)
        for one, other in np.argwhere(np.triu(shares > _JOINED)):
            if looks[one] == looks[other]:
                objects[objects == objects[other]] = objects[one]
        return looks, objects

    def _objects_with_edges(
        self, means: NDArray[np.float64], objects: NDArray[np.intp], least: float
    ) -> frozenset[int]:
        seen = np.abs(means[:, None] - means[None, :]) >= least
        found = set()
        for obj in np.unique(objects[1:]):
            inside = objects == obj
            faces = self.contacts[inside][:, ~inside]
            volume = self._volumes[inside].sum()
            edge = (faces * seen[inside][:, ~inside]).sum()
            if 0 < faces.sum() <= _MAX_FACES * volume ** (2 / 3) and edge >= _MIN_EDGE * faces.sum():
                found.add(int(obj))
        # Empty would mean all of them.
        return frozenset(found or {255})


def _grey(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw grey values of an MR scan: anything, on a background that is mostly dark."""
    means = rng.uniform(0.05, 1, count)
    means[0] = rng.uniform(0, 0.05) if rng.random() < 0.85 else rng.uniform(0, 1)
    return means


def _hounsfield(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw grey values of a CT: mostly soft tissue, some bone, fat and air."""
    kinds = rng.choice(4, count, p=(0.72, 0.13, 0.1, 0.05))
    soft, bone = rng.normal(40, 45, count), np.exp(rng.uniform(np.log(200), np.log(1200), count))
    means = np.choose(kinds, (soft, bone, rng.normal(-90, 15, count), rng.uniform(-1000, -700, count)))
    means[0] = -1000
    return means


def _part(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Draw a box that holds most of the volume, as a scan does."""
    part = []
    for size in shape:
        length = int(size * rng.uniform(0.55, 1))
        begin = int(rng.integers(size - length + 1))
        part.append(slice(begin, begin + length))
    return tuple(part)


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], cells: int) -> NDArray[np.float32]:
    """Make smooth noise of about unit variance with blobs of ``cells`` voxels."""
    grid = rng.standard_normal([max(2, size // cells + 2) for size in shape], dtype=np.float32)
    maps = F.interpolate(torch.from_numpy(grid)[None, None], size=shape, mode="trilinear", align_corners=True)
    out: NDArray[np.float32] = (maps[0, 0] / 0.6).numpy()
    return out
