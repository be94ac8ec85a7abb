"""A hub that publishes one small model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from napari_sam2.engine.catalog import registry
from napari_sam2.engine.sam2 import Sam2Config, Sam2Model
from support.hub import TOY, FakeHub
from support.networks import SMALL


@pytest.fixture(scope="module")
def content() -> bytes:
    """A whole checkpoint of some 700 kB."""
    torch.manual_seed(0)
    network = Sam2Model(Sam2Config.from_json(SMALL))
    return save(dict(network.state_dict()), metadata={"config": json.dumps(SMALL)})


@pytest.fixture
def hub(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The hub, with everything of this process pointed at it and at a cache of its own."""
    served = FakeHub("us/toy", "toy.safetensors", content)
    served.stand_in(monkeypatch, tmp_path)
    monkeypatch.setitem(registry.MODELS, "toy", TOY)
    yield served
    served.close()
