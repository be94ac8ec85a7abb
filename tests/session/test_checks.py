"""The words of a session for what was asked of it in vain."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import NapariSam2Error
from support.predictors import FakePredictor


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
