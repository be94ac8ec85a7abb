"""The session that most tests begin with."""

from __future__ import annotations

import pytest

from napari_sam2.session import VideoSession
from support.predictors import FakePredictor, numbered_volume


@pytest.fixture
def volume():
    return numbered_volume()


@pytest.fixture
def session(volume):
    return VideoSession(FakePredictor(), volume)
