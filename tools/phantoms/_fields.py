"""Building blocks of the phantoms: smooth random fields, soft solids and a canvas.

A solid is a *level*: an array that is positive inside, negative outside, and close to the distance
from the surface in millimetres near it. Levels are combined with ``np.minimum`` (intersection) and
``np.maximum`` (union) before they are painted.

Everything is double precision, although the result is stored in 16 bits or fewer: a last-bit
difference between two processors then practically never reaches a stored grey value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import interpolate, ndimage, spatial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Field = NDArray[np.float64]
    Triple = tuple[float, float, float]

__all__ = ["Canvas", "Space", "smooth_noise"]

FAR_OUTSIDE = -1e3
"""Level of a voxel that is nowhere near a solid (mm)."""


def smooth_noise(rng: np.random.Generator, shape: Sequence[int], sigma: float | Sequence[float]) -> Field:
    """Make Gaussian noise of zero mean and unit deviation, smoothed.

    Parameters
    ----------
    rng : numpy.random.Generator
        The source of randomness.
    shape : sequence of int
        Shape of the field.
    sigma : float or sequence of float
        Width of the smoothing kernel, in voxels.

    Returns
    -------
    numpy.ndarray
        Array of shape `shape`, float64.

    Examples
    --------
    >>> field = smooth_noise(np.random.default_rng(0), (40, 40), 3)
    >>> abs(round(float(field.mean()), 6)), round(float(field.std()), 6)
    (0.0, 1.0)
    """
    field = ndimage.gaussian_filter(rng.standard_normal(tuple(shape)), sigma, mode="reflect")
    field -= field.mean()
    return np.asarray(field / field.std(), dtype=np.float64)


@dataclass(frozen=True)
class Space:
    """Position of every voxel in millimetres, possibly warped.

    Attributes
    ----------
    z, y, x : numpy.ndarray
        (Z, Y, X) float64, mm: head-ward, towards the back, towards the patient's left.
    spacing : tuple of float
        Voxel size (z, y, x) in mm.
    """

    z: Field
    y: Field
    x: Field
    spacing: Triple

    @classmethod
    def regular(cls, shape: tuple[int, int, int], spacing: Triple) -> Space:
        """Build the unwarped grid: z starts at 0, y and x are centred on 0."""
        axes = [np.arange(n) * step for n, step in zip(shape, spacing, strict=True)]
        axes[1] = axes[1] - axes[1].mean()
        axes[2] = axes[2] - axes[2].mean()
        z, y, x = np.meshgrid(*axes, indexing="ij")
        return cls(z, y, x, spacing)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape (Z, Y, X) of the grid."""
        return self.z.shape

    def noise(self, rng: np.random.Generator, scale_mm: float) -> Field:
        """Make smooth unit noise whose kernel is `scale_mm` wide in every direction."""
        return smooth_noise(rng, self.shape, [scale_mm / step for step in self.spacing])

    def warped(self, rng: np.random.Generator, scale_mm: float, amount_mm: float) -> Space:
        """Displace every voxel by smooth noise, so that no surface stays a textbook one."""
        dz, dy, dx = (amount_mm * self.noise(rng, scale_mm) for _ in range(3))
        return Space(self.z + dz, self.y + dy, self.x + dx, self.spacing)

    def ellipsoid(
        self, centre: Triple, radii: Triple, *, power: float = 2.0, turn: float = 0, tilt: float = 0
    ) -> Field:
        """Compute the level of a superellipsoid.

        Parameters
        ----------
        centre, radii : tuple of float
            (z, y, x) in mm.
        power : float
            2 gives an ellipsoid, more a boxier solid.
        turn : float
            Rotation in the slice, degrees, from x towards y.
        tilt : float
            Shear of the long axis: millimetres in x per 100 mm in z.

        Returns
        -------
        numpy.ndarray
            (Z, Y, X) float64, mm.
        """
        z, y = self.z - centre[0], self.y - centre[1]
        x = self.x - centre[2] - tilt / 100 * z
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        u, v = cos * x + sin * y, cos * y - sin * x
        parts = (np.abs(z) / radii[0], np.abs(v) / radii[1], np.abs(u) / radii[2])
        norm: Field = sum(part**power for part in parts) ** (1 / power)
        return (1 - norm) * float(np.sqrt(radii[1] * radii[2]))

    def depth(self, norm: Field) -> Field:
        """Turn a norm (1 on the surface, less inside) into a depth in mm, slice by slice."""
        gy, gx = np.gradient(norm, self.spacing[1], self.spacing[2], axis=(1, 2))
        return np.asarray((1 - norm) / np.maximum(np.hypot(gy, gx), 1e-3))

    def tube(self, points: Sequence[Triple], radii: Sequence[float] | float) -> Field:
        """Compute the level of a tube along a smooth curve.

        Parameters
        ----------
        points : sequence of (z, y, x)
            Points on the centre line, mm; a cubic spline runs through them.
        radii : float or sequence of float
            Radius in mm, one for the tube or one per point.

        Returns
        -------
        numpy.ndarray
            (Z, Y, X) float64, mm; `FAR_OUTSIDE` beyond 12 mm from the tube.
        """
        knots = np.asarray(points, dtype=np.float64)
        widths = np.broadcast_to(np.asarray(radii, dtype=np.float64), (len(knots),))
        steps = np.linalg.norm(np.diff(knots, axis=0), axis=1)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        fine = np.linspace(0, along[-1], max(8, int(along[-1] / 1.5)))
        spline = interpolate.make_interp_spline(along, knots, k=min(3, len(knots) - 1))
        line = np.asarray(spline(fine))
        reach = float(widths.max()) + 12
        near = np.ones(self.shape, dtype=bool)
        for position, axis in zip((self.z, self.y, self.x), line.T, strict=True):
            near &= (position > axis.min() - reach) & (position < axis.max() + reach)
        where = np.stack([self.z[near], self.y[near], self.x[near]], axis=-1)
        level = np.full(self.shape, FAR_OUTSIDE)
        if len(where):
            distance, index = spatial.KDTree(line).query(where, distance_upper_bound=reach)
            width = np.interp(fine, along, widths)[np.minimum(index, len(fine) - 1)]
            level[near] = np.where(np.isfinite(distance), width - distance, FAR_OUTSIDE)
        return level


class Canvas:
    """Grey values and labels that solids are painted onto, later ones over earlier ones.

    Parameters
    ----------
    shape : tuple of int
        Shape (Z, Y, X).
    background : float
        Grey value of the empty canvas.
    softness : float
        Width of the partial-volume ramp at a surface, mm.
    """

    def __init__(self, shape: tuple[int, ...], background: float, softness: float) -> None:
        self.values: Field = np.full(shape, background, dtype=np.float64)
        self.labels = np.zeros(shape, dtype=np.uint8)
        self._softness = softness

    def paint(self, level: Field, value: Field | float, label: int = 0) -> None:
        """Paint a solid; its label replaces what was there, 0 for an unnamed structure."""
        share = np.clip(level / self._softness + 0.5, 0, 1)
        self.values += share * (value - self.values)
        self.labels[level > 0] = label
