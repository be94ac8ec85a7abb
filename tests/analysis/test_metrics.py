"""Dice, IoU and surface distances, against values worked out by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from napari_sam2.analysis.metrics import compare_frames, compare_labels, dice, iou
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError
from support.bodies import affine_of, grid


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


def test_size_differences_have_a_sign_and_a_unit() -> None:
    volume = ImageVolume(np.zeros((4, 5, 6)), units="mm", affine=affine_of(grid("sheared")))
    a, b = np.zeros((4, 5, 6), np.uint8), np.zeros((4, 5, 6), np.uint8)
    a[0, 0, :3], b[0, 0, :4] = 1, 1
    a[1, 1, 1], b[2, 2, 2] = 2, 3
    table = compare_labels(a, b, volume)
    assert table["volume_difference_ml"].tolist() == pytest.approx([-0.0025, 0.0025, -0.0025])
    assert table["volume_difference_percent"].tolist() == pytest.approx([-25.0, np.nan, -100.0], nan_ok=True)
    assert table["surface_dice"].tolist()[1:] == [0.0, 0.0]


def test_distances_on_a_sheared_grid_are_those_in_the_patient() -> None:
    steps = grid("sheared")
    volume = ImageVolume(np.zeros((5, 6, 7)), units="mm", affine=affine_of(steps))
    a, b = np.zeros(volume.shape, np.uint8), np.zeros(volume.shape, np.uint8)
    a[1, 4, 2] = b[3, 1, 3] = 1
    expected = np.linalg.norm(steps @ [2, -3, 1])
    assert expected != pytest.approx(np.hypot(np.hypot(5.32, 3), 1), abs=0.1)
    assert compare_labels(a, b, volume)["hd95_mm"].tolist() == pytest.approx([expected])


@pytest.mark.parametrize(
    ("units", "tolerance", "expected"),
    [("mm", None, 1.0), ("mm", 0.9, 0.5), ("um", None, 1.0), ("um", 0.0009, 0.5), ("um", 0.001, 1.0), (None, 1.0, 1.0)],
)
def test_the_tolerance_is_in_millimetres(units, tolerance, expected) -> None:
    volume = ImageVolume(np.zeros((12, 30, 30)), units=units)
    a, b = np.zeros(volume.shape, np.uint8), np.zeros(volume.shape, np.uint8)
    a[2], b[3] = 1, 1  # two plates face to face: one of the two faces of each lies on the other's
    found = compare_labels(a, b, volume, tolerance_mm=tolerance)["surface_dice"][0]
    assert found == pytest.approx(expected, abs=0.01)


def test_masks_that_overlap_are_compared_one_by_one() -> None:
    volume = ImageVolume(np.zeros((3, 6, 6)))
    masks = np.zeros((2, 3, 6, 6), bool)
    masks[0, :, :4], masks[1, :, 2:] = True, True
    truth = np.zeros((3, 6, 6), np.uint16)
    truth[:, 2:] = 7
    table = compare_labels(masks, truth, volume, objects=[5, 7])
    assert table[["object", "dice", "voxels"]].to_numpy().tolist() == [[5, 0, 72], [7, 1, 72]]
    assert compare_labels(masks, masks, volume)["dice"].tolist() == [1.0, 1.0]


def test_frames_are_compared_one_by_one() -> None:
    volume = ImageVolume(np.zeros((5, 9, 9)), spacing=(4.0, 0.5, 0.5), units="mm")
    a, b = np.zeros(volume.shape, np.uint8), np.zeros(volume.shape, np.uint8)
    a[1:3, 2:5, 2:5] = b[2:4, 2:5, 4:7] = 1
    a[4, 0, 0] = b[4, 0, 0] = 2
    table = compare_frames(a, b, volume)
    assert table[["object", "frame"]].to_numpy().tolist() == [[1, 1], [1, 2], [1, 3], [2, 4]]
    assert table["dice"].tolist() == pytest.approx([0, 1 / 3, 0, 1])
    assert table["hd95_mm"].tolist() == pytest.approx([np.nan, 1.0, np.nan, 0.0], nan_ok=True)
    assert table["area_difference_mm2"].tolist() == pytest.approx([9 / 4, 0, -9 / 4, 0])
    assert table["surface_dice"].tolist()[::2] == [0.0, 0.0]
    other = compare_frames(a, b, volume, frame_axis="x")
    assert other[other["object"] == 1]["frame"].tolist() == [2, 3, 4, 5, 6]


def test_frames_of_a_film_are_its_time_points() -> None:
    volume = ImageVolume(np.zeros((3, 2, 5, 5)), axes="ztyx")
    a, b = np.zeros(volume.shape, np.uint8), np.zeros(volume.shape, np.uint8)
    a[:, 0, :2] = b[:, 0, :2] = b[:, 1, :2] = 1
    table = compare_frames(a, b, volume)
    assert table[["frame", "dice", "volume_difference"]].to_numpy().tolist() == [[0, 1, 0], [1, 0, -30]]
    assert compare_labels(a, b, volume)["volume_difference"].tolist() == [-15.0]


def test_nothing_to_compare_gives_an_empty_table() -> None:
    volume, none = ImageVolume(np.zeros((2, 3, 4)), units="mm"), np.zeros((2, 3, 4), np.uint8)
    for table in (compare_labels(none, none, volume), compare_frames(none, none, volume)):
        assert len(table) == 0
        assert {"object", "truth_object", "dice", "surface_dice", "hd95_mm"} <= set(table.columns)


@pytest.mark.parametrize("how", [{"tolerance_mm": -1}, {"tolerance_mm": "1"}, {"match": "name"}])
def test_a_comparison_that_makes_no_sense_is_refused(how) -> None:
    volume, labels = ImageVolume(np.zeros((2, 3, 4))), np.ones((2, 3, 4), np.uint8)
    with pytest.raises(VolumeError, match=next(iter(how))):
        compare_labels(labels, labels, volume, **how)
