"""The default axis and the reason that is given for it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.frame_axis import default_frame_axis
from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import VolumeError


def volume(axes, **kwargs):
    return ImageVolume(np.zeros((2, 3, 4, 5, 6)[: len(axes)], np.uint8), axes=axes, **kwargs)


@pytest.mark.parametrize(
    ("axes", "spacing", "expected"),
    [
        ("yx", None, (None, "a single image")),
        ("cyx", None, (None, "a single image")),
        ("tyx", (9.0, 1.0), ("t", "time is declared")),
        ("tcyx", None, ("t", "time is declared")),
        ("zyx", (3.0, 0.7, 0.7), ("z", "coarsest spacing, 3 mm")),
        ("zyx", (0.7, 0.7, 3.0), ("x", "coarsest spacing, 3 mm")),
        ("zyx", (0.7, 2.5, 2.5), ("y", "coarsest spacing, 2.5 mm")),
        ("zyx", (1.0, 1.0, 1.0), ("z", "first axis, as the spacing is the same along all")),
        ("zyx", (1.0, 1.0001, 1.0), ("z", "first axis, as the spacing is the same along all")),
        ("zcyx", (3.0, 0.7, 0.7), ("z", "coarsest spacing, 3 mm")),
        ("tzyx", (3.0, 0.7, 0.7), ("t", "time is declared")),
        ("tczyx", (3.0, 0.7, 0.7), ("t", "time is declared")),
    ],
)
def test_default_axis_and_why(axes, spacing, expected):
    assert default_frame_axis(volume(axes, spacing=spacing, units="mm")) == expected


@pytest.mark.parametrize(
    "kwargs",
    [
        {"is_hu": True},
        {"source": VolumeSource(format="dicom", header={"modality": "MR"})},
        {"source": VolumeSource(format="nifti")},
    ],
)
def test_slices_go_before_time_in_4d_ct_and_mr(kwargs):
    scan = volume("tzyx", spacing=(5.0, 1.0, 1.0), units="mm", **kwargs)
    assert default_frame_axis(scan) == ("z", "coarsest spacing, 5 mm; slices go before time in 4-D CT and MR")
    with pytest.raises(VolumeError, match=r"at=\{'t': 0\}"):
        FrameGrid.of(scan)
    assert FrameGrid.of(scan, at={"t": 1}).frame_axis == "z"
    # One slice through time, and a single slice with time, have no other axis.
    assert default_frame_axis(scan, fixed="z") == ("t", "time is declared")


@pytest.mark.parametrize(
    ("source", "units"),
    [
        (None, "mm"),
        (VolumeSource(format="tiff"), "mm"),
        (VolumeSource(format="nifti"), "micrometer"),
        (VolumeSource(format="dicom", header={"modality": "US"}), "mm"),
    ],
)
def test_time_goes_first_in_what_no_scanner_made(source, units):
    assert default_frame_axis(volume("tzyx", units=units, source=source)).axis == "t"


def test_an_axis_that_may_not_be_time_comes_after_the_spatial_ones():
    unsure = volume("tzyx", spacing=(3.0, 1.0, 1.0), units="micrometer", is_time_declared=False)
    assert default_frame_axis(unsure) == ("z", "coarsest spacing, 3 µm; the file does not say that t is time")
    assert default_frame_axis(unsure, fixed="z") == ("t", "the only axis outside the picture")
    assert FrameGrid.of(unsure, at={"t": 1}).frame_axis == "z"
    with pytest.raises(VolumeError, match=r"at=\{'t': 0\}"):
        FrameGrid.of(unsure)
    assert FrameGrid.of(unsure, "t", at={"z": 1}).frame_count == 2


def test_spacing_in_pixels_has_no_unit():
    assert default_frame_axis(volume("zyx", spacing=(2, 1, 1))) == ("z", "coarsest spacing, 2")
