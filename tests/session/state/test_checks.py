"""Arguments that make no sense: an error in a sentence, and nothing is changed."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import NapariSam2Error, PromptError, VolumeError
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


@pytest.mark.parametrize(("axes", "word", "other"), [("zyx", "slice", "frame"), ("tyx", "frame", "slice")])
def test_errors_of_a_session_use_the_word_of_its_axis(axes, word, other):
    image = np.random.default_rng(0).integers(0, 1000, (12, 40, 50)).astype(np.int16)
    session = ns.VideoSession(FakePredictor(shift=0, radius=4), ImageVolume(image, axes=axes))
    session.add_points(1, 6, [(20, 25)])
    session.predict_frame(6)
    session.lock(frame=6, obj_id=1)
    calls = [
        lambda: session.add_points(1, 99, [(5, 5)]),
        lambda: session.add_points(1, 6, [(5, 5)]),
        lambda: session.predict_frame(3),
        lambda: session.lock(frame=3, obj_id=1),
        lambda: session.cut(1, 3, "above"),
        lambda: session.add_labels(np.zeros(image.shape, int), [0]),
    ]
    for call in calls:
        with pytest.raises(NapariSam2Error) as error:
            call()
        assert word in str(error.value)
        assert other not in str(error.value).lower()
