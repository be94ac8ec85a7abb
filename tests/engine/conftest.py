"""Fixtures of the engine's tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from napari_sam2.engine.catalog.model_files import resolve
from napari_sam2.engine.sam2 import Sam2Config, Sam2Model
from napari_sam2.engine.sam2.checkpoint import load_model
from support.networks import SMALL

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


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend to have GPUs of these names; ``capability`` is what all of them have."""

    def have(*names: str, capability: tuple[int, int] = (8, 0)) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(names))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda i: SimpleNamespace(name=names[i], total_memory=8 * 1024**3)
        )
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)

    have()
    return have


@pytest.fixture
def small() -> dict[str, Any]:
    """Return the tensors of a small network."""
    return dict(Sam2Model(Sam2Config.from_json(SMALL)).state_dict())


@pytest.fixture
def small_file(tmp_path: Path, small: dict[str, Any]) -> Path:
    path = tmp_path / "small.safetensors"
    save_file(small, path, metadata={"config": json.dumps(SMALL)})
    return path


@pytest.fixture(scope="module")
def starter() -> Sam2Model:
    """The bundled network."""
    return load_model(resolve("starter"))
