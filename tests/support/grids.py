"""Grids in every orientation, and labels that no turn or flip leaves as they are."""

from __future__ import annotations

import itertools

import numpy as np

ORIENTATIONS = ["".join(s) for axes in itertools.permutations(("LR", "PA", "IS")) for s in itertools.product(*axes)]
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
SHAPE = (5, 6, 7)


def affine_of(codes: str) -> np.ndarray:
    """An index → RAS affine with the given axis codes and 0.7, 0.9 and 2.3 mm along x, y and z."""
    affine = np.zeros((4, 4))
    for column, code in enumerate(codes):
        axis, sign = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}[code]
        affine[axis, column] = sign * (0.7, 0.9, 2.3)[axis]
    affine[:, 3] = 11.25, -7.5, 3.125, 1
    return affine


def rotated(affine: np.ndarray, x: float = 20.0, z: float = -12.0) -> np.ndarray:
    """The same grid, turned by x° about x and z° about z."""
    a, b = np.radians(x), np.radians(z)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    turned = affine.copy()
    turned[:3, :3] = about_z @ about_x @ affine[:3, :3]
    return turned


GRIDS = {
    **{codes: affine_of(codes) for codes in ORIENTATIONS},
    "oblique": rotated(affine_of("RAS")),
    "oblique left-handed": rotated(affine_of("LAS")),
    "oblique sagittal": rotated(affine_of("PSR")),
    "far oblique": rotated(affine_of("LIP"), 38, 31),
}


def phantom(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """An L of label 1, a bar of label 2 and a single voxel of label 300: no turn or flip leaves it as it is."""
    labels = np.zeros(shape, np.uint16)
    labels[1, 1:5, 1] = labels[1, 1, 1:4] = 1
    labels[2:5, 3, -1] = 2
    labels[0, 0, -2] = 300
    return labels
