"""Outlines become pixels, and scribbles clicks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.drawings import MOST_CLICKS, Drawing


def drawing(*corners):
    return Drawing(0, 1, 3, False, np.array(corners, float))


def test_an_outline_holds_the_pixels_whose_centres_lie_inside():
    filled = drawing((0.5, 1.5), (0.5, 4.5), (3.5, 4.5), (3.5, 1.5)).fill((6, 8))
    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:5] = True
    assert np.array_equal(filled, expected)


def test_clicks_lie_evenly_along_a_scribble():
    clicks = drawing((0, 0), (0, 6), (4, 6)).clicks(spacing=2.5)
    assert clicks == pytest.approx(np.array([(0, 1.25), (0, 3.75), (0.25, 6), (2.75, 6)]))


@pytest.mark.parametrize(("length", "count"), [(0, 1), (1, 1), (1000, MOST_CLICKS)])
def test_there_is_always_a_click_and_never_many(length, count):
    assert len(drawing((2, 2), (2, 2 + length)).clicks(spacing=5)) == count
