"""Units of length that files write, and the steps of what was read."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.core.volume import ImageVolume

LENGTHS = [("nm", 1e-6), ("um", 1e-3), ("mm", 1.0), ("cm", 10.0), ("m", 1e3), ("inch", 25.4), ("angstrom", 1e-7)]


def millimetres(volume: ImageVolume) -> list[float]:
    """Steps along z, y and x, which the affine must have too."""
    factor = millimetres_per_unit(volume.units)
    assert factor is not None
    steps = [volume.spacing_of(a) * factor for a in "zyx"]
    assert np.linalg.norm(volume.affine[:3, :3], axis=0) == pytest.approx(steps)
    return steps


def notes(volume: ImageVolume) -> str:
    """Return all that was noted of the file."""
    return " ".join(volume.source.notes)
