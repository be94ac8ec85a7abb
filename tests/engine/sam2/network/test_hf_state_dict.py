"""Checkpoints with the names of transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.checkpoint import load_model
from napari_sam2.engine.sam2.network.hf_state_dict import from_hf_names
from napari_sam2.engine.sam2.network.released_configs import RELEASED_NAMES
from support.hf_oracle import build_oracle, randomise, to_hf_names


@pytest.mark.parametrize("name", RELEASED_NAMES)
def test_layout_of_hugging_face(tmp_path: Path, name: str) -> None:
    """Names only, so the tensors are views of one value."""
    config = released_config(name)
    with torch.device("meta"):
        wanted = Sam2Model(config).state_dict()
    ours = {key: torch.zeros(()).expand(tensor.shape) for key, tensor in wanted.items()}
    found, renamed = from_hf_names(to_hf_names(ours, copy=False))
    assert found == config
    assert {k: v.shape for k, v in renamed.items()} == {k: v.shape for k, v in wanted.items()}


def test_file_of_transformers_loads(tmp_path: Path) -> None:
    """Written by transformers itself."""
    model = Sam2Model(released_config("sam2.1-tiny"))
    randomise(model, 3)
    build_oracle(model).save_pretrained(tmp_path)
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.config == model.config
    for key, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor), key
