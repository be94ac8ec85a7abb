"""The configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_sam2.engine.sam2.checkpoint import read_checkpoint
from napari_sam2.engine.sam2.network.config import Sam2Config
from training.export_weights import config_to_json
from training.recipe import DEFAULT, load_recipe


def test_the_recipe_describes_the_bundled_network(bundled_weights: Path) -> None:
    config, _ = read_checkpoint(bundled_weights)
    network = load_recipe().network
    assert Sam2Config.from_json(network, name=config.name) == config
    assert Sam2Config.from_json(config_to_json(config), name=config.name) == config


def test_unknown_entries_of_a_recipe_are_refused() -> None:
    with pytest.raises(ValueError, match="overrides nothing"):
        load_recipe(overrides=["optimizer.speed=3"])
    with pytest.raises(ValueError, match="multiple of 32"):
        load_recipe(overrides=["tasks=[{'share': 1.0, 'size': 100, 'frames': [1, 1], 'clips': 2}]"])


def test_an_unknown_entry_is_named_with_its_section(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8").replace("[scenes]\n", "[scenes]\nwings = 2\n")
    (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="unknown entries of scenes: wings"):
        load_recipe(tmp_path / "recipe.toml")
