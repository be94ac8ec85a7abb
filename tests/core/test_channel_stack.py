"""Images of one grid as the channels of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.core.channel_stack import stack_channels
from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.intensity_mapping import IntensityMapping
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import ReadError, VolumeError
from support.predictors import FakePredictor

RANDOM = np.random.default_rng(0)
CT = RANDOM.integers(-1000, 1000, (4, 8, 9)).astype(np.int16)
PET = RANDOM.random((4, 8, 9)).astype(np.float32)


class Store:
    """An array that notes what is asked of it, and may break."""

    def __init__(self, array, broken=False):
        self.array, self.broken, self.asked = array, broken, []
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, index):
        self.asked.append(index)
        if self.broken:
            raise OSError("gone")
        return self.array[index]


def volume(array=CT, name="ct", **kwargs):
    return ImageVolume(array, **{"axes": "zyx", "spacing": (3, 1, 1), "units": "mm", "name": name, **kwargs})


def test_values_and_place():
    both = stack_channels([volume(), volume(PET, "pet")])
    assert (both.axes, both.shape, both.spacing, both.units, both.name) == (
        "czyx",
        (2, 4, 8, 9),
        (3, 1, 1),
        "mm",
        "ct + pet",
    )
    assert both.array.dtype == np.float32
    assert np.array_equal(both.parts[()], np.stack([CT, PET]))
    assert np.array_equal(np.asarray(both.array), np.stack([CT, PET]))
    assert both.label_shape == (4, 8, 9)
    assert np.array_equal(both.affine, volume().affine)


def test_levels_are_stacked_where_all_images_have_them():
    ct, pet = (volume(array, levels=[array[:, ::2, ::2]]) for array in (CT, PET))
    both = stack_channels([ct, pet])
    assert [level.shape for level in both.levels] == [(2, 4, 4, 5)]
    assert np.array_equal(both.level_parts(1)[1, 2], PET[2, ::2, ::2])
    assert list(stack_channels([ct, volume(PET)]).levels) == []


def test_each_channel_as_the_model_sees_it():
    both = stack_channels([volume(), volume(PET, "pet"), volume(-CT, "third")])
    grid = FrameGrid.of(both, "y", channel=(1, 2))
    shown = WindowedFrames(both, grid, IntensityMapping.of([(0, 1), (-1000, 1000)]))[3]
    assert np.allclose(shown[..., 0], PET[:, 3])
    assert np.allclose(shown[..., 1], (1000 - CT[:, 3].astype(float)) / 2000)
    assert not shown[..., 2].any()


def test_only_what_is_looked_at_is_read():
    first, second = Store(CT), Store(PET)
    both = stack_channels([volume(first), volume(second)])
    assert not first.asked
    assert not second.asked
    FrameGrid.of(both, "z", channel=1).read(both.parts, 2)
    assert not first.asked
    assert second.asked == [(2, slice(None), slice(None))]


def test_an_unreadable_channel_is_named():
    both = stack_channels([volume(), volume(Store(PET, broken=True), "pet")])
    with pytest.raises(ReadError, match=r"The image 'pet' cannot be read at z = 1"):
        FrameGrid.of(both, "z", channel=(0, 1)).read(both.parts, 1)
    FrameGrid.of(both, "z", channel=0).read(both.parts, 1)


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (
            {"array": CT[:3]},
            r"Image 2 \(pet\) does not lie on the grid of image 1 \(ct\): its shape is \(3, 8, 9\) instead",
        ),
        ({"axes": "tyx", "spacing": (1, 1)}, "its axes are 'tyx' instead of 'zyx'"),
        ({"units": "micrometer"}, "its unit is 'micrometer' instead of 'mm'"),
        ({"spacing": (3, 1, 1.2)}, r"its spacing is \(3.0, 1.0, 1.2\) instead of \(3.0, 1.0, 1.0\)"),
        ({"affine": [[0, 0, 1, 0.5], [0, 1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1]]}, "a corner lies 0.5 voxels away"),
        ({"affine": [[0, 0, -1, 0], [0, 1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1]]}, "a corner lies 16 voxels away"),
        ({"array": np.zeros((2, 4, 8, 9)), "axes": "czyx"}, r"Image 2 \(pet\) has channels itself"),
    ],
)
def test_what_differs_is_said(other, text):
    with pytest.raises(VolumeError, match=text):
        stack_channels([volume(), volume(**{"name": "pet", **other})])


def test_a_rounded_header_is_the_same_grid():
    shifted = volume().affine.copy()
    shifted[0, 3] += 0.01
    assert stack_channels([volume(), volume(PET, affine=shifted)]).shape == (2, 4, 8, 9)


def test_nothing_and_other_things_are_no_channels():
    with pytest.raises(VolumeError, match="at least one"):
        stack_channels([])
    with pytest.raises(VolumeError, match="must be an ImageVolume"):
        stack_channels([volume(), PET])


def test_what_holds_for_some_only_is_left_out():
    source = VolumeSource(format="nifti")
    first = volume(is_hu=True, padding_value=-1000, window=(0, 1), source=source)
    both = stack_channels([first, volume(PET, "pet")])
    assert (both.is_hu, both.padding_value, both.window, both.source) == (False, None, None, source)
    assert stack_channels([first, replace(first, array=CT)]).is_hu


def test_time_stays_in_place():
    parts = [ImageVolume(RANDOM.random((3, 4, 8, 9)), axes="tzyx", is_time_declared=n == 0) for n in range(2)]
    both = stack_channels(parts)
    assert (both.axes, both.is_time_declared) == ("ctzyx", False)
    assert np.array_equal(both.parts[1, 2, :, 3], parts[1].array[2, :, 3])


def test_a_session_on_two_images():
    both = stack_channels([volume(CT.repeat(4, 1).repeat(4, 2)), volume(PET.repeat(4, 1).repeat(4, 2), "pet")])
    session = ns.VideoSession(FakePredictor(), both, "z", channel=(0, 1))
    session.add_box(1, 1, (5, 6, 12, 14))
    assert [result.frame for result in session.propagate()] != []
    assert session.labels().shape == (4, 32, 36)
