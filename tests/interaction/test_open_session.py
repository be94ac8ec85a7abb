"""A session from its file."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from napari_sam2.core.prompts import PointPrompt, PromptSet
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import SessionFileError
from napari_sam2.interaction.autosave import Autosave
from napari_sam2.interaction.open_session import open_session
from napari_sam2.session import VideoSession
from napari_sam2.session.storage.locations import Recent


@pytest.fixture
def path(predictor, volume, tmp_path):
    with closing(VideoSession(predictor, volume, window=(10, 500))) as session:
        session.add_points(1, 3, [(20, 25)])
        session.predict_frame(3)
        session.save(tmp_path / "work.sam2")
    return (tmp_path / "work.sam2").resolve()


@pytest.fixture
def opened(path, model_cache):
    """``opened(candidates)``: the session, opened."""
    made = []

    def open_it(candidates):
        made.append(open_session(path, candidates, model_cache, Autosave(Recent()), Recent()))
        return made[-1]

    yield open_it
    for each in made:
        each.worker.close()


def test_the_image_is_found_among_the_candidates_with_all_that_there_is_to_draw(opened, volume, path):
    other = ImageVolume(volume.array + 1, axes="zyx")
    found = opened([("other", other), ("ours", volume)])
    assert found.layer == "ours"
    assert found.worker.volume is volume
    assert found.worker.contrast_limits == (10, 500)
    assert found.update.prompts == {(1, 3): PromptSet((PointPrompt(20, 25),))}
    assert [int(labels.any()) for _, labels in found.update.frames] == [int(f == 3) for f in range(12)]
    assert Recent().paths() == [path]


def test_without_its_image_there_is_advice_and_the_choice_of_the_model_stays(opened, model_cache, volume):
    choice = model_cache.choice
    with pytest.raises(SessionFileError, match="Open the image in napari first"):
        opened([("other", ImageVolume(np.zeros((3, 4, 5)), axes="zyx"))])
    assert model_cache.choice == choice


def test_a_model_that_is_not_here_is_said_and_the_chosen_one_goes_on(opened, volume, loads):
    found = opened([("ours", volume)])
    assert loads == ["starter"]
    assert "made with the model fake, which is not on this computer" in found.update.warnings[0]
