"""A real viewer with the dock widget, and a predictor that needs no network."""

from __future__ import annotations

import numpy as np
import pytest

from support.driver import WidgetDriver
from support.predictors import FakePredictor


@pytest.fixture
def predictor():
    """Tracks without moving the mask, so that every frame has the same."""
    return FakePredictor(shift=0, radius=4)


@pytest.fixture
def volume_data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 1000, (12, 40, 50)).astype(np.int16)


@pytest.fixture
def make_driver(make_napari_viewer, predictor, qtbot):
    """``make(layer_arguments…) → WidgetDriver``: a real viewer with one image and the docked widget."""
    made = []

    def make(data, viewer_arguments=None, **layer_arguments):
        viewer = make_napari_viewer(**(viewer_arguments or {}))
        image = viewer.add_image(data, name="picture", **layer_arguments)
        made.append(WidgetDriver.show(viewer, image, predictor, qtbot))
        return made[-1]

    yield make
    for found in made:
        found.close()


@pytest.fixture
def warned(monkeypatch):
    """The warnings that the dock widget shows."""
    shown = []
    monkeypatch.setattr("napari_sam2.widgets.controllers.segment.show_warning", shown.append)
    return shown
