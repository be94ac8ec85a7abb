"""Files for the command line."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def stack(tmp_path):
    """A TIFF of a bright disc on noise, seven slices, and its truth."""
    import tifffile

    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:96, :96]
    disc = (yy - 50) ** 2 + (xx - 40) ** 2 < 20**2
    truth = np.stack([disc] * 7)
    image = (np.where(truth, 3000, 1000) + rng.normal(0, 150, truth.shape)).astype(np.uint16)
    path = tmp_path / "disc.tif"
    tifffile.imwrite(path, image, imagej=True, metadata={"axes": "ZYX", "spacing": 3.0, "unit": "mm"})
    return path, image, truth
