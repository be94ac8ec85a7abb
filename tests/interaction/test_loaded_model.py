"""The one model in memory."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import SessionBusyError
from napari_sam2.interaction.loaded_model import ModelCache, ModelChoice, UnloadedModel


class Model:
    def __init__(self, name):
        self.name, self.notes, self.unloaded = name, [], False

    def unload(self):
        self.unloaded = True


@pytest.fixture
def made():
    return []


@pytest.fixture
def cache(made):
    def load(name, device):
        assert all(model.unloaded for model in made), "two models may not fit into memory"
        made.append(Model(f"{name} on {device}"))
        return made[-1]

    return ModelCache(load)


def test_a_model_is_loaded_when_it_is_first_used_and_then_kept(cache, made):
    assert (cache.loaded, cache.is_ready, made) == (None, False, [])
    assert cache.get() is cache.get() is cache.loaded
    assert [model.name for model in made] == ["starter on auto"]
    assert cache.is_ready


def test_another_choice_takes_the_place_of_the_loaded_model_when_it_is_used(cache, made):
    cache.get()
    cache.choose(ModelChoice("large", "cpu"))
    assert not cache.is_ready
    assert not made[0].unloaded
    assert cache.get().name == "large on cpu"
    assert made[0].unloaded


def test_an_unloaded_model_is_loaded_again(cache, made):
    cache.get()
    cache.unload()
    assert made[0].unloaded
    assert cache.loaded is None
    assert cache.get() is made[1]


def test_each_note_is_new_once(cache, made):
    cache.get()
    made[0].notes += ["half precision", "one object at once"]
    assert cache.new_notes() == ["half precision", "one object at once"]
    made[0].notes.append("half a frame at once")
    assert cache.new_notes() == ["half a frame at once"]
    assert cache.new_notes() == []
    cache.unload()
    cache.get().notes.append("half precision")
    assert cache.new_notes() == ["half precision"]


def test_without_a_model_nothing_can_be_computed():
    with pytest.raises(SessionBusyError, match="starter is not loaded"):
        UnloadedModel("starter").open(np.zeros((1, 4, 4, 1)))
