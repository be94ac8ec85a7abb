"""measure_frames: area curves of volumes, growth and motion of cells."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.analysis.frame_measurements import measure_frames
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError
from support.bodies import affine_of, grid


def test_the_area_curve_of_a_ball_follows_its_formula() -> None:
    volume = ImageVolume(np.zeros((21, 61, 61)), spacing=(2.0, 0.5, 0.5), units="mm")
    z, y, x = (np.arange(n) - n // 2 for n in volume.shape)
    labels = ((2.0 * z[:, None, None]) ** 2 + (0.5 * y[:, None]) ** 2 + (0.5 * x) ** 2 <= 14.0**2).astype(np.uint8)
    table = measure_frames(labels, volume)
    assert table["frame"].tolist() == list(range(3, 18))
    inside = table.iloc[1:-1]  # the caps are a few pixels
    height = 2.0 * (inside["frame"] - 10)
    assert inside["area_mm2"].to_numpy() == pytest.approx((np.pi * (14.0**2 - height**2)).to_numpy(), rel=0.02)


def test_area_and_centroid_along_another_axis_and_on_sheared_pixels() -> None:
    volume = ImageVolume(np.zeros((4, 5, 6)), units="mm", affine=affine_of(grid("sheared")))
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1:3, 2:4, 3] = labels[1, 2, 4] = 5
    table = measure_frames(labels, volume, frame_axis="x", intensity=False)
    assert table["frame"].tolist() == [3, 4]
    # The slice step slides along y, so the pixels of a sagittal plane are parallelograms of 2.5 mm x 1 mm.
    assert table["area_mm2"].tolist() == pytest.approx([4 * 2.5, 2.5])
    assert table["centroid_z"].tolist() == [1.5, 1.0]
    assert "centroid_x" not in table
    assert "speed_mm_per_frame" not in table


@pytest.fixture
def film():
    """Object 1 moves, pauses unseen in frame 2, and divides after frame 3 into 4 and 7."""
    image = np.random.default_rng(2).random((6, 20, 30)).astype(np.float32)
    labels = np.zeros(image.shape, np.uint16)
    for frame, (y, x), obj_id in [(0, (2, 3), 1), (1, (5, 7), 1), (3, (5, 15), 1)]:
        labels[frame, y : y + 2, x : x + 2] = obj_id
    for frame in (4, 5):
        labels[frame, 5:7, 18 + frame] = 4
        labels[frame, 8:10, 15:17] = 7
    return labels, image


def test_cells_move_and_divide(film) -> None:
    labels, image = film
    volume = ImageVolume(image, axes="tyx", spacing=(60.0, 0.5, 0.25), units="um")
    table = measure_frames(labels, volume, {4: "left"}, lineage={4: 1, 7: 1})
    assert list(zip(table["object"], table["frame"], strict=True)) == [
        (1, 0), (1, 1), (1, 3), (4, 4), (4, 5), (7, 4), (7, 5),
    ]  # fmt: skip
    assert table["area_um2"].tolist() == pytest.approx([0.5, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5])
    assert table["time_s"].tolist() == [0.0, 60.0, 180.0, 240.0, 300.0, 240.0, 300.0]
    steps = [np.nan, np.hypot(1.5, 1.0), 2.0, 6.5 * 0.25, 0.25, 1.5, 0.0]
    assert table["displacement_um"].tolist() == pytest.approx(steps, nan_ok=True)
    speed = np.array(steps) / [60, 60, 120, 60, 60, 60, 60]
    assert table["speed_um_per_s"].tolist() == pytest.approx(speed.tolist(), nan_ok=True)
    assert table["parent"].isna().tolist() == [True] * 3 + [False] * 4
    assert table["parent"].dropna().tolist() == [1] * 4
    assert table["name"].tolist() == ["", "", "", "left", "left", "", ""]
    means = [image[f][labels[f] == i].mean() for i, f in zip(table["object"], table["frame"], strict=True)]
    assert table["mean_intensity"].tolist() == pytest.approx(means)


def test_without_lineage_or_interval(film) -> None:
    labels, image = film
    table = measure_frames(labels, ImageVolume(image, axes="tyx", spacing=(0.5, 0.25), units="um"))
    own = table[table["object"] == 4]
    assert own["displacement_um"].tolist() == pytest.approx([np.nan, 0.25], nan_ok=True)
    assert table["parent"].isna().all()
    assert "time_s" not in table
    assert table["speed_um_per_frame"][2] == pytest.approx(1.0)


def test_three_dimensional_frames_and_stacks() -> None:
    image = np.zeros((3, 4, 5, 6), np.float32)
    masks = np.zeros((2, 4, 3, 5, 6), bool)
    masks[0, 1:3, :, 2:4, 2] = True
    masks[1, :, 1, :, :] = True
    volume = ImageVolume(np.moveaxis(image, 0, 1), axes="ztyx", spacing=(5.0, 2.0, 2.0), units="mm")
    table = measure_frames(masks, volume, objects=[6, 2])
    assert table[["object", "frame"]].to_numpy().tolist() == [[6, 0], [6, 1], [6, 2], [2, 1]]
    assert table["volume_ml"].tolist() == pytest.approx([4 * 0.02] * 3 + [120 * 0.02])
    assert table["displacement_mm"].tolist() == pytest.approx([np.nan, 0, 0, np.nan], nan_ok=True)


def test_nothing_labelled_gives_an_empty_table() -> None:
    for axes in ("tyx", "zyx"):
        table = measure_frames(np.zeros((2, 3, 4), np.uint8), ImageVolume(np.zeros((2, 3, 4)), axes=axes))
        assert len(table) == 0
        assert {"object", "frame"} <= set(table.columns)


@pytest.mark.parametrize(
    ("axes", "how", "words"),
    [
        ("tyx", {"frame_axis": "y"}, "time points"),
        ("zyx", {"frame_axis": "q"}, "no axis"),
        ("yx", {"frame_axis": "y"}, "2-D"),
        ("tyx", {"lineage": [(1, 2)]}, "lineage="),
        ("tyx", {"lineage": {1: "two"}}, "lineage="),
    ],
)
def test_what_makes_no_sense_is_refused(axes, how, words) -> None:
    shape = (2, 3, 4)[-len(axes) :]
    with pytest.raises(VolumeError, match=words):
        measure_frames(np.ones(shape, np.uint8), ImageVolume(np.zeros(shape), axes=axes), **how)
