"""A worker on a small image, with a predictor that needs no network."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.volume import ImageVolume
from napari_sam2.interaction.loaded_model import ModelCache
from napari_sam2.interaction.session_worker import SessionWorker
from support.predictors import FakePredictor


@pytest.fixture
def predictor():
    """Tracks without moving the mask, so that every frame has the same."""
    return FakePredictor(shift=0, radius=4)


@pytest.fixture
def volume():
    rng = np.random.default_rng(0)
    return ImageVolume(rng.integers(0, 1000, (12, 40, 50)).astype(np.int16), axes="zyx")


@pytest.fixture
def loads():
    """The names of the models that were loaded."""
    return []


@pytest.fixture
def model_cache(predictor, loads):
    def load(name, device):
        loads.append(name)
        return predictor

    return ModelCache(load)


@pytest.fixture
def worker(volume, model_cache):
    """A worker without a session yet."""
    return SessionWorker(volume, FrameGrid.of(volume), (0, 1000), model_cache)
