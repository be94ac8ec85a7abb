"""Contrast limits and gamma: any type of values, one pair or one for each channel."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import WindowedFrames, default_mapping, default_window, value_range
from napari_sam2.core.intensity_mapping import IntensityMapping
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError

TYPES = ("i1", "u1", "i2", "u2", ">i2", ">u2", "i4", "u4", "i8", "u8", "f2", "f4", ">f4", "f8", ">f8")


def one_window(plane, low, high):
    """Map with plain arithmetic on the whole frame: what one pair of limits has always given."""
    exact = np.dtype(np.float32 if plane.dtype.itemsize <= 2 or plane.dtype == np.float32 else np.float64)
    scaled = ((plane.astype(exact) - low) / (high - low)).astype(np.float32)
    return np.clip(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)


@given(
    st.sampled_from(TYPES),
    st.integers(0, 2**32 - 1),
    st.floats(-1e4, 1e4),
    st.floats(0.01, 1e5),
    st.sampled_from([(5, 6), (5, 6, 3)]),
)
def test_one_pair_gives_the_same_bits_as_ever(dtype, seed, low, width, shape):
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    info = np.iinfo(kind) if kind.kind in "iu" else None
    span = (max(info.min, -40_000), min(info.max, 40_000)) if info else (-40_000, 40_000)
    plane = (rng.integers(*span, shape) if info else rng.uniform(*span, shape)).astype(kind)
    expected = one_window(plane, low, low + width)
    shown = IntensityMapping.of((low, low + width)).apply(plane)
    assert shown.dtype == np.float32
    assert shown.flags.c_contiguous
    assert np.array_equal(shown, expected.reshape(shown.shape))


def test_each_channel_has_its_limits():
    plane = np.stack([np.full((2, 2), 50), np.full((2, 2), 5000)], axis=-1).astype(np.uint16)
    shown = IntensityMapping.of([(0, 100), (4000, 8000)]).apply(plane)
    assert shown[0, 0].tolist() == [0.5, 0.25, 0.0]
    assert np.array_equal(IntensityMapping.of([(0, 100)]).apply(plane), IntensityMapping.of((0, 100)).apply(plane))


def test_channels_are_red_green_and_blue_in_the_order_given():
    array = np.stack([np.full((4, 5), v) for v in (10.0, 20.0, 30.0, 40.0)])[None]
    volume = ImageVolume(array.repeat(2, 0), axes="zcyx")
    grid = FrameGrid.of(volume, "z", channel=(3, 0, 2))
    shown = WindowedFrames(volume, grid, IntensityMapping.of([(0, 40), (0, 20), (0, 60)]))[1]
    assert shown[0, 0].tolist() == [1.0, 0.5, 0.5]


@given(st.floats(0.05, 20.0), st.one_of(st.just(0.0), st.floats(1e-6, 1.0)))
def test_gamma_is_that_of_napari(gamma, value):
    plane = np.array([[value]])
    assert IntensityMapping.of((0, 1), gamma).apply(plane)[0, 0, 0] == pytest.approx(value**gamma, rel=1e-5, abs=1e-6)


def test_gamma_is_one_for_the_whole_stack():
    volume = ImageVolume(np.array([[[0, 25]], [[50, 100]]], np.int16))
    frames = WindowedFrames(volume, FrameGrid.of(volume), IntensityMapping.of((0, 100), 0.5))
    assert [frames[i][..., 0].ravel().tolist() for i in (0, 1)] == [[0.0, 0.5], [pytest.approx(0.5**0.5), 1.0]]


@pytest.mark.parametrize(
    ("plane", "limits", "expected"),
    [
        (np.array([[-1024, 40, 3071]], np.int16), (-160, 240), [0, 0.5, 1]),
        (np.array([[0, 1064, 4095]], np.uint16), (864, 1264), [0, 0.5, 1]),
        (np.array([[np.nan, np.inf, -np.inf, 5]], np.float32), (0, 10), [0, 1, 0, 0.5]),
        (np.array([[False, True]]), (0, 1), [0, 1]),
        (np.array([[0, 5, 20]], ">i2"), (0, 10), [0, 0.5, 1]),
        (np.array([[7, 7]], np.uint8), (7, 8), [0, 0]),
        (np.array([[-1e30, 0, 1e30]], np.float32), (-1e30, 1e30), [0, 0.5, 1]),
        (np.array([[-3e38, 0, 3e38]], np.float32), (-3e38, 3e38), [0, 0.5, 1]),
        (np.array([[-1e308, 0.5, 1e308]]), (0, 1), [0, 0.5, 1]),
        (np.array([[-1e308, 0, 1e308]]), (-4e307, 4e307), [0, 0.5, 1]),
        (np.array([[10**18, 10**18 + 50, 10**18 + 200]], np.int64), (1e18, 1e18 + 128), [0, 50 / 128, 1]),
        (np.array([[-(2**63), 0, 2**63 - 1]], np.int64), (-(2.0**63), 2.0**63), [0, 0.5, 1]),
        (np.array([[0, 2**63, 2**64 - 1]], np.uint64), (0, 2.0**64), [0, 0.5, 1]),
        (np.array([[1, 2, 3]], np.int64), (0.5, 2.5), [0.25, 0.75, 1]),
        (np.array([[5, 6]], np.uint64), (-5, 5), [1, 1]),
        (np.array([[5, 6]], np.int64), (1e30, 2e30), [0, 0]),
    ],
)
def test_values_of_any_type(plane, limits, expected):
    plane.setflags(write=False)
    assert IntensityMapping.of(limits).apply(plane)[..., 0].ravel().tolist() == pytest.approx(expected)


def test_views_are_read_as_they_are():
    array = np.arange(2 * 6 * 8, dtype=np.int16).reshape(2, 6, 8)
    array.setflags(write=False)
    view = array[:, ::-2, ::3].transpose(0, 2, 1)
    volume = ImageVolume(view)
    shown = WindowedFrames(volume, FrameGrid.of(volume), (0, 95))[1]
    assert np.allclose(shown[..., 0], view[1] / 95)
    assert np.array_equal(view, array[:, ::-2, ::3].transpose(0, 2, 1))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[[False, True], [True, False]]]), (0, 1)),
        (np.array([[[0, 255], [255, 0]]], np.uint8), (0, 255)),
        (np.full((2, 3, 3), -1000, np.int16), (-1000, -999)),
        (np.full((2, 3, 3), 1e30), (1e30, 1e30 + 1e24)),
        (np.full((2, 3, 3), np.inf), (0, 1)),
        (np.array([[[-1e308, 1e308]]]), (-1e308, 1e308)),
    ],
)
def test_default_limits_are_always_usable(array, expected):
    volume = ImageVolume(array)
    grid = FrameGrid.of(volume)
    low, high = default_window(volume, grid)
    assert high > low
    assert (low, high) == pytest.approx(expected, rel=0.6 if abs(expected[1]) > 1e300 else 1e-12)
    shown = WindowedFrames(volume, grid, (low, high))[0]
    assert np.isfinite(shown).all()
    wide = value_range(volume, (low, high))
    assert wide[0] <= low < high <= wide[1]


def test_int64_beyond_float_precision_has_a_default():
    array = np.array([[[10**18, 10**18 + 1000], [10**18 + 2000, 10**18 + 4000]]], np.int64)
    volume = ImageVolume(array)
    shown = WindowedFrames(volume, FrameGrid.of(volume), default_window(volume, FrameGrid.of(volume)))[0]
    assert np.diff(shown.ravel())[1:].min() > 0.2


def test_default_of_stains_is_one_pair_each_and_of_colours_one():
    rng = np.random.default_rng(0)
    stains = np.stack([rng.normal(100, 10, (5, 30, 30)), rng.normal(9000, 500, (5, 30, 30))], 1)
    volume = ImageVolume(stains, axes="zcyx")
    both = default_mapping(volume, FrameGrid.of(volume, channel=(1, 0)))
    assert len(both.contrast_limits) == 2
    assert both.contrast_limits[0] == default_window(volume, FrameGrid.of(volume, channel=1))
    assert both.contrast_limits[1] == default_window(volume, FrameGrid.of(volume, channel=0))
    assert len(default_mapping(volume, FrameGrid.of(volume)).contrast_limits) == 1
    picture = ImageVolume(rng.integers(0, 255, (4, 9, 9, 3)).astype(np.uint8), axes="zyxc")
    grid = FrameGrid.of(picture)
    assert default_mapping(picture, grid) == IntensityMapping.of(default_window(picture, grid))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_colour_picture_of_many_bits_keeps_its_hues(channels, dtype):
    # As of a camera of 12 bits: red is bright and blue is dark.
    rng = np.random.default_rng(0)
    planes = [rng.uniform(low, high, (4, 20, 20)) for low, high in ((2000, 4000), (1000, 2000), (0, 500), (0, 4095))]
    picture = ImageVolume(np.stack(planes[:channels], -1).astype(dtype), axes="zyxc")
    grid = FrameGrid.of(picture)
    mapping = default_mapping(picture, grid)
    assert mapping == IntensityMapping.of(default_window(picture, grid))
    red, green, blue = WindowedFrames(picture, grid, mapping)[1].reshape(-1, 3).mean(axis=0)
    assert red == pytest.approx(2 * green, rel=0.1)
    assert blue < green / 4
    stains = ImageVolume(np.stack(planes[:3], 1).astype(dtype), axes="zcyx")
    assert len(default_mapping(stains, FrameGrid.of(stains, channel=(0, 1, 2))).contrast_limits) == 3


@pytest.mark.parametrize("limits", [(-160, 240), [(0, 1), (5, 9)], [(0, 1), (5, 9), (2, 3)], np.array([[0.5, 1]])])
def test_it_comes_back_from_json(limits):
    mapping = IntensityMapping.of(limits, 0.7)
    assert IntensityMapping.from_dict(json.loads(json.dumps(mapping.to_dict()))) == mapping
    assert hash(mapping) == hash(IntensityMapping.of(limits, 0.7))
    assert IntensityMapping.of(mapping) is mapping


def test_files_of_earlier_versions_have_a_plain_pair():
    assert IntensityMapping.from_dict([-160, 240]) == IntensityMapping(((-160.0, 240.0),))


@pytest.mark.parametrize(
    ("limits", "gamma", "text"),
    [
        ((1, 1), 1, r"contrast_limits=\(1, 1\) must be two finite values, low before high"),
        ((np.nan, 1), 1, "finite"),
        ((-1.7e308, 1.7e308), 1, "finite"),
        ([(0, 1), (3, 2)], 1, "low before high"),
        ([(0, 1, 2)], 1, "two numbers"),
        ((0, 1, 2), 1, "two numbers"),
        ([(0, 1)] * 4, 1, "one such pair for each channel"),
        ([], 1, "one such pair for each channel"),
        (None, 1, "one such pair for each channel"),
        ("01", 1, "one such pair for each channel"),
        (5, 1, "one such pair for each channel"),
        ({0: 1, 2: 3}, 1, "one such pair for each channel"),
        (("a", "b"), 1, "two numbers"),
        ((0, 10**400), 1, "two numbers"),
        ((0, 1), 0, "gamma=0 must be a finite number above zero"),
        ((0, 1), np.inf, "gamma"),
        ((0, 1), True, "gamma"),
        ((0, 1), "1", "gamma"),
    ],
)
def test_bad_mappings(limits, gamma, text):
    with pytest.raises(VolumeError, match=text):
        IntensityMapping.of(limits, gamma)


@pytest.mark.parametrize(("pairs", "channel"), [(2, 0), (2, (0, 1, 2)), (3, (0, 1))])
def test_limits_that_fit_no_channels_are_refused_at_once(pairs, channel):
    volume = ImageVolume(np.zeros((2, 4, 5, 6)), axes="zcyx")
    grid = FrameGrid.of(volume, "z", channel=channel)
    with pytest.raises(VolumeError, match=f"contrast_limits for {pairs} channels, but {len(grid.channels)} "):
        WindowedFrames(volume, grid, IntensityMapping.of([(0, 1)] * pairs))
