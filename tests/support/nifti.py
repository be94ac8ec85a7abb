"""NIfTI files with an affine of any orientation."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

SHAPE = (4, 5, 6)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def affine_of(codes: str) -> np.ndarray:
    """An index → RAS affine with the given axis codes, 1, 2 and 3 mm along x, y and z."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, code in enumerate(codes):
        axis, sign = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}[code]
        affine[axis, column] = sign * (axis + 1.0)
    affine[:3, 3] = (11, -7, 3)
    return affine


def oblique() -> np.ndarray:
    """Return an affine that is turned about two axes."""
    a, b = np.radians(20), np.radians(-12)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_x @ about_z @ np.diag([-0.7, 0.8, -2.5])
    affine[:3, 3] = (50, -60, 70)
    return affine


def save_nifti(path: Path, data: np.ndarray, affine: np.ndarray | None, **header: object) -> Path:
    """Write an array in mm and seconds, with these fields of the header."""
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm", "sec")
    for key, value in header.items():
        image.header[key] = value
    image.to_filename(path)
    return path


def values() -> np.ndarray:
    """Return whole numbers to store."""
    return np.random.default_rng(5).integers(-500, 500, SHAPE).astype(np.int16)
