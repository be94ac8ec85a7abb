"""DICOM series in every orientation, whose file names and numbers tell nothing of their order."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import read_volume
from support.dicom import dataset

if TYPE_CHECKING:
    from pathlib import Path

AXES = np.eye(3)
GRIDS = {
    f"{a}{b}{c}{''.join('+-'[s < 0] for s in signs)}": np.array([AXES[a], AXES[b], AXES[c]]) * np.array(signs)[:, None]
    for a, b, c in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
}


def _turn(degrees_x: float, degrees_z: float) -> np.ndarray:
    a, b = np.radians([degrees_x, degrees_z])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return about_z @ about_x


GRIDS["oblique"] = np.eye(3) @ _turn(20, -12).T
GRIDS["oblique, falling"] = np.diag([1, 1, -1]) @ _turn(-37, 33).T
# The slices slide along the rows, as under a tilted gantry.
GRIDS["tilted"] = np.array([[1, 0, 0], [0, 1, 0], [0, np.sin(0.3), np.cos(0.3)]])
SHAPE = (5, 6, 7)


def grid_series(folder: Path, grid: np.ndarray, shape: tuple[int, ...] = SHAPE) -> ImageVolume:
    """A series whose rows, columns and slices follow the three rows of `grid`; file names tell nothing."""
    folder.mkdir()
    stored = np.random.default_rng(3).integers(0, 2000, shape).astype(np.uint16)
    right, down, step = grid
    numbers = np.random.default_rng(4).permutation(shape[0])
    for z, plane in enumerate(stored):
        position = np.array([-31.25, 12.5, 77.125]) + 2.5 * z * step
        ds = dataset(plane, tuple(position.tolist()), (*right.tolist(), *down.tolist()), InstanceNumber=int(numbers[z]))
        ds.PatientName, ds.PatientID, ds.StudyDate, ds.AccessionNumber = "Roe^Jane", "4711", "20200101", ""
        ds.save_as(folder / f"{numbers[z]}.dcm")
    return read_volume(folder)
