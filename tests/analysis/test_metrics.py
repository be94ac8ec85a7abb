"""Dice, IoU and surface distances, against values worked out by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from napari_sam2.analysis.metrics import compare_labels, dice, iou
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError


def test_overlap_of_masks() -> None:
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert dice(a, b) == iou(a, b) == 1.0
    a[:2] = True
    assert dice(a, b) == iou(a, b) == 0.0
    b[1:3] = True
    assert dice(a, b) == pytest.approx(0.5)
    assert iou(a, b) == pytest.approx(1 / 3)
    with pytest.raises(VolumeError, match="one shape"):
        dice(a, b[:2])


def test_a_shift_is_its_own_distance_in_millimetres() -> None:
    volume = ImageVolume(np.zeros((8, 12, 12)), spacing=(4.0, 0.5, 0.5), units="mm")
    a, b = np.zeros(volume.shape, np.uint16), np.zeros(volume.shape, np.uint16)
    a[3, 2, 2] = 1
    b[5, 2, 8] = 1
    row = compare_labels(a, b, volume).iloc[0]
    assert row["hd95_mm"] == row["assd_mm"] == pytest.approx(np.hypot(8.0, 3.0))
    assert row["dice"] == row["iou"] == 0.0


def test_distances_agree_with_brute_force() -> None:
    rng = np.random.default_rng(3)
    spacing = np.array([3.0, 0.8, 1.2])
    volume = ImageVolume(np.zeros((7, 9, 8)), spacing=tuple(spacing), units="mm")
    z, y, x = np.ogrid[:7, :9, :8]
    a = (z - 3) ** 2 + (y - 4) ** 2 + (x - 4) ** 2 < 8
    b = ((z - 3) ** 2 + (y - 5) ** 2 + (x - 3) ** 2 < 7) | (rng.random(volume.shape) > 0.98)
    points = [np.argwhere(m & ~binary_erosion(m)) * spacing for m in (a, b)]
    between = np.linalg.norm(points[0][:, None] - points[1][None], axis=-1)
    forth, back = between.min(axis=1), between.min(axis=0)
    row = compare_labels(a.astype(np.uint8), b.astype(np.uint8), volume).iloc[0]
    assert row["hd95_mm"] == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)))
    assert row["assd_mm"] == pytest.approx(np.concatenate([forth, back]).mean())
    assert row["dice"] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_an_object_in_one_image_only_has_no_distance() -> None:
    volume = ImageVolume(np.zeros((2, 4, 4)), units="um")
    a, b = np.zeros((2, 4, 4), np.uint8), np.zeros((2, 4, 4), np.uint8)
    a[0, 0, 0], b[1, 1, 1] = 2, 5
    table = compare_labels(a, b, volume)
    assert table["object"].tolist() == [2, 5]
    assert table["dice"].tolist() == [0.0, 0.0]
    assert table["hd95_um"].isna().all()
    assert table["voxels"].tolist() == [1, 0]
    assert table["truth_voxels"].tolist() == [0, 1]


def test_distances_never_cross_time() -> None:
    volume = ImageVolume(np.zeros((3, 8, 8)), axes="tyx")
    a, b = np.zeros((3, 8, 8), np.uint8), np.zeros((3, 8, 8), np.uint8)
    a[0, 1, 1] = a[1, 1, 1] = 1
    b[1, 1, 4] = b[2, 1, 1] = 1
    row = compare_labels(a, b, volume).iloc[0]
    assert row["hd95"] == row["assd"] == 3.0


def test_labels_off_the_grid_are_refused() -> None:
    volume = ImageVolume(np.zeros((2, 4, 4)))
    with pytest.raises(VolumeError, match="true labels"):
        compare_labels(np.zeros((2, 4, 4), np.uint8), np.zeros((2, 4, 5), np.uint8), volume)
