"""Smooth noise."""

from __future__ import annotations

import numpy as np
import pytest

from training.noise import smooth_noise


def test_noise_has_unit_variance() -> None:
    maps = smooth_noise(np.random.default_rng(0), 8, 20, 128)
    assert maps.std(axis=(1, 2)) == pytest.approx(np.ones(8), abs=0.25)
