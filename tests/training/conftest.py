"""The recipe lies outside the package: found from the repository's root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from support.packs import flat, volume, write_pack
from support.small_training import SMALL_RECIPE
from training.recipe import Recipe, load_recipe

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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of packs, a label map without an image, a validation pack and a single set."""
    place = tmp_path / "more"
    place.mkdir()
    write_pack(place / "brains_train.npz", [{"name": f"brain{i}", **volume(1, 2, 3)} for i in range(2)])
    write_pack(place / "nuclei_train.npz", [{"name": f"nuclei{i}", **flat()} for i in range(2)])
    codes = np.array([0, 4, 17, 530], np.uint16)
    write_pack(place / "maps_train.npz", [{"name": "map", "label": codes[volume(1, 2, 3)["label"]]}])
    write_pack(place / "brains_val.npz", [{"name": "secret", **volume(1)}])
    one = volume(1, 2)
    np.savez(place / "ct.npz", image=one["image"], label=one["label"], spacing=np.ones(3), modality="CT", axes="ZYX")
    return place


@pytest.fixture
def recipe() -> Recipe:
    """A recipe whose steps take a moment."""
    return load_recipe(overrides=SMALL_RECIPE)
