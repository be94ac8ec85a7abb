"""Weights that the package opens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open

import napari_sam2 as ns
from support.small_training import train_in_parts
from training.export_weights import write_weights
from training.recipe import Recipe


def test_weights_open_in_the_package(recipe: Recipe, tmp_path: Path) -> None:
    state = train_in_parts(recipe, tmp_path / "run.pt", 1)
    path = tmp_path / "trained.safetensors"
    write_weights(path, state.network, state.average, state.step)
    predictor = ns.load_predictor(path)
    image = np.random.default_rng(0).normal(size=(3, 64, 64)).astype(np.float32)
    session = ns.VideoSession(predictor, ns.ImageVolume(image, axes="zyx"))
    session.add_box(1, 0, (10, 10, 40, 40))
    assert session.predict_frame(0)[1].shape == (64, 64)
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["config"])["image_size"] == 64
