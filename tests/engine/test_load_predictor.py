"""Which loader a model goes to."""

import sys
from types import ModuleType

import pytest

import napari_sam2 as ns
from napari_sam2 import engine
from napari_sam2.engine.catalog import registry
from napari_sam2.errors import CheckpointError
from support.predictors import FakePredictor


@pytest.fixture
def other(tmp_path, monkeypatch):
    """A user's model of another family, by the name ``other``; its checkpoint."""
    path = tmp_path / "other.pt"
    path.write_bytes(b"weights")
    entry = registry.ModelEntry("other", "Other", "other.pt", 96, 1, "MIT", path=str(path), family="copycat")
    monkeypatch.setattr(registry, "own_models", lambda: {"other": entry})
    monkeypatch.setattr("napari_sam2.engine.catalog.model_files.own_models", lambda: {"other": entry})
    return path


def test_every_known_model_has_a_loader():
    assert {entry.family for entry in registry.MODELS.values()} == set(engine.LOADERS) == {"sam2"}


def test_a_model_goes_to_the_loader_of_its_family(other, monkeypatch):
    asked, made = [], FakePredictor()
    module = ModuleType("copycat_loader")
    module.load = lambda *how: asked.append(how) or made
    monkeypatch.setitem(sys.modules, "copycat_loader", module)
    monkeypatch.setitem(engine.LOADERS, "copycat", "copycat_loader")
    assert ns.load_predictor("other", device="cpu", precision="float32") is made
    assert ns.load_predictor("other", image_size=32) is made
    assert asked == [(other, "other", "cpu", 96, "float32"), (other, "other", "auto", 32, "auto")]


def test_a_family_without_a_loader_is_named(other):
    with pytest.raises(CheckpointError, match=r"'other' is of the family 'copycat'.*\nKnown families are sam2\."):
        ns.load_predictor("other")


def test_a_path_is_a_checkpoint_of_sam2(other):
    with pytest.raises(CheckpointError, match="not a torch checkpoint"):
        ns.load_predictor(other)
