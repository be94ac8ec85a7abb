"""Volumes with other pixels and slices."""

from __future__ import annotations

import numpy as np
import pytest

from training.resample import resample


def test_coarser_volumes_are_averaged_and_keep_their_place() -> None:
    label = np.zeros((12, 24, 24), np.uint8)
    label[4:8, 6:18, 6:18] = 1
    image = label.astype(np.int16) * 900
    coarse, labels = resample(image, label, (6, 8, 8))
    assert (coarse.dtype, labels.dtype) == (np.int16, np.uint8)
    expected = np.zeros((6, 8, 8), np.uint8)
    expected[2:4, 2:6, 2:6] = 1
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(coarse, expected.astype(np.int16) * 900)
    offset = np.roll(image, 2, axis=0)
    assert resample(offset, label, (3, 8, 8))[0].max() == 450  # of two slices each the object fills a half


def test_finer_volumes_are_interpolated() -> None:
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32) * 10, (4, 8, 8))
    label = (ramp >= 40).astype(np.uint8) * 7
    fine, labels = resample(ramp, label, (4, 8, 12))
    assert fine[0, 0, 1:-1] == pytest.approx((np.arange(1, 11) + 0.5) * 80 / 12 - 5)
    np.testing.assert_array_equal(labels[0, 0], [0] * 6 + [7] * 6)


def test_the_label_that_fills_most_of_a_voxel_wins_and_others_are_left_out() -> None:
    label = np.zeros((4, 8, 8), np.uint8)
    label[:, :, :3], label[:, :, 3:8] = 1, 2
    _, labels = resample(label, label, (4, 4, 2))
    assert [set(labels[..., x].ravel()) for x in range(2)] == [{1}, {2}]
    assert set(np.unique(resample(label, label, (4, 4, 2), only=[2])[1])) == {0, 2}
