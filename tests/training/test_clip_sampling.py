"""Clips that are cut from volumes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sam2.engine.sam2.network.config import ZoomPolicy
from training.clip_sampling import ClipShape, SamplingBias, _choose_frames, sample_clips
from training.simulated_prompts import SimulatedPrompter
from training.synthetic import make_scene
from training.volumes import LabelledVolume

ZOOM = ZoomPolicy()


VIEWS = ["tight", "drifted", "wrong", "click"]


@pytest.fixture(scope="module")
def scenes() -> list[LabelledVolume]:
    return [make_scene(np.random.default_rng(seed), 6, 96, cell_share=seed % 2) for seed in range(6)]


@pytest.mark.parametrize("view", VIEWS)
def test_clips_show_the_object_on_their_first_frame(scenes: list[LabelledVolume], view: str) -> None:
    rng = np.random.default_rng(1)
    clips = sample_clips(
        lambda: scenes[int(rng.integers(6))], 6, ClipShape(4, 64, 2), view, ZOOM, rng, SamplingBias(end_share=0.5)
    )
    assert clips.images.shape == (6, 4, 64, 64)
    assert clips.images.dtype == torch.float32
    assert clips.masks.shape == (6, 2, 4, 64, 64)
    assert 0 <= float(clips.images.min()) <= float(clips.images.max()) <= 1
    assert clips.masks[:, 0, 0].flatten(1).any(1).all()


def test_tight_windows_have_the_size_of_use() -> None:
    """Side = 1.7 times the longer side: the object spans about 59 % of the window."""
    rng = np.random.default_rng(2)
    labels = np.zeros((1, 128, 128), np.uint8)
    labels[:, 40:70, 50:75] = 1
    volume = LabelledVolume(labels * np.float32(100), labels)
    clips = sample_clips(lambda: volume, 40, ClipShape(1, 96, 1), "tight", ZOOM, rng, SamplingBias())
    spans = []
    for mask in clips.masks[:, 0, 0]:
        rows, columns = torch.nonzero(mask.any(1)), torch.nonzero(mask.any(0))
        spans.append(max(float(rows[-1] - rows[0]), float(columns[-1] - columns[0])) / 96)
    assert 0.5 < float(np.median(spans)) < 0.7


def test_windows_of_clicks_are_centred_on_the_object(scenes: list[LabelledVolume]) -> None:
    rng = np.random.default_rng(3)
    clips = sample_clips(
        lambda: scenes[int(rng.integers(6))], 20, ClipShape(1, 96, 1), "click", ZOOM, rng, SamplingBias()
    )
    middle = clips.masks[:, 0, 0, 46:50, 46:50].flatten(1).any(1)
    assert middle.float().mean() > 0.9
    points, labels = SimulatedPrompter(rng, at_centre=True).first_prompt(clips.masks[:, 0, 0], "click")
    assert (labels == 1).all()
    assert (points[middle] - 47.5).abs().max() <= 48


def test_ends_are_oversampled() -> None:
    labels = np.zeros((12, 64, 64), np.uint8)
    labels[:6, 20:40, 20:40] = 1
    volume = LabelledVolume(labels * np.float32(100), labels)
    rng = np.random.default_rng(4)

    def gone(share: float) -> float:
        clips = sample_clips(lambda: volume, 30, ClipShape(4, 32, 1), "tight", ZOOM, rng, SamplingBias(end_share=share))
        return float((~clips.masks[:, 0, -1].flatten(1).any(1)).float().mean())

    assert gone(1.0) == 1.0
    assert gone(0.0) < 0.8


def test_objects_that_change_are_oversampled() -> None:
    """A cylinder with a cone at its end: clips of the cone are rare unless they are asked for."""
    labels = np.zeros((30, 64, 64), np.uint8)
    for frame, half in enumerate([16] * 24 + [14, 12, 9, 6, 4, 2]):
        labels[frame, 32 - half : 32 + half, 32 - half : 32 + half] = 1
    volume = LabelledVolume(labels * np.float32(100), labels)
    rng = np.random.default_rng(5)

    def change(share: float) -> float:
        clips = sample_clips(
            lambda: volume, 60, ClipShape(4, 32, 1), "tight", ZOOM, rng, SamplingBias(change_share=share)
        )
        first, last = (clips.masks[:, 0, f].flatten(1).sum(1).float() for f in (0, -1))
        return float((torch.minimum(first, last) / torch.maximum(first, last) < 0.7).float().mean())

    assert change(1.0) > 1.5 * change(0.0)


@pytest.mark.parametrize("frames", [2, 4])
def test_clips_are_turned_so_that_the_object_begins_large(frames: int) -> None:
    labels = np.zeros((12, 64, 64), np.uint8)
    for frame in range(12):
        labels[frame, 16 : 20 + 2 * frame, 16 : 20 + 2 * frame] = 1
    volume = LabelledVolume(labels * np.float32(100), labels)
    rng = np.random.default_rng(6)

    def grows(share: float) -> float:
        clips = sample_clips(
            lambda: volume, 40, ClipShape(frames, 64, 1), "drifted", ZOOM, rng, SamplingBias(outward_share=share)
        )
        first, last = (clips.masks[:, 0, f].flatten(1).sum(1) for f in (0, -1))
        return float((last > first).float().mean())

    assert grows(1.0) == 0
    assert 0.2 < grows(0.0) < 0.8


def test_small_objects_come_as_often_as_large_ones_where_the_recipe_says_so() -> None:
    labels = np.zeros((4, 96, 96), np.uint8)
    labels[:, 10:50, 10:50] = 1
    labels[:, 70:73, 70:73] = 2
    volume = LabelledVolume(labels * np.float32(100), labels)
    rng = np.random.default_rng(7)

    def small(exponent: float, least: int) -> float:
        bias = SamplingBias(small=exponent, least_area=least)
        clips = sample_clips(lambda: volume, 60, ClipShape(1, 96, 1), "tight", ZOOM, rng, bias)
        # In its window of 32 pixels the small one covers under a hundredth, the other a third.
        return float((clips.masks[:, 0, 0].flatten(1).float().mean(1) < 0.05).float().mean())

    assert 0.3 < small(0.0, 4) < 0.7
    assert small(1.0, 4) < 0.15
    assert small(0.0, 12) == 0


def test_clips_begin_on_other_slices_than_the_largest() -> None:
    labels = np.zeros((9, 96, 96), np.uint8)
    for frame, half in enumerate((7, 8, 10, 14, 18, 14, 10, 8, 7)):
        labels[frame, 48 - half : 48 + half, 48 - half : 48 + half] = 1
    image = labels * np.arange(1, 10, dtype=np.float32)[:, None, None]
    volume = LabelledVolume(image, labels)
    starts = {_choose_frames(volume, 3, np.random.default_rng(seed), SamplingBias())[1][0] for seed in range(80)}  # type: ignore[index]
    assert starts == set(range(9))


def test_a_set_without_suitable_objects_is_an_error_and_no_endless_search() -> None:
    labels = np.zeros((2, 32, 32), np.uint8)
    labels[:, 3, 3] = 1
    volume = LabelledVolume(labels * np.float32(1), labels)
    with pytest.raises(ValueError, match="has an object of 4 pixels or more"):
        sample_clips(
            lambda: volume, 1, ClipShape(1, 32, 1), "tight", ZOOM, np.random.default_rng(0), SamplingBias(least_area=4)
        )
