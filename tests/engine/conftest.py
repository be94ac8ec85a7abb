"""Fixtures of the engine's tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

# Helpers lie beside the tests; this works in every import mode of pytest.
sys.path.insert(0, str(Path(__file__).parent))

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(autouse=True, scope="session")
def _two_threads() -> Iterator[None]:
    """Keep the tests' memory and time the same on large machines."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of reference files that are not part of the repository."""
    return SHARED


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
