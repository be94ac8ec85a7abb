"""Labels: along any axis, of any volume, under the overlap rule."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor


@pytest.mark.parametrize(("overlap", "winner"), [("keep", 1), ("overwrite", 2)])
def test_overlap_rule(volume, overlap, winner):
    session = VideoSession(FakePredictor(), volume, overlap=overlap)
    session.add_box(1, 3, (2, 2, 10, 10))
    session.add_box(2, 3, (6, 6, 14, 14))
    session.predict_frame(3)
    assert session.labels()[3, 7, 7] == winner


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_any_axis(volume, axis):
    session = VideoSession(FakePredictor(), volume, frame_axis=axis)
    k = "zyx".index(axis)
    assert session.frame_count == SHAPE[k]
    session.add_box(1, 3, (2, 3, 8, 9))
    session.predict_frame(3)
    expected = np.zeros(SHAPE, bool)
    plane = np.zeros([n for i, n in enumerate(SHAPE) if i != k], bool)
    plane[2:8, 3:9] = True
    np.moveaxis(expected, k, 0)[3] = plane
    assert np.array_equal(session.labels() > 0, expected)


def test_plain_image_is_one_frame():
    session = VideoSession(FakePredictor(), ImageVolume(np.random.default_rng(0).random((24, 32)), axes="yx"))
    session.add_points(1, 0, [(10, 12)])
    assert [r.frame for r in session.propagate()] == [0]
    assert session.labels().shape == (24, 32)
    assert session.labels()[10, 12] == 1


def test_four_dimensions_fill_their_part(volume):
    array = np.stack([np.asarray(volume.array)] * 3)
    movie = ImageVolume(array, axes="tzyx", spacing=(3, 0.7, 0.7))
    session = VideoSession(FakePredictor(), movie, frame_axis="z", at={"t": 2})
    session.add_box(1, 3, (2, 3, 8, 9))
    session.predict_frame(3)
    labels = session.labels()
    assert labels.shape == array.shape
    assert labels[2, 3].any()
    assert not labels[:2].any()
    out = np.full(array.shape, 7, np.uint16)
    session.labels(out=out)
    assert (out[:2] == 7).all()
    assert (out[2] != 7).all()


def test_labels_that_are_too_small_for_an_id_are_refused(session):
    session.add_box(300, 3, (2, 2, 6, 6))
    with pytest.raises(PromptError, match="uint16"):
        session.labels(out=np.zeros(SHAPE, np.uint8))
