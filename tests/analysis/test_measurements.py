"""measure_objects: physical units, axes and intensities."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.analysis.measurements import measure_objects
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError
from support.bodies import GRIDS, affine_of, grid


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
    assert row["feret_diameter_mm"] == pytest.approx((np.hypot(2, 1) + np.hypot(4, 1)) / 2 * 0.5)
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


@pytest.mark.parametrize("hu", [True, False])
def test_statistics_of_the_intensity_name_their_unit(hu) -> None:
    image = np.random.default_rng(1).normal(50, 200, (4, 6, 7)).astype(np.float32)
    image[1, 1, 1] = np.nan
    labels = _block(image.shape, np.s_[1:3, 1:5, 1:6])
    table = measure_objects(labels, ImageVolume(image, units="mm", is_hu=hu))
    row = table.iloc[0]
    own = image[(labels == 1) & np.isfinite(image)].astype(float)
    assert row["mean_intensity"] == pytest.approx(own.sum() / own.size)
    assert row["sd_intensity"] == pytest.approx(np.sqrt(((own - own.mean()) ** 2).sum() / own.size))
    assert row["median_intensity"] == np.median(own)
    for q in (5, 25, 75, 95):
        # 39 values: the q-th percentile stands 38 q / 100 places from the lowest.
        low, part = divmod((own.size - 1) * q / 100, 1)
        ordered = np.sort(own)
        expected = ordered[int(low)] + part * (ordered[int(low) + 1] - ordered[int(low)])
        assert row[f"p{q:02d}_intensity"] == pytest.approx(expected)
    units = table.attrs.get("units", {})
    assert units == ({c: "HU" for c in table.columns if "_intensity" in c} if hu else {})


def test_without_intensity_the_image_is_not_read() -> None:
    class Unreadable:
        shape, dtype = (2, 3, 4), np.dtype(np.int16)

        def __getitem__(self, index):
            raise AssertionError("read")

    table = measure_objects(np.ones((2, 3, 4), np.uint8), ImageVolume(Unreadable(), units="mm"), intensity=False)
    assert table["voxels"].tolist() == [24]
    assert not [name for name in table.columns if "intensity" in name]


@pytest.mark.parametrize("kind", GRIDS)
def test_box_and_centre_of_mass_in_voxels_and_in_the_patient(kind) -> None:
    affine = affine_of(grid(kind), origin=(-120.0, 35.0, 700.0))
    volume = ImageVolume(np.zeros((6, 7, 8)), units="mm", affine=affine)
    labels = np.zeros((6, 7, 8), np.uint16)
    labels[1:4, 2:4, 5:8] = 3
    labels[3, 3, 7] = 0
    place = np.argwhere(labels == 3)
    row = measure_objects(labels, volume).iloc[0]
    assert [(row[f"{a}_start"], row[f"{a}_stop"]) for a in "zyx"] == [(1, 4), (2, 4), (5, 8)]
    assert [row[f"centroid_{a}"] for a in "zyx"] == pytest.approx(place.mean(axis=0).tolist())
    in_patient = (np.c_[place, np.ones(len(place))] @ affine.T).mean(axis=0)
    assert [row[f"centroid_lps_{a}_mm"] for a in "xyz"] == pytest.approx(in_patient[:3].tolist())


def test_array_axes_in_another_order_give_the_same_lengths() -> None:
    labels = _block((5, 6, 7), np.s_[1:4, 2:4, 1:7])
    rows = [
        measure_objects(labels.transpose(order), ImageVolume(np.zeros(np.take((5, 6, 7), order)), axes, spacing, "um"))
        for order, axes, spacing in [((0, 1, 2), "zyx", (3.0, 0.5, 0.4)), ((2, 0, 1), "xzy", (0.4, 3.0, 0.5))]
    ]
    for name in ("volume_um3", "surface_um2", "feret_diameter_um", "centroid_lps_x_um", "centroid_lps_z_um"):
        assert rows[0][name].tolist() == pytest.approx(rows[1][name].tolist())
    assert rows[0]["centroid_lps_x_um"].tolist() == pytest.approx([3.5 * 0.4])


def test_a_stack_of_masks_may_overlap() -> None:
    image = np.arange(3 * 4 * 5.0).reshape(3, 4, 5)
    masks = np.zeros((2, 3, 4, 5), bool)
    masks[0, :2, :2], masks[1, 1:, 1:] = True, True
    table = measure_objects(masks, ImageVolume(image), {8: "tumour"}, objects=[8, 2])
    assert table["object"].tolist() == [8, 2]
    assert table["name"].tolist() == ["tumour", ""]
    for mask, (_, row) in zip(masks, table.iterrows(), strict=True):
        alone = measure_objects(mask.astype(np.uint8), ImageVolume(image)).iloc[0]
        assert row.drop(["object", "name"]).tolist() == alone.drop(["object", "name"]).tolist()
    assert measure_objects(masks, ImageVolume(image))["object"].tolist() == [1, 2]
    with pytest.raises(VolumeError, match="objects= names 1"):
        measure_objects(masks, ImageVolume(image), objects=[1])


def test_only_the_chosen_objects_are_measured() -> None:
    volume = ImageVolume(np.random.default_rng(0).random((4, 5, 6)), units="mm")
    labels = np.random.default_rng(1).integers(0, 4, (4, 5, 6))
    whole = measure_objects(labels, volume)
    for chosen in ([2], [3, 1]):
        part = measure_objects(labels, volume, objects=chosen)
        expected = whole[whole["object"].isin(chosen)].reset_index(drop=True)
        assert part.equals(expected)
    absent = measure_objects(labels, volume, objects=[9]).iloc[0]
    assert (absent["voxels"], absent["volume_ml"], absent["surface_mm2"]) == (0, 0.0, 0.0)
    assert np.isnan(absent["mean_intensity"])
    assert np.isnan(absent["centroid_lps_x_mm"])
    for wrong in ([1, 1], ["a"], 3):
        with pytest.raises(VolumeError, match=r"objects=|obj_id="):
            measure_objects(labels, volume, objects=wrong)


@pytest.mark.parametrize(("labels", "words"), [(np.zeros((2, 3)), "grid"), (np.zeros((2, 3, 4)), "whole numbers")])
def test_what_does_not_fit_is_refused(labels, words) -> None:
    with pytest.raises(VolumeError, match=words):
        measure_objects(labels, ImageVolume(np.zeros((2, 3, 4))))
