"""What a negative click takes away from a tracked mask."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.prompts import PointPrompt
from napari_sam2.engine.sam2.tracking.negative_click import apply_negative_clicks


@pytest.fixture
def dumbbell():
    rows, columns = np.mgrid[:60, :120]
    left = (rows - 30) ** 2 + (columns - 30) ** 2 < 20**2
    right = (rows - 30) ** 2 + (columns - 85) ** 2 < 12**2
    return left | right | ((abs(rows - 30) < 3) & (columns > 30) & (columns < 85)), left, right


def test_a_click_beside_the_middle_takes_a_lobe_and_leaves_the_rest(dumbbell):
    mask, left, right = dumbbell
    found = apply_negative_clicks(mask, [PointPrompt(30, 85, False)])
    assert not found[right].any()
    assert np.array_equal(found & left, left)


def test_a_click_in_the_middle_takes_the_whole_part_and_its_crumbs(dumbbell):
    mask, _, _ = dumbbell
    mask[2:4, 2:6] = True
    mask[40:59, 100:119] = True
    found = apply_negative_clicks(mask, [PointPrompt(30, 30, False)])
    assert found[40:59, 100:119].all()
    assert found.sum() == 19 * 19


def test_a_part_with_a_positive_click_loses_a_disc_only(dumbbell):
    mask, _, right = dumbbell
    found = apply_negative_clicks(mask, [PointPrompt(30, 30, False), PointPrompt(30, 85, True)])
    assert found[right].all()
    assert not found[30, 30]


def test_clicks_outside_and_positive_ones_take_nothing(dumbbell):
    mask, _, _ = dumbbell
    assert np.array_equal(apply_negative_clicks(mask, [PointPrompt(0, 0, False), PointPrompt(30, 30, True)]), mask)
    assert np.array_equal(apply_negative_clicks(mask, []), mask)


def test_a_part_as_on_an_accepted_frame_is_hollow_where_it_is_clicked(dumbbell):
    mask, _, right = dumbbell
    similar, smaller = np.roll(mask, 1, axis=0), right
    found = apply_negative_clicks(mask, [PointPrompt(30, 30, False)], [smaller, similar])
    assert not found[30, 22:38].any()
    assert found[30, 12:18].all()
    assert found[right].all()
    assert not apply_negative_clicks(mask, [PointPrompt(30, 30, False)], [smaller]).any()
