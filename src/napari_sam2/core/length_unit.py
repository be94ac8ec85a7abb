"""The unit in which tables tell the lengths and sizes of a volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.units import millimetres_per_unit

if TYPE_CHECKING:
    from napari_sam2.core.volume import ImageVolume


@dataclass(frozen=True)
class LengthUnit:
    """How lengths of a volume are told in tables.

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

    def column(self, quantity: str, power: int = 1) -> str:
        """Return the name of a column, e.g. ``extent_z_mm``, ``area_um2``, ``volume`` (no unit)."""
        suffix = self.name + (str(power) if power > 1 and self.name else "")
        return f"{quantity}_{suffix}" if suffix else quantity


def voxel_size(volume: ImageVolume, unit: LengthUnit) -> tuple[str, float]:
    """Return the name of the column of sizes, and the size of one voxel in it.

    ``volume_ml`` where the unit is a millimetre or longer, cubes of the unit otherwise; areas of a 2-D image.
    """
    size = float(np.prod([volume.spacing_of(a) * unit.factor for a in volume.spatial_axes]))
    if len(volume.spatial_axes) == 2:
        return unit.column("area", 2), size
    if unit.name != "mm":
        return unit.column("volume", 3), size
    # The voxels of a tilted gantry are sheared, and smaller than the product of their sides.
    sheared = abs(float(np.linalg.det(volume.affine[:3, :3])))
    return "volume_ml", (size if np.isclose(size, sheared, rtol=1e-4) else sheared) / 1000.0
