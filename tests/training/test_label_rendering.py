"""Images that are rendered from label maps."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from training.label_rendering import LabelMap


def blocks() -> LabelMap:
    label = np.zeros((32, 48, 48), np.uint8)
    label[4:28, 4:44, 4:44] = 1
    label[8:24, 10:20, 10:38] = 2
    label[8:24, 28:38, 10:38] = 3
    return LabelMap(label, {1: "tissue", 2: "left kernel", 3: "right kernel"})


def test_synthetic_pictures_show_the_objects_that_may_be_asked_for() -> None:
    maps = blocks()
    kinds, edges = set(), []
    for seed in range(30):
        made = maps.render(np.random.default_rng(seed))
        kinds.add(made.is_hu)
        assert made.image.shape == made.labels.shape
        assert made.image.dtype == (np.int16 if made.is_hu else np.uint8)
        for label in made.only & {2, 3}:
            inside = made.labels == label
            around = ndimage.binary_dilation(inside, iterations=3) & ~inside
            if inside.sum() > 500 and around.sum() > 500:
                ours, theirs = (float(made.image[part].mean(dtype=float)) for part in (inside, around))
                edges.append(abs(ours - theirs) > (10 if made.is_hu else 5))
    assert kinds == {True, False}
    assert len(edges) > 20
    assert np.mean(edges) > 0.9


def test_left_and_right_mostly_look_the_same_and_regions_of_one_grey_value_are_one_object() -> None:
    maps = blocks()
    groups = [maps._groups(np.random.default_rng(seed)) for seed in range(60)]
    assert sum(looks[2] == looks[3] for looks, _ in groups) > 40
    grouped = [(looks, objects) for looks, objects in groups if looks[1] == looks[2]]
    assert grouped
    assert all(objects[1] == objects[2] for _, objects in grouped)
    apart = [objects for looks, objects in groups if looks[2] == looks[3] != looks[1]]
    assert all(objects[2] != objects[3] for objects in apart)  # they do not touch


def test_the_same_number_gives_the_same_picture_and_another_another() -> None:
    one, two, other = (blocks().render(np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.image, two.image)
    assert not np.array_equal(one.image, other.image)
