"""Matching by overlap, against trying out every assignment; and the layer of the differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_sam2.analysis.differences import label_differences
from napari_sam2.analysis.labelled_objects import LabelledObjects
from napari_sam2.analysis.matching import matched_pairs
from napari_sam2.analysis.metrics import compare_labels, iou
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError

VOLUME = ImageVolume(np.zeros((3, 8, 9)))


def best_by_trial(labels, truth):
    """The largest sum of IoU over all one-to-one assignments."""
    ours, true = ([i for i in np.unique(a) if i] for a in (labels, truth))
    table = np.array([[iou(labels == i, truth == k) for k in true] for i in ours])
    if len(ours) > len(true):
        table = table.T
    return max(
        sum(table[i, k] for i, k in enumerate(order))
        for order in itertools.permutations(range(table.shape[1]), table.shape[0])
    )


@pytest.mark.parametrize("seed", range(6))
def test_no_assignment_overlaps_more(seed) -> None:
    rng = np.random.default_rng(seed)
    # Numbers that are not those of the truth, and pieces that hang together.
    labels = np.array([0, 11, 12, 17, 30])[rng.integers(0, 5 - seed % 2, (3, 2, 3))].repeat(4, 1).repeat(3, 2)
    truth = np.roll(labels, seed % 3, axis=2) // 6 * (rng.random(labels.shape) < 0.7)
    ours, true = (LabelledObjects.of(a, VOLUME) for a in (labels, truth))
    pairs = matched_pairs(ours, true, "overlap")
    assert sorted(i for i, _ in pairs if i) == [*ours.ids]
    assert sorted(k for _, k in pairs if k) == [*true.ids]
    found = sum(iou(labels == i, truth == k) for i, k in pairs if i and k)
    assert found == pytest.approx(best_by_trial(labels, truth))
    assert all(((labels == i) & (truth == k)).any() for i, k in pairs if i and k)
    table = compare_labels(labels, truth, VOLUME, match="overlap")
    assert list(zip(table["object"], table["truth_object"], strict=True)) == pairs
    assert table["iou"].sum() == pytest.approx(found)


def test_greed_would_lose() -> None:
    labels, truth = np.zeros((1, 1, 30), int), np.zeros((1, 1, 30), int)
    labels[..., :10], labels[..., 10:20] = 1, 2
    # 8 shares most with 1, but is all that 2 has, while 1 also has 9.
    truth[..., 4:12], truth[..., :4] = 8, 9
    volume = ImageVolume(np.zeros((1, 1, 30)))
    table = compare_labels(labels, truth, volume, match="overlap")
    assert table[["object", "truth_object"]].to_numpy().tolist() == [[1, 9], [2, 8]]
    assert table["iou"].sum() == pytest.approx(0.4 + 2 / 16)


def test_objects_without_a_partner_have_none() -> None:
    labels, truth = np.zeros((2, 3, 8, 9), np.uint16)
    labels[0, :3], labels[2, :3] = 5, 3
    truth[0, 1:3], truth[1] = 9, 2
    table = compare_labels(labels, truth, VOLUME, match="overlap")
    assert table[["object", "truth_object"]].to_numpy().tolist() == [[3, 0], [5, 9], [0, 2]]
    assert table["dice"].tolist() == pytest.approx([0.0, 0.8, 0.0])
    assert table["voxels"].tolist() == [27, 27, 0]
    assert table["truth_voxels"].tolist() == [0, 18, 72]


def test_stacks_are_matched_too() -> None:
    masks = np.zeros((2, 3, 8, 9), bool)
    masks[0, :, :6], masks[1, :, 2:] = True, True
    truth = np.zeros((3, 8, 9), np.uint8)
    truth[:, 3:] = 4
    table = compare_labels(masks, truth, VOLUME, match="overlap")
    assert table[["object", "truth_object"]].to_numpy().tolist() == [[1, 0], [2, 4]]


def test_differences_of_all_objects_and_of_one() -> None:
    labels, truth = np.zeros((2, 3, 8, 9), np.uint8)
    labels[0, 0, :6] = [1, 1, 1, 2, 2, 2]
    truth[0, 0, 1:8] = [1, 1, 1, 2, 2, 2, 1]
    whole = label_differences(labels, truth, VOLUME)
    assert (whole.dtype, whole.shape) == (np.uint8, labels.shape)
    assert whole[0, 0].tolist() == [2, 1, 1, 4, 1, 1, 3, 3, 0]
    assert whole[1:].max() == 0
    assert label_differences(labels, truth, VOLUME, 1)[0, 0].tolist() == [2, 1, 1, 3, 0, 0, 0, 3, 0]
    assert label_differences(labels, truth, VOLUME, 2)[0, 0].tolist() == [0, 0, 0, 2, 1, 1, 3, 0, 0]
    for obj_id in (1, 2):
        values = np.bincount(label_differences(labels, truth, VOLUME, obj_id).ravel(), minlength=4)
        row = compare_labels(labels, truth, VOLUME).set_index("object").loc[obj_id]
        assert 2 * values[1] / (2 * values[1] + values[2] + values[3]) == pytest.approx(row["dice"])


def test_differences_after_matching_by_overlap() -> None:
    labels, truth = np.zeros((2, 3, 8, 9), np.uint8)
    labels[0], labels[2] = 1, 2
    truth[0, 1:] = 6
    whole = label_differences(labels, truth, VOLUME, match="overlap")
    assert np.bincount(whole.ravel()).tolist() == [72, 63, 9 + 72]
    assert np.bincount(label_differences(labels, truth, VOLUME, 2, match="overlap").ravel()).tolist() == [144, 0, 72]
    with pytest.raises(VolumeError, match="no object 3"):
        label_differences(labels, truth, VOLUME, 3)
