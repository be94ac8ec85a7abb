"""A session on one time point and one channel of an image of five axes."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from support.predictors import FakePredictor


@pytest.mark.parametrize("axes", ["tczyx", "tzcyx", "ctzyx", "tzyxc"])
def test_labels_are_on_the_whole_grid_without_channels(axes) -> None:
    sizes = {"t": 3, "c": 2, "z": 4, "y": 20, "x": 24}
    array = np.random.default_rng(0).random([sizes[a] for a in axes])
    predictor = FakePredictor()
    session = ns.VideoSession(predictor, ns.ImageVolume(array, axes=axes), "z", at={"t": 2}, channel=1)
    session.add_box(1, 1, (5, 6, 12, 14))
    assert sum(1 for _ in session.propagate()) == 4
    labels = session.labels()
    assert labels.shape == (3, 4, 20, 24)
    assert not labels[:2].any()
    assert labels[2].any(axis=(1, 2)).all()
    moved = np.moveaxis(array, [axes.index(a) for a in "tzcyx"], range(5))
    low, high = session.window
    shown = predictor.streams[-1].frames[3]
    assert np.allclose(shown[..., 0], np.clip((moved[2, 3, 1] - low) / (high - low), 0, 1), atol=1e-6)
