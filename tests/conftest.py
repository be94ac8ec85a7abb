"""Fixtures that tests of several parts use."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from napari import Viewer


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    """No test writes into the folders of the user who runs it."""
    monkeypatch.setenv("NAPARI_SAM2_DATA", str(tmp_path / "napari-sam2-data"))


@pytest.fixture
def make_napari_viewer(make_napari_viewer: Callable[..., Viewer]) -> Callable[..., Viewer]:
    """napari's own; what earlier tests left is frozen first, because napari collects garbage for each layer removed."""
    gc.collect()
    gc.freeze()
    return make_napari_viewer


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
