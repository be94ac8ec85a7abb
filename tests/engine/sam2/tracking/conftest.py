"""Predictors and images that tests of tracking share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor


@pytest.fixture(scope="module")
def predictor():
    """The bundled model, for all tests of a file."""
    return load_predictor("starter", device="cpu")


@pytest.fixture(scope="module")
def stack():
    """A bright blob that drifts and shrinks on textured ground, and its truth."""
    rng = np.random.default_rng(3)
    yy, xx = np.mgrid[:160, :200]
    image, truth = [], []
    for t in range(14):
        inside = ((yy - 80 - t) / (30 - t)) ** 2 + ((xx - 90 - 2 * t) / (38 - t)) ** 2 < 1
        image.append(np.where(inside, 0.75, 0.3) + rng.normal(0, 0.04, yy.shape))
        truth.append(inside)
    return ImageVolume(np.array(image, np.float32), axes="zyx", window=(0, 1)), np.array(truth)


@pytest.fixture
def own_predictor() -> Any:
    """The bundled model, with nothing in its cache."""
    return load_predictor("starter", device="cpu")


@pytest.fixture
def volume() -> ImageVolume:
    """A bright disc in eight slices with two channels."""
    rng = np.random.default_rng(3)
    yy, xx = np.mgrid[:100, :120]
    inside = (yy - 50) ** 2 + (xx - 60) ** 2 < 20**2
    array = np.stack([np.where(inside, 700, 300) + rng.normal(0, 30, yy.shape) for _ in range(8)])
    return ImageVolume(np.stack([array, array[::-1]], axis=1).astype(np.float32), axes="zcyx", window=(0, 1000))
