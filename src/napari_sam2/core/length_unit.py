"""The unit of lengths in tables, and the step from voxel indices to physical space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.core.volume import SPATIAL_LETTERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume


@dataclass(frozen=True)
class LengthUnit:
    """The unit in which lengths of a volume stand in tables.

    Parameters
    ----------
    name
        ``"mm"``, ``"um"``, or ``""`` where the volume has no physical unit.
    factor
        Multiplies the volume's spacing.
    """

    name: str
    factor: float

    @classmethod
    def of(cls, volume: ImageVolume) -> LengthUnit:
        """Return the unit for a volume: mm for mm, cm and m; µm for µm and nm; otherwise that of its spacing."""
        millimetres = millimetres_per_unit(volume.units)
        if millimetres is None:
            return cls("", 1.0)
        return cls("mm", millimetres) if millimetres >= 1.0 else cls("um", millimetres * 1e3)

    @property
    def affine_factor(self) -> float:
        """Multiplies lengths of the volume's affine, which are millimetres."""
        return 1e3 if self.name == "um" else 1.0

    def column(self, quantity: str, power: int = 1) -> str:
        """Return the name of a column, e.g. ``extent_z_mm``, ``area_um2``, ``volume`` (no unit)."""
        suffix = self.name + (str(power) if power > 1 and self.name else "")
        return f"{quantity}_{suffix}" if suffix else quantity


def steps_of(volume: ImageVolume, axes: str | None = None) -> NDArray[np.float64]:
    """Return the step in space that one voxel along each axis makes, in the unit of tables.

    Parameters
    ----------
    volume
        Its affine may be rotated or sheared.
    axes
        Letters of spatial axes; default: all of the volume, in array order.

    Returns
    -------
    ndarray
        (3, number of axes) float; a column is a step in patient LPS (x, y, z).
    """
    chosen = volume.spatial_axes if axes is None else axes
    columns = [SPATIAL_LETTERS.index(axis) for axis in chosen]
    steps: NDArray[np.float64] = np.asarray(volume.affine, dtype=np.float64)[:3, columns]
    return steps * LengthUnit.of(volume).affine_factor


def cell_size(steps: NDArray[np.float64]) -> float:
    """Return length, area or volume of the cell that steps (3, n) span, sheared or not.

    Examples
    --------
    >>> import numpy as np
    >>> cell_size(np.array([[0.5, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    1.0
    """
    return float(np.sqrt(max(float(np.linalg.det(steps.T @ steps)), 0.0)))


def cell_column(quantity: str, volume: ImageVolume, axes: str) -> tuple[str, float]:
    """Return the name of a column of areas (two spatial axes) or volumes (three), and the size of one voxel in it.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.volume import ImageVolume
    >>> cell_column("volume", ImageVolume(np.zeros((2, 2, 2)), spacing=(5, 2, 2), units="mm"), "zyx")
    ('volume_ml', 0.02)
    """
    unit = LengthUnit.of(volume)
    size = float(np.prod([volume.spacing_of(a) * unit.factor for a in axes]))
    # The voxels of a tilted gantry are sheared, and smaller than the product of their sides.
    sheared = cell_size(steps_of(volume, axes))
    size = size if np.isclose(size, sheared, rtol=1e-4) else sheared
    if len(axes) == 3 and unit.name == "mm":
        return f"{quantity}_ml", size / 1000.0
    return unit.column(quantity, len(axes)), size
