"""Fixtures of the engine's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(autouse=True, scope="session")
def _two_threads() -> Iterator[None]:
    """Keep the tests' memory and time the same on large machines."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))
    yield
    torch.set_num_threads(before)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[Any]]:
    """``opened(predictor)``: the streams that its sessions open from now on, as a list that grows."""

    def watch(predictor: Any) -> list[Any]:
        streams: list[Any] = []
        open_stream = predictor.open

        def note(*arguments: Any, **options: Any) -> Any:
            streams.append(open_stream(*arguments, **options))
            return streams[-1]

        monkeypatch.setattr(predictor, "open", note)
        return streams

    return watch


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of reference files that are not part of the repository."""
    return SHARED
