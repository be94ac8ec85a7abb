"""Where the shared files lie that some tests read."""

from __future__ import annotations

from pathlib import Path

import pytest

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
