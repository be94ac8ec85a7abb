"""Synthetic scenes."""

from __future__ import annotations

import numpy as np
import pytest

from training.synthetic import ScenePool, make_scene
from training.volumes import LabelledVolume


@pytest.fixture(scope="module")
def scenes() -> list[LabelledVolume]:
    return [make_scene(np.random.default_rng(seed), 6, 96, cell_share=seed % 2) for seed in range(6)]


def test_scenes_hold_objects_that_differ_from_what_is_around(scenes: list[LabelledVolume]) -> None:
    for scene in scenes:
        assert scene.image.shape == scene.labels.shape == (6, 96, 96)
        assert np.isfinite(scene.image).all()
        assert len(scene.boxes[0]) >= 3
        assert float(np.asarray(scene.image, np.float32).std()) > 0.02


def test_some_objects_begin_and_some_end_inside(scenes: list[LabelledVolume]) -> None:
    ends = sum(set(s.boxes[0]) - set(s.boxes[-1]) != set() for s in scenes)
    begins = sum(set(s.boxes[-1]) - set(s.boxes[0]) != set() for s in scenes)
    assert ends >= 3
    assert begins >= 3


def test_a_seed_makes_the_same_scene_again() -> None:
    one, two = (ScenePool(7, 3, 0.5, 4, 64, 0.5).draw(np.random.default_rng(0), 20) for _ in range(2))
    np.testing.assert_array_equal(one.image, two.image)
    other = ScenePool(8, 3, 0.5, 4, 64, 0.5).draw(np.random.default_rng(0), 20)
    assert not np.array_equal(one.image, other.image)
