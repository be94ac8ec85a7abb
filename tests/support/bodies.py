"""Balls and ellipsoids on rotated, sheared and anisotropic grids, and the grids themselves."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from napari_sam2.core.volume import ImageVolume


def affine_of(steps, origin=(0.0, 0.0, 0.0)):
    """4x4, index (z, y, x, 1) → LPS; the columns of ``steps`` are the steps of z, y and x."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = steps, origin
    return affine


def grid(kind, size=1.0):
    """Steps (3, 3) of a kind of grid whose finest step is ``size`` mm."""
    plain = np.fliplr(np.eye(3)) * size
    if kind == "cubes":
        return plain
    steps = plain * np.array([2.5, 1.0, 1.0])
    if kind == "anisotropic":
        return steps
    if kind == "rotated":
        return Rotation.from_euler("zyx", (25, -40, 10), degrees=True).as_matrix() @ steps
    assert kind == "sheared"
    # A gantry tilted by 20 degrees: slices slide along y.
    steps[1, 0] = steps[2, 0] * np.tan(np.radians(20))
    return steps


GRIDS = ("cubes", "anisotropic", "rotated", "sheared")


def ellipsoid(steps, semiaxes):
    """Mask and volume of an ellipsoid along patient x, y, z, centred in a grid that just holds it."""
    inverse = np.linalg.inv(steps)
    half = np.ceil(np.abs(inverse) @ np.asarray(semiaxes) * 1.0 + 2).astype(int)
    index = np.stack(np.meshgrid(*[np.arange(-h, h + 1) for h in half], indexing="ij"), axis=-1)
    place = index @ steps.T
    mask = ((place / np.asarray(semiaxes)) ** 2).sum(axis=-1) <= 1.0
    return mask, ImageVolume(np.zeros(mask.shape, np.uint8), units="mm", affine=affine_of(steps))
