"""Arguments that make no sense: an error in a sentence, and nothing is changed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import PromptError, VolumeError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda s: s.add_points(1, 99, [(1, 1)]), "no slice 99"),
        (lambda s: s.add_points(0, 3, [(1, 1)]), "obj_id=0"),
        (lambda s: s.add_points(1, 3, [(1, 99)]), "outside the picture"),
        (lambda s: s.add_points(1, 3, [(np.nan, 1)]), "finite"),
        (lambda s: s.add_points(1, 3, [(1, 1)], [2]), "labels must be 1"),
        (lambda s: s.add_box(1, 3, (5, 5, 5, 9)), "empty"),
        (lambda s: s.add_mask(1, 3, np.zeros((2, 2))), "shape"),
        (lambda s: s.predict_frame(3), "No object has a prompt"),
        (lambda s: s.propagate(direction="up"), "direction"),
    ],
)
def test_bad_input_says_what_is_wrong_and_changes_nothing(session, call, text):
    with pytest.raises(PromptError, match=text):
        call(session)
    assert not session.objects
    assert not session.undo()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda s: s.add_points(1, 3, [("a", "b")]), PromptError),
        (lambda s: s.add_points(1, 3, [(1, 2), (3,)]), PromptError),
        (lambda s: s.add_box(1, 3, None), PromptError),
        (lambda s: s.add_mask(1, 3, np.full(SHAPE[1:], np.nan)), PromptError),
        (lambda s: s.add_box(1, True, (2, 2, 6, 6)), PromptError),
        (lambda s: s.propagate(frames=5), PromptError),
        (lambda s: s.propagate(objects=1), PromptError),
        (lambda s: s.propagate(stop_when_gone="a"), PromptError),
        (lambda s: s.set_window("a", "b"), VolumeError),
        (lambda s: VideoSession(FakePredictor(), np.zeros(SHAPE)), VolumeError),
        (lambda s: VideoSession(FakePredictor(), s.volume, window=(1, 2, 3)), VolumeError),
        (lambda s: VideoSession(FakePredictor(), s.volume, at={"t": 1.0}), VolumeError),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(session, call, error):
    with pytest.raises(error):
        call(session)
    assert not session.objects
