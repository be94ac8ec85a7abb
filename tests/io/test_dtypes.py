"""Values in the smallest type that holds them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.io.dtypes import compacted, fits, native, rescaled, smallest, stacked


def test_whole_rescales_keep_integers_and_others_make_floats():
    stored = np.array([0, 1024], np.uint16)
    assert rescaled(stored, 1, 0) is stored
    assert rescaled(stored, 2, -1024).tolist() == [-1024, 1024]
    assert rescaled(stored, 2, -1024).dtype == np.int32
    assert rescaled(stored, 0.5, 0).dtype == np.float32


def test_integers_that_would_overflow_become_floats():
    values = rescaled(np.array([2**15], np.uint16), 2**15 + 1, 2**30)
    assert values.dtype == np.float32
    assert values[0] == pytest.approx(2**15 * (2**15 + 1) + 2**30)


def test_other_byte_orders_are_turned():
    big = np.array([1, 2], ">i2")
    assert native(big).dtype.isnative
    assert native(big).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-1, 5, np.int16), (0, 40_000, np.uint16), (-1, 40_000, np.int32), (0, 2**40, np.float64)],
)
def test_the_smallest_type_holds_both_ends(low, high, expected):
    assert smallest(low, high, np.dtype(np.float64)) == expected


def test_planes_of_different_types_share_one_that_holds_all():
    planes = [np.array([[-5]], np.int16), np.array([[40_000]], np.uint16)]
    assert stacked(planes).dtype == np.int32
    assert stacked(planes).ravel().tolist() == [-5, 40_000]
    assert stacked(planes[:1], np.dtype(np.float32)).dtype == np.float32, "floats hold every integer of a plane"
    assert stacked([np.array([[3]], np.int32)], np.dtype(np.uint8)).dtype == np.uint8
    assert not fits(np.array([256]), np.dtype(np.uint8))
    assert not fits(np.array([0.5]), np.dtype(np.uint8))


def test_wide_integers_are_made_narrow():
    assert compacted(np.array([0, 40_000], np.int32)).dtype == np.uint16
    assert compacted(np.array([0, 70_000], np.int32)).dtype == np.int32
    assert compacted(np.array([0.5])).dtype == np.float64
