"""Where the shared files lie that some tests read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support.nifti import values

AWKWARD = Path(__file__).resolve().parents[3] / "shared" / "data" / "awkward"


@pytest.fixture
def awkward():
    """A function from a name under ../shared/data/awkward to its path; skips where it is absent."""

    def find(name: str) -> Path:
        path = AWKWARD / name
        if not path.exists():
            pytest.skip(f"needs {name} from ../shared/data/awkward")
        return path

    return find


@pytest.fixture
def data() -> np.ndarray:
    """Values of a small volume, in the order of a NIfTI file."""
    return values()
