"""A range of values as the limit of a mask."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity_range import OUTSIDE_LOGIT, IntensityRange, frame_values, range_inside
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import PromptError, VolumeError

VALUES = np.array([[-1000, -50, 0], [199, 200, 201]], np.int16)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-50, 200, [[0, 1, 1], [1, 1, 0]]),
        (-50, None, [[0, 1, 1], [1, 1, 1]]),
        (None, 200, [[1, 1, 1], [1, 1, 0]]),
        (0, 0, [[0, 0, 1], [0, 0, 0]]),
        (None, None, [[1, 1, 1], [1, 1, 1]]),
    ],
)
def test_both_ends_are_inside(low, high, expected):
    limit = IntensityRange(low, high)
    assert np.array_equal(limit.limit(np.ones((2, 3), bool), VALUES), np.array(expected, bool))
    assert limit.is_off == (low is None and high is None)
    assert not limit.limit(np.zeros((2, 3), bool), VALUES).any()


def test_logits_outside_are_background_and_the_others_stay():
    logits = np.array([[3, 4, -20], [-1, 2, -30]], np.float32)
    limited = IntensityRange(-50, 200).limit(logits, VALUES)
    assert limited.dtype == np.float32
    assert limited.tolist() == [[OUTSIDE_LOGIT, 4, -20], [-1, 2, -30]]
    assert logits[0, 0] == 3


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i2", "u2", "i8", "f4", "f8", "?"])
def test_values_of_any_type(dtype):
    values = np.array([[0, 1], [1, 0]]).astype(dtype)
    assert IntensityRange(-5, 0.5).contains(values).tolist() == [[True, False], [False, True]]
    assert IntensityRange(0.5, 1e30).contains(values).tolist() == [[False, True], [True, False]]


def test_what_is_no_number_lies_in_no_range():
    values = np.array([[np.nan, np.inf, -np.inf, 5.0]])
    assert IntensityRange(0, 10).contains(values).tolist() == [[False, False, False, True]]
    assert IntensityRange(0).contains(values).tolist() == [[False, True, False, True]]
    assert IntensityRange().contains(values).all()


def test_it_is_of_the_volumes_values_and_the_first_channel():
    volume = ImageVolume(np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5), axes="zcyx", window=(0, 1))
    assert np.array_equal(frame_values(volume, FrameGrid.of(volume, "z", channel=(2, 0)), 1), volume.array[1, 2])
    assert np.array_equal(frame_values(volume, FrameGrid.of(volume, "z", channel=1), 1), volume.array[1, 1])


def test_the_range_of_a_prompted_slice_holds_the_object_and_not_its_neighbour():
    rng = np.random.default_rng(0)
    values = rng.normal(-90, 20, (100, 100))
    values[20:80, 20:80] = rng.normal(60, 15, (60, 60))
    mask = np.zeros((100, 100), bool)
    # The border runs over into the fat around it by 5 % of the mask.
    mask[20:83, 20:80] = True
    found = range_inside(mask, values)
    assert found.low == pytest.approx(60 - 2.7 * 15, abs=5)
    assert found.high == pytest.approx(60 + 2.7 * 15, abs=5)
    limited = found.limit(mask, values)
    assert limited[20:80, 20:80].mean() > 0.98
    assert not limited[80:].any()


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=60), st.integers(-5000, 5000))
def test_the_range_moves_with_the_values(numbers, offset):
    values = np.array([numbers], float)
    mask = np.ones(values.shape, bool)
    found, moved = range_inside(mask, values), range_inside(mask, values + offset)
    assert (moved.low - offset, moved.high - offset) == pytest.approx((found.low, found.high), abs=1e-6)
    assert found.low <= np.median(values) <= found.high


def test_few_other_values_in_a_uniform_object_stay():
    values = np.full((1, 100), 50, np.uint8)
    values[0, :8] = 40
    assert range_inside(np.ones((1, 100), bool), values) == IntensityRange(40, 50)


def test_a_constant_object_has_a_range_of_one_value():
    assert range_inside(np.ones((2, 2), bool), np.full((2, 2), 7, np.uint8)) == IntensityRange(7, 7)


def test_a_range_of_nothing_is_an_error():
    for mask, values in ((np.zeros((2, 2), bool), np.ones((2, 2))), (np.ones((2, 2), bool), np.full((2, 2), np.nan))):
        with pytest.raises(PromptError, match="holds no voxel with a value"):
            range_inside(mask, values)
    with pytest.raises(VolumeError, match=r"shape \(2, 2\)"):
        range_inside(np.ones((2, 2), bool), np.ones((2, 3)))
    with pytest.raises(VolumeError, match=r"shape \(2, 2\)"):
        IntensityRange(0, 1).limit(np.ones((2, 2), bool), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (5, 4, "from 5 to 4 is empty"),
        (np.nan, 1, "low=nan must be a finite number"),
        (0, np.inf, "high=inf must be a finite number"),
        ("0", 1, "low='0' must be"),
        (True, 1, "low=True must be"),
    ],
)
def test_bad_ranges(low, high, text):
    with pytest.raises(VolumeError, match=text):
        IntensityRange(low, high)


@pytest.mark.parametrize("limit", [IntensityRange(), IntensityRange(np.float32(-50), 200), IntensityRange(None, 3)])
def test_it_comes_back_from_json(limit):
    assert IntensityRange.from_list(json.loads(json.dumps(limit.to_list()))) == limit
