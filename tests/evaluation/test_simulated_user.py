"""A user who knows the truth."""

from __future__ import annotations

import numpy as np

from napari_sam2.core.masks import deepest_pixel


def test_deepest_pixel_is_inside_a_ring() -> None:
    yy, xx = np.mgrid[:40, :40]
    distance = np.hypot(yy - 20, xx - 20)
    ring = (distance < 15) & (distance > 7)
    y, x = deepest_pixel(ring)
    assert ring[y, x]
    assert abs(np.hypot(y - 20, x - 20) - 11) < 1.5
