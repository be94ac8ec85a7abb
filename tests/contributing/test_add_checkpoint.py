"""The recipe of docs/contributing/add_checkpoint.md: one entry in the registry, and the model has a name."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.catalog.registry import MODELS, ModelEntry, known_models
from napari_sam2.engine.sam2 import Sam2Config, Sam2Model
from napari_sam2.errors import ModelNotDownloadedError
from support.hf_oracle import randomise
from support.networks import SMALL

TOY = ModelEntry(
    name="toy",
    title="Toy (for this test)",
    filename="toy.safetensors",
    input_size=SMALL["image_size"],
    parameters=1000,
    licence="Apache-2.0",
    source_repo="example/toy",
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder of models, with the toy in the registry."""
    monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(tmp_path / "settings.json"))
    monkeypatch.setenv("NAPARI_SAM2_MODELS", str(tmp_path / "models"))
    monkeypatch.setitem(MODELS, TOY.name, TOY)
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def write_checkpoint(path):
    """Write a small network with random weights, its configuration in the file; return its tensors."""
    network = Sam2Model(Sam2Config.from_json(SMALL))
    randomise(network, seed=0)
    tensors = dict(network.state_dict())
    save_file(tensors, path, metadata={"config": json.dumps(SMALL)})
    return tensors


def test_the_new_model_is_loaded_by_its_name(folder):
    tensors = write_checkpoint(folder / TOY.filename)
    predictor = ns.load_predictor("toy", device="cpu")
    assert predictor.name == "toy"
    assert predictor.model.image_size == SMALL["image_size"]
    loaded = predictor.model.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())


def test_the_new_model_answers_and_propagates(folder):
    write_checkpoint(folder / TOY.filename)
    volume = ImageVolume(np.random.default_rng(0).random((3, 20, 30), np.float32), window=(0, 1))
    session = ns.VideoSession(ns.load_predictor("toy", device="cpu"), volume)
    session.add_box(1, 1, (4, 5, 12, 20))
    results = {result.frame: result for result in session.propagate()}
    assert sorted(results) == [0, 1, 2]
    assert {result.masks[1].shape for result in results.values()} == {(20, 30)}


def test_menus_and_messages_know_the_new_model():
    assert known_models()["toy"] is TOY
    with pytest.raises(ModelNotDownloadedError, match=r"'toy' is not on this computer.*napari-sam2 download toy"):
        ns.load_predictor("toy")
