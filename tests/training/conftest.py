"""The recipe lies outside the package: found from the repository's root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def bundled_weights() -> Path:
    """The weights that the package carries."""
    return REPOSITORY / "src" / "napari_sam2" / "engine" / "weights" / "starter.safetensors"
