"""The window the user sees is the window the model gets."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import WindowedFrames, check_window, default_window
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError


def frames(array, window, axes="zyx"):
    volume = ImageVolume(array, axes=axes)
    return WindowedFrames(volume, FrameGrid.of(volume), window)


def test_one_mapping_for_the_whole_volume():
    array = np.array([[[-1000, -160], [40, 240]], [[300, 40], [-100, 0]]], dtype=np.int16)
    shown = frames(array, (-160, 240))
    assert np.allclose(shown[0][..., 0], [[0, 0], [0.5, 1]])
    assert np.allclose(shown[1][..., 0], [[1, 0.5], [0.15, 0.4]])
    assert shown[0].dtype == np.float32


def test_nan_and_infinity_never_reach_the_model():
    array = np.array([[[np.nan, np.inf], [-np.inf, 5.0]]], dtype=np.float32)
    assert np.allclose(frames(array, (0, 10))[0][..., 0], [[0, 1], [0, 0.5]])


def test_big_endian_values():
    array = np.array([[[0, 5], [10, 20]]], dtype=">i2")
    assert np.allclose(frames(array, (0, 10))[0][..., 0], [[0, 0.5], [1, 1]])


def test_two_channels_are_red_and_green():
    volume = ImageVolume(np.ones((2, 2, 3, 3), np.float32), axes="zcyx")
    shown = WindowedFrames(volume, FrameGrid.of(volume, channel=(0, 1)), (0, 1))[0]
    assert shown.shape == (3, 3, 3)
    assert not shown[..., 2].any()


def default(array, **kwargs):
    volume = ImageVolume(array, **kwargs)
    return default_window(volume, FrameGrid.of(volume))


def test_default_windows():
    rng = np.random.default_rng(0)
    array = rng.normal(100, 10, (5, 30, 30))
    assert default(array, window=(1.0, 2.0)) == (1.0, 2.0)
    assert default(array, is_hu=True) == (-160.0, 240.0)
    low, high = default(array)
    assert 65 < low < 80
    assert 120 < high < 140


def test_default_window_ignores_background_padding_and_nan():
    rng = np.random.default_rng(0)
    array = rng.normal(100, 10, (5, 30, 30))
    array[:, :10] = 0
    array[:, 10:15] = 5000
    array[0, 20, 20] = np.nan
    array[0, 21, 20] = np.inf
    low, high = default(array, padding_value=5000)
    assert low > 65
    assert high < 140


def test_a_ct_that_does_not_say_so_opens_with_soft_tissue():
    rng = np.random.default_rng(0)
    ct = np.full((5, 60, 60), -3024.0)
    ct[:, 5:55, 5:55] = rng.normal(-1000, 10, (5, 50, 50))
    ct[:, 10:50, 10:50] = rng.normal(40, 30, (5, 40, 40))
    ct[:, 20:23, 20:30] = 800
    assert default(ct) == (-160.0, 240.0)
    # Stored with an offset, as MR, as a signal around 0, without air: nothing says that these are HU.
    swings = rng.normal(0, 600, (5, 60, 60))
    for other in (ct + 3024, np.abs(swings), swings, ct[:, 10:50, 10:50]):
        assert default(other) != (-160.0, 240.0)


def test_constant_and_all_nan_volumes_have_a_window():
    assert default(np.full((2, 3, 3), 7.0)) == (7.0, 8.0)
    assert default(np.full((2, 3, 3), np.nan)) == (0.0, 1.0)


@pytest.mark.parametrize("window", [(1, 1), (2, 1), (np.nan, 1), (0, np.inf)])
def test_bad_window(window):
    with pytest.raises(VolumeError, match="window"):
        check_window(window)
