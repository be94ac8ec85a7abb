"""The labels layer."""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Labels

from napari_sam2.layers.axis_names import VOLUME_KEY
from napari_sam2.layers.labels import ObjectColors, make_labels, set_object_colors, write_frames


def test_labels_are_empty_lie_on_the_image_and_know_its_volume():
    image = Image(np.zeros((3, 4, 5), np.uint8), scale=(3, 0.5, 0.5), translate=(7, 0, 1), units=("mm",) * 3)
    labels = make_labels(image)
    assert labels.data.shape == (3, 4, 5)
    assert labels.data.dtype == np.uint16
    assert not labels.data.any()
    assert np.allclose(labels.extent.world, image.extent.world)
    assert labels.metadata[VOLUME_KEY].shape == (3, 4, 5)


def test_frames_are_written_into_the_array_that_is_there():
    array = np.zeros((3, 4, 5), np.uint16)
    write_frames(array, [((slice(None), 2, slice(None)), np.full((3, 5), 7, np.uint16))])
    assert (array[:, 2] == 7).all()
    assert array.sum() == 7 * 15


def test_objects_have_their_colours_and_hidden_ones_none():
    labels = Labels(np.array([[0, 1], [2, 9]], np.uint16))
    set_object_colors(labels, {1: (1, 0, 0, 1), 2: (0, 1, 0, 0)})
    shown = labels.colormap.map(labels.data)
    assert shown[0, 0, 3] == 0
    assert np.allclose(shown[0, 1], (1, 0, 0, 1))
    assert shown[1, 0, 3] == 0
    assert shown[1, 1, 0] == shown[1, 1, 1] == shown[1, 1, 2] > 0


def test_objects_are_coloured_once_and_hidden_on_request():
    labels = Labels(np.array([[0, 1], [2, 2]], np.uint16))
    colors, chosen = ObjectColors(), {1: (1.0, 0.0, 0.0), 2: (0.0, 1.0, 0.0)}
    colors.draw(labels, chosen)
    before = labels.colormap
    colors.draw(labels, chosen)
    colors.draw(labels, {})
    assert labels.colormap is before
    colors.set_visible(2, False)
    assert colors.hidden == {2}
    colors.draw(labels, chosen)
    assert [labels.colormap.map(np.array([i], np.uint16))[0, 3] for i in (1, 2)] == [1, 0]
    colors.set_visible(2, True)
    assert colors.hidden == frozenset()
