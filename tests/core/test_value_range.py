"""The range of the contrast slider has room on both sides of the window."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import default_window, value_range
from napari_sam2.core.volume import ImageVolume


def spread(low, high, dtype, shape=(5, 20, 30)):
    values = np.linspace(low, high, int(np.prod(shape)))
    return values.reshape(shape).astype(dtype)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (spread(3, 200, np.uint8), (0, 255)),
        (spread(-100, 100, np.int8), (-128, 127)),
        (spread(100, 4000, np.uint16), (100, 4000)),
        (spread(-1000, 3000, np.int16), (-1000, 3000)),
        (spread(-1e300, 1e300, np.float64), (-1e300, 1e300)),
        (spread(0, 1e-11, np.float32), (0, pytest.approx(1e-11))),
        (spread(0, 1, bool), (0, 1)),
        (np.full((3, 4, 5), 7.0), (7, 8)),
        (np.full((3, 4, 5), np.nan), (0, 1)),
        (spread(1, 9, np.float32, (12, 13)), (1, 9)),
    ],
)
def test_the_range_is_that_of_the_values(data, expected):
    volume = ImageVolume(data, axes="zyx"[-data.ndim :])
    assert value_range(volume) == expected


def test_values_that_are_not_finite_have_no_part_in_the_range():
    data = spread(1, 9, np.float32)
    data[0, 0, :3] = np.nan, np.inf, -np.inf
    assert value_range(ImageVolume(data)) == (pytest.approx(1, abs=0.1), 9)


def test_the_range_holds_the_window():
    assert value_range(ImageVolume(spread(0, 10, np.int16)), (-160, 240)) == (-160, 240)


@pytest.mark.parametrize("level", [1e300, -1e17, 0.0, 5.0])
def test_a_constant_of_any_size_has_a_window_and_a_range(level):
    volume = ImageVolume(np.full((3, 4, 5), level))
    low, high = default_window(volume, FrameGrid.of(volume))
    assert low == level < high
    assert np.diff(value_range(volume))[0] > 0


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [(np.uint16, 0, 3500), (np.int16, -500, 3500), (np.float32, -500, 3500)]
)
def test_of_lazy_values_some_are_read_and_more_is_allowed(dtype, low, high):
    data = da.from_array(spread(500, 2500, dtype), chunks=(1, 20, 30))
    assert value_range(ImageVolume(data)) == (low, high)
