"""Named contrast limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import SOFT_TISSUE
from napari_sam2.core.intensity_presets import PRESETS, HounsfieldWindow, preset_limits
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import VolumeError

RANDOM = np.random.default_rng(0)


def limits(name, volume):
    return preset_limits(name, volume, FrameGrid.of(volume))


def thorax():
    array = np.full((5, 60, 60), -1000.0)
    array[:, 5:55, 5:55] = RANDOM.normal(-800, 30, (5, 50, 50))
    array[:, 10:40, 10:40] = RANDOM.normal(40, 30, (5, 30, 30))
    return ImageVolume(array.astype(np.int16))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("abdomen", SOFT_TISSUE),
        ("lung", (-1350, 150)),
        ("brain", (0, 80)),
        ("bone", (-500, 1300)),
        ("mediastinum", (-125, 225)),
        ("angiography", (0, 600)),
    ],
)
def test_presets_of_ct(name, expected):
    assert limits(name, ImageVolume(np.zeros((2, 3, 4), np.int16), is_hu=True)) == expected
    # A file that does not say so, but looks like a CT.
    assert limits(name, thorax()) == expected


HOUNSFIELD = [name for name, preset in PRESETS.items() if isinstance(preset, HounsfieldWindow)]


@pytest.mark.parametrize("name", HOUNSFIELD)
@pytest.mark.parametrize(
    "volume",
    [
        ImageVolume(RANDOM.normal(300, 90, (4, 20, 20)).clip(0), name="brain T1"),
        # A CT that is stored with an offset is not in HU.
        ImageVolume((thorax().array + 1024).astype(np.uint16), name="brain T1"),
        ImageVolume(np.full((4, 20, 20), np.nan), name="brain T1"),
        # A DICOM file says what it is, whatever its values look like.
        replace(thorax(), name="brain T1", source=VolumeSource(format="dicom", header={"modality": "MR"})),
    ],
)
def test_no_ct_no_hounsfield_units(name, volume):
    with pytest.raises(VolumeError) as error:
        limits(name, volume)
    assert error.value.headline == (
        f"The preset {name!r} is in Hounsfield units, but nothing says that the values of 'brain T1' are."
    )
    assert "Take mr, microscopy" in str(error.value)
    assert limits(name, replace(volume, is_hu=True)) == PRESETS[name].limits


def test_percentiles_leave_out_the_background():
    array = np.zeros((4, 50, 50), np.uint16)
    array[:, 10:40, 10:40] = RANDOM.normal(500, 20, (4, 30, 30))
    volume = ImageVolume(array)
    low, high = limits("mr", volume)
    assert (low, high) == pytest.approx(tuple(np.percentile(array[array > 0], (1, 99))))
    dim, bright = limits("microscopy", volume)
    assert dim < low
    assert bright > high


def test_percentiles_are_those_of_the_channel():
    volume = ImageVolume(np.stack([RANDOM.normal(m, 10, (4, 30, 30)) for m in (100, 900)], 1), axes="zcyx")
    assert preset_limits("mr", volume, FrameGrid.of(volume, channel=0))[1] < 200
    assert preset_limits("mr", volume, FrameGrid.of(volume, channel=1))[0] > 800


@pytest.mark.parametrize("value", [0, 7, 1e30, np.inf])
def test_constant_images_have_limits(value):
    low, high = limits("microscopy", ImageVolume(np.full((2, 3, 4), value)))
    assert low < high


def test_unknown_presets_are_listed():
    with pytest.raises(VolumeError, match="no preset 'liver'; there are abdomen, lung, brain"):
        limits("liver", thorax())


def test_every_preset_says_whose_values_it_has():
    assert all(preset.source for preset in PRESETS.values())
