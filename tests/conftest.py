"""Fixtures that tests of several parts use."""

from __future__ import annotations

import gc
from collections.abc import Callable

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    """No test writes into the folders of the user who runs it."""
    monkeypatch.setenv("NAPARI_SAM2_DATA", str(tmp_path / "napari-sam2-data"))


@pytest.fixture(autouse=True, scope="module")
def _quick_collection():
    """What earlier modules left stays: else the teardown of each window walks through all of it several times."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def assert_close(record_property: Callable[[str, object], None]) -> Callable[..., float]:
    """Compare two tensors relative to the largest value of the expected one, and record how close they were."""

    def check(name: str, actual: object, expected: object, tolerance: float = 1e-4) -> float:
        got, want = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
        assert got.shape == want.shape, f"{name}: {got.shape} instead of {want.shape}"
        assert np.isfinite(want).all(), f"{name}: the oracle's values are not finite"
        difference = float(np.abs(got - want).max() / max(np.abs(want).max(), 1e-12))
        record_property(name, difference)
        assert difference <= tolerance, f"{name}: off by {difference:.2e} of the largest value"
        return difference

    return check
