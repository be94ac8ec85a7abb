"""The levels of a multiscale image."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.pyramid import plane_factors
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError


def test_levels_count_that_are_smaller_in_the_plane_alone():
    assert plane_factors([(5, 64, 48), (5, 32, 24), (5, 16, 12)], (1, 2)) == {1: 2, 2: 4}
    assert plane_factors([(5, 65, 47), (5, 33, 24), (5, 16, 11)], (1, 2)) == {1: 2, 2: 4}, "edges kept or dropped"
    assert plane_factors([(5, 64, 48), (2, 32, 24)], (1, 2)) == {}, "fewer slices"
    assert plane_factors([(5, 64, 48), (5, 32, 12), (5, 43, 32), (5, 64, 48)], (1, 2)) == {}


def means(array, factor):
    rows, columns = array.shape[-2] // factor, array.shape[-1] // factor
    return array.reshape(*array.shape[:-2], rows, factor, columns, factor).mean(axis=(-3, -1))


@pytest.mark.parametrize(("axes", "axis"), [("zyx", "z"), ("yx", None), ("czyx", "z")])
def test_a_reduced_picture_is_that_of_the_level(axes, axis):
    array = np.random.default_rng(0).random(tuple({"c": 2, "z": 3, "y": 32, "x": 48}[a] for a in axes))
    levels = [means(array, 2), means(array, 4)]
    volume = ImageVolume(array, axes=axes, levels=levels)
    frames = WindowedFrames(volume, FrameGrid.of(volume, axis, channel=1 if "c" in axes else None), (0, 1))
    assert [frames.level_factor(r) for r in (0.5, 1.9, 2.0, 3.99, 4, 100)] == [1, 1, 2, 2, 4, 4]
    place = {"zyx": 2, "yx": ..., "czyx": (1, 2)}[axes]
    frame = 0 if axis is None else 2
    assert np.allclose(frames.read_reduced(frame, 4, 1, 2, 8, 12)[..., 0], levels[1][place][1:8, 2:12])
    assert np.allclose(frames.read_reduced(frame, 1, 1, 2, 8, 12), frames[frame][1:8, 2:12])


def test_along_another_axis_no_level_has_the_frames():
    array = np.zeros((6, 32, 48))
    volume = ImageVolume(array, levels=[array[:, ::2, ::2]])
    assert WindowedFrames(volume, FrameGrid.of(volume, "y"), (0, 1)).level_factor(9) == 1


def test_a_level_of_other_axes_is_refused():
    with pytest.raises(VolumeError, match="other axes"):
        ImageVolume(np.zeros((3, 8, 8)), levels=[np.zeros((4, 4))])
