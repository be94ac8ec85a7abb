"""The outlines of a mask: every pixel's centre on its side, holes as keyholes, areas by counting corners."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import points_in_poly

from napari_sam2.io.dicom.outlines import outlines


def _ring(radius: float, hole: float, shape: tuple[int, int] = (41, 41)) -> np.ndarray:
    y, x = np.indices(shape) - 20
    return (np.hypot(y, x) <= radius) & (np.hypot(y, x) > hole)


def _masks() -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    masks = {f"noise {share}": random.random((30, 37)) < share for share in (0.2, 0.5, 0.7, 0.9)}
    masks["one pixel"] = np.ones((1, 1), bool)
    masks["the whole plane"] = np.ones((4, 6), bool)
    masks["corners that touch"] = np.eye(5, dtype=bool)
    masks["ring"] = _ring(15, 8)
    masks["ring around a ring around a dot"] = _ring(18, 14) | _ring(10, 6) | _ring(2, -1)
    sieve = np.ones((21, 33), bool)
    sieve[2:-2:3, 2:-2:3] = False
    masks["sieve"] = sieve
    wrapped = np.ones((12, 14), bool)
    wrapped[2:10, 2:12] = False
    wrapped[3:9, 3:12] = True
    wrapped[5:7, 6:9] = False
    masks["hole wrapped around a hole"] = wrapped
    return masks


MASKS = _masks()


def _signed_area(outline: np.ndarray) -> float:
    y, x = outline.T
    return float(np.dot(y, np.roll(x, -1)) - np.dot(x, np.roll(y, -1))) / 2


def _area_of_corners(mask: np.ndarray) -> float:
    """The area inside marching squares at one half, cell by cell, from the number of its corners in the mask."""
    padded = np.pad(mask, 1).astype(int)
    cells = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, 1:], padded[1:, :-1]])
    counts = cells.sum(axis=0)
    across = (counts == 2) & (cells[0] == cells[2])
    areas = np.array([0, 1 / 8, 1 / 2, 7 / 8, 1])[counts]
    return float(np.where(across, 1 / 4, areas).sum())


@pytest.mark.parametrize("name", MASKS)
def test_centres_lie_inside_exactly_where_the_mask_is(name) -> None:
    mask = MASKS[name]
    centres = np.argwhere(np.ones(mask.shape, bool))
    inside = np.zeros(len(centres), int)
    for outline in outlines(mask):
        inside += points_in_poly(centres, outline)
    assert np.array_equal(inside.reshape(mask.shape), mask.astype(int))


@pytest.mark.parametrize("name", MASKS)
def test_there_is_one_outline_a_part_and_channels_enclose_nothing(name) -> None:
    mask = MASKS[name]
    found = outlines(mask)
    parts, count = ndimage.label(mask)
    assert len(found) == count
    for number, outline in enumerate(found, start=1):
        # With a hole that ran the same way round as its edge, the signed area would be too large.
        assert abs(_signed_area(outline)) == pytest.approx(_area_of_corners(parts == number))


@pytest.mark.parametrize("name", MASKS)
def test_a_channel_crosses_no_edge_and_no_centre(name) -> None:
    for outline in outlines(MASKS[name]):
        along = np.roll(outline, -1, axis=0) - outline
        channels = np.flatnonzero(np.mod(outline[:, 0], 0.5) == 0.25)
        # Each channel is walked forth and back, so that it has no width.
        ends = sorted(tuple(p) for p in outline[channels].tolist())
        assert all(ends[i] == ends[i + 1] for i in range(0, len(ends), 2))
        flat = np.flatnonzero((along[:, 0] == 0) & (np.mod(outline[:, 0], 0.5) == 0.25))
        for index in flat:
            low, high = sorted((outline[index, 1], outline[index, 1] + along[index, 1]))
            y0, y1 = outline[:, 0], np.roll(outline[:, 0], -1)
            level = outline[index, 0]
            crossing = (np.minimum(y0, y1) < level) & (level < np.maximum(y0, y1))
            share = (level - y0[crossing]) / (y1 - y0)[crossing]
            x = outline[crossing, 1] + share * along[crossing, 1]
            assert not ((x > low + 1e-9) & (x < high - 1e-9)).any()


def test_an_empty_mask_has_no_outline() -> None:
    assert outlines(np.zeros((3, 4), bool)) == []
