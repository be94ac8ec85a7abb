"""measure_objects: physical units, axes and intensities."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.analysis.measurements import measure_objects
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError


def _block(shape, index, value=1):
    labels = np.zeros(shape, np.uint16)
    labels[index] = value
    return labels


def test_volume_extent_and_centroid_in_millimetres() -> None:
    image = np.arange(4 * 6 * 8, dtype=np.int16).reshape(4, 6, 8)
    volume = ImageVolume(image, spacing=(5.0, 2.0, 1.0), units="mm")
    labels = _block(image.shape, np.s_[1:3, 2:4, 3:7], 7)
    row = measure_objects(labels, volume, {7: "liver"}).iloc[0]
    assert (row["object"], row["name"], row["voxels"], row["frames"]) == (7, "liver", 16, 2)
    assert row["volume_ml"] == pytest.approx(16 * 10 / 1000)
    assert [row[f"extent_{a}_mm"] for a in "zyx"] == [10.0, 4.0, 4.0]
    assert [row[f"centroid_{a}"] for a in "zyx"] == [1.5, 2.5, 4.5]
    assert row["mean_intensity"] == pytest.approx(image[labels == 7].mean())


def test_objects_are_ascending_and_frames_follow_the_coarsest_axis() -> None:
    volume = ImageVolume(np.zeros((4, 5, 6)), spacing=(1.0, 3.0, 1.0), units="mm")
    labels = _block((4, 5, 6), np.s_[:, 1:4, 0], 9) + _block((4, 5, 6), np.s_[0, 0, 5], 2)
    table = measure_objects(labels, volume)
    assert table["object"].tolist() == [2, 9]
    assert table["frames"].tolist() == [1, 3]


def test_nothing_labelled_gives_an_empty_table_with_all_columns() -> None:
    table = measure_objects(np.zeros((2, 3, 4), np.uint8), ImageVolume(np.zeros((2, 3, 4)), units="mm"))
    assert len(table) == 0
    assert {"object", "volume_ml", "extent_z_mm", "mean_intensity"} <= set(table.columns)


@pytest.mark.parametrize(
    ("units", "axes", "spacing", "column", "expected"),
    [
        ("micrometer", "zyx", (2.0, 0.5, 0.5), "volume_um3", 4.0),
        ("nm", "zyx", (2000.0, 500.0, 500.0), "volume_um3", 4.0),
        ("cm", "zyx", (1.0, 1.0, 1.0), "volume_ml", 8.0),
        (None, "zyx", (1.0, 1.0, 1.0), "volume", 8.0),
        ("mm", "yx", (0.5, 0.5), "area_mm2", 1.0),
        ("um", "yx", (0.5, 0.5), "area_um2", 1.0),
    ],
)
def test_columns_follow_the_unit(units, axes, spacing, column, expected) -> None:
    shape = (4,) * len(axes)
    volume = ImageVolume(np.zeros(shape), axes=axes, spacing=spacing, units=units)
    labels = _block(shape, (slice(0, 2),) * len(axes))
    assert measure_objects(labels, volume)[column].tolist() == pytest.approx([expected])


def test_time_series_report_the_mean_over_the_times_at_which_the_object_is_there() -> None:
    volume = ImageVolume(np.zeros((5, 4, 4)), axes="tyx", spacing=(0.5, 0.5), units="mm")
    labels = np.zeros((5, 4, 4), np.uint16)
    labels[1, :2, :2] = labels[3, :, :2] = 1
    row = measure_objects(labels, volume).iloc[0]
    assert (row["voxels"], row["frames"]) == (12, 2)
    assert row["area_mm2"] == pytest.approx(6 * 0.25)
    assert row["centroid_t"] == pytest.approx((4 * 1 + 8 * 3) / 12)


def test_channels_and_non_finite_values() -> None:
    image = np.ones((3, 2, 4, 4), np.float32)
    image[:, 1] = 5
    image[0, 0, 0, 0], image[0, 0, 0, 1] = np.nan, np.inf
    row = measure_objects(_block((3, 4, 4), np.s_[:, :2, :2]), ImageVolume(image, axes="zcyx")).iloc[0]
    assert (row["mean_intensity_0"], row["mean_intensity_1"]) == (1.0, 5.0)


def test_channels_last() -> None:
    image = np.stack([np.full((4, 5), c) for c in range(3)], axis=-1)
    row = measure_objects(_block((4, 5), np.s_[1, 2]), ImageVolume(image, axes="yxc")).iloc[0]
    assert [row[f"mean_intensity_{c}"] for c in range(3)] == [0, 1, 2]


def test_sheared_voxels_are_smaller_than_their_sides() -> None:
    affine = np.zeros((4, 4))
    affine[:3, 0], affine[1, 1], affine[0, 2], affine[3, 3] = (0, 1, 3), 1, 1, 1
    volume = ImageVolume(np.zeros((2, 3, 4)), units="mm", affine=affine)
    table = measure_objects(np.ones((2, 3, 4), np.uint8), volume)
    assert table["volume_ml"].tolist() == pytest.approx([24 * 3 / 1000])


@pytest.mark.parametrize(("labels", "words"), [(np.zeros((2, 3)), "grid"), (np.zeros((2, 3, 4)), "whole numbers")])
def test_what_does_not_fit_is_refused(labels, words) -> None:
    with pytest.raises(VolumeError, match=words):
        measure_objects(labels, ImageVolume(np.zeros((2, 3, 4))))
