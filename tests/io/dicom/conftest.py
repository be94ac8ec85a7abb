"""Series that tests of several modules read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support.dicom import write_series


@pytest.fixture
def stored() -> np.ndarray:
    """Five slices of stored values."""
    return np.random.default_rng(0).integers(0, 3000, (5, 6, 7)).astype(np.uint16)


@pytest.fixture
def big_series(tmp_path) -> tuple[Path, np.ndarray]:
    """A folder with sixty slices, and their values."""
    stored = np.random.default_rng(2).integers(0, 3000, (60, 16, 18)).astype(np.uint16)
    write_series(tmp_path / "ct", stored)
    return tmp_path / "ct", stored.astype(np.int32) - 1024
