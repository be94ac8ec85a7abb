"""ImageVolume: what fits together, what is derived, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import NapariSam2Error, SeveralSeriesError, VolumeError


def test_defaults_are_unit_spacing_and_a_diagonal_affine() -> None:
    volume = ImageVolume(np.zeros((2, 3, 4)))
    assert volume.axes == "zyx"
    assert volume.spacing == (1.0, 1.0, 1.0)
    assert volume.shape == (2, 3, 4)
    assert volume.ndim == 3
    # index (z, y, x, 1) → (x, y, z, 1)
    assert (volume.affine @ [5, 6, 7, 1]).tolist() == [7, 6, 5, 1]


def test_affine_scales_by_spacing_and_unit() -> None:
    volume = ImageVolume(np.zeros((2, 3, 4)), spacing=(2.0, 0.5, 0.25), units="um")
    assert volume.affine @ [1, 1, 1, 1] == pytest.approx([0.25e-3, 0.5e-3, 2e-3, 1])


def test_spacing_comes_from_the_affine() -> None:
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = (0, 0, 5), (0, 2, 0), (-3, 0, 0)
    volume = ImageVolume(np.zeros((2, 3, 4)), units="mm", affine=affine)
    assert volume.spacing == pytest.approx((5.0, 2.0, 3.0))
    turned = ImageVolume(np.zeros((3, 4, 2)), axes="yxz", units="mm", affine=affine)
    assert turned.spacing == pytest.approx((2.0, 3.0, 5.0))


@pytest.mark.parametrize(
    ("axes", "shape", "spacing", "spatial", "interval"),
    [
        ("yx", (3, 4), (2.0, 3.0), "yx", None),
        ("tyx", (5, 3, 4), (2.0, 3.0), "yx", None),
        ("tyx", (5, 3, 4), (10.0, 2.0, 3.0), "yx", 10.0),
        ("tzyx", (5, 2, 3, 4), (10.0, 4.0, 2.0, 3.0), "zyx", 10.0),
        ("zcyx", (2, 3, 3, 4), (4.0, 2.0, 3.0), "zyx", None),
        ("ctzyx", (2, 5, 2, 3, 4), (10.0, 4.0, 2.0, 3.0), "zyx", 10.0),
    ],
)
def test_spacing_is_found_by_letter(axes, shape, spacing, spatial, interval) -> None:
    volume = ImageVolume(np.zeros(shape, np.uint8), axes=axes, spacing=spacing)
    assert volume.spatial_axes == spatial
    assert volume.spacing_of("y") == 2.0
    assert volume.spacing_of("x") == 3.0
    assert volume.has_frame_interval == (interval is not None)
    if "t" in axes:
        assert volume.spacing_of("t") == (interval or 1.0)
    assert len(volume.label_shape) == len(axes.replace("c", ""))


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"axes": "zyy"}, "each at most once"),
        ({"axes": "zyw"}, "letters out of"),
        ({"axes": "tzx"}, "'y' and 'x'"),
        ({"axes": "yx"}, "has 3 axes"),
        ({"spacing": (1.0, 1.0)}, "2 values"),
        ({"spacing": (1.0, 0.0, 1.0)}, "above zero"),
        ({"spacing": (1.0, np.nan, 1.0)}, "finite"),
        ({"spacing": "abc"}, "numbers"),
        ({"affine": np.eye(3)}, "4x4"),
        ({"affine": np.diag([1.0, 0.0, 1.0, 1.0])}, "singular"),
        ({"affine": np.full((4, 4), np.nan)}, "finite"),
        ({"affine": np.ones((4, 4))}, "last row"),
        ({"affine": np.eye(4), "spacing": (1.0, 1.0, 3.0)}, "disagrees"),
        ({"window": (1.0, 1.0)}, "low before high"),
        ({"array": np.zeros((0, 3, 4))}, "no voxels"),
        ({"array": np.zeros((2, 3, 4), complex)}, "magnitude"),
    ],
)
def test_what_does_not_fit_is_refused(kwargs, words) -> None:
    with pytest.raises(VolumeError, match=words):
        ImageVolume(**{"array": np.zeros((2, 3, 4)), **kwargs})


def test_small_affines_are_not_singular() -> None:
    assert ImageVolume(np.zeros((2, 3, 4)), spacing=(1e-6, 1e-6, 1e-6), units="mm").spacing_of("z") == 1e-6


def test_it_is_frozen_and_keeps_its_affine() -> None:
    given = np.eye(4)
    volume = ImageVolume(np.zeros((2, 3, 4)), affine=given)
    given[0, 3] = 9
    assert volume.affine[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 3] = 1
    with pytest.raises(AttributeError):
        volume.axes = "tyx"


def test_an_unknown_axis_is_named() -> None:
    volume = ImageVolume(np.zeros((2, 3, 4)), name="liver CT")
    with pytest.raises(VolumeError, match="'liver CT' has no axis 't'"):
        volume.spacing_of("t")


def test_units_of_length() -> None:
    assert [millimetres_per_unit(u) for u in ("mm", "millimeters", "µm", "um", "micrometers")] == [
        1,
        1,
        1e-3,
        1e-3,
        1e-3,
    ]
    assert millimetres_per_unit("pixel") is None
    assert millimetres_per_unit(None) is None


def test_errors_have_a_headline_and_carry_their_series() -> None:
    error = SeveralSeriesError("a/ holds 2 series.\nChoose one.", ["one", "two"])
    assert error.headline == "a/ holds 2 series."
    assert error.series == ["one", "two"]
    assert isinstance(error, NapariSam2Error)
    assert VolumeSource().skipped == ()


def test_reading_and_measuring_import_no_heavy_module() -> None:
    code = (
        "import sys, napari_sam2.io, napari_sam2.analysis.measurements, napari_sam2.analysis.metrics\n"
        "heavy = {'napari', 'qtpy', 'torch', 'pydicom', 'nibabel', 'pandas', 'tifffile', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(p for p in sys.path if p)})
