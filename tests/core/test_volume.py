"""ImageVolume: what fits together, what is derived, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.core.volume import ImageVolume, VolumeSource
from napari_sam2.errors import NapariSam2Error, SeveralSeriesError, VolumeError
from support.predictors import FakePredictor


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


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("array", ("text", [[1], [1, 2]], None)),
        ("units", (("mm",), 5, ["mm"] * 3, b"mm")),
        ("window", ((1,), 5, "ab", "12", (1, 2, 3), (None, 1), (0, np.inf))),
        ("padding_value", ("x", True, [0], 1j)),
        ("source", ("scan.dcm", {}, 5)),
        ("is_hu", ("no", None, 2)),
        ("is_time_declared", ("no", None)),
        ("name", (None, 5, b"scan")),
        ("spacing", ("123", b"123", 5, {})),
        ("axes", (None, 5, ["z", "y", "x"], b"zyx")),
    ],
)
def test_arguments_of_a_wrong_kind_are_named(field, values) -> None:
    for value in values:
        with pytest.raises(VolumeError, match=field.removesuffix("_value")):
            ImageVolume(**{"array": np.zeros((2, 3, 4)), field: value})


def test_arguments_of_a_right_kind_stay_as_they_are() -> None:
    volume = ImageVolume(
        [[[1, 2], [3, 4]]], units="mm", window=[np.int16(1), 4], padding_value=np.float32(-5), is_hu=np.True_, name=""
    )
    assert (volume.window, volume.padding_value, bool(volume.is_hu)) == ((1.0, 4.0), -5, True)


VOLUME = ImageVolume(np.zeros((3, 4, 5), np.int16), units="mm")
FILM = ImageVolume(np.zeros((2, 3, 4, 5), np.int16), axes="tzyx")
LABELS = np.ones((3, 4, 5), np.uint8)


@pytest.mark.parametrize("volume", [None, "scan.nii", np.zeros((3, 4, 5))])
@pytest.mark.parametrize(
    "call",
    [
        lambda path, v: ns.write_labels(path / "l.nii", LABELS, v),
        lambda path, v: ns.write_mesh(path / "l.stl", LABELS, v),
        lambda path, v: ns.measure_objects(LABELS, v),
        lambda path, v: ns.compare_labels(LABELS, LABELS, v),
        lambda path, v: ns.VideoSession(FakePredictor(), v),
    ],
)
def test_what_is_no_volume_is_refused(tmp_path, call, volume) -> None:
    with pytest.raises(NapariSam2Error, match="must be an ImageVolume"):
        call(tmp_path, volume)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda path: ns.write_labels(path / "l.nii", LABELS, VOLUME, ["liver"]), "names="),
        (lambda path: ns.write_labels(path / "l.mha", LABELS, VOLUME, {"1": "liver"}), "names="),
        (lambda path: ns.write_labels(path / "l.nii", LABELS, VOLUME, codes={1: "liver"}), "codes="),
        (lambda path: ns.measure_objects(LABELS, VOLUME, {1: 5}), "names="),
        (lambda path: ns.write_mesh(path / "l.stl", LABELS, VOLUME, "1"), "obj_id='1'"),
        (lambda path: ns.write_mesh(path / "l.stl", LABELS, VOLUME, 0), "obj_id=0"),
        (lambda path: ns.write_mesh(path / "l.stl", LABELS * 1.0, VOLUME), "whole numbers"),
        (lambda path: ns.write_mesh(path / "l.stl", np.stack([LABELS] * 2), FILM, 1, {"t": 2}), r"at=\{'t': 2\}"),
        (lambda path: ns.write_mesh(path / "l.stl", np.stack([LABELS] * 2), FILM, 1, {"q": 0}), r"at=\{'q': 0\}"),
        (lambda path: ns.write_mesh(path / "l.stl", np.stack([LABELS] * 2), FILM, 1, "t"), "at='t'"),
        (lambda path: ns.VideoSession(FakePredictor(), FILM, at=["t"]), "at="),
        (lambda path: ns.VideoSession(FakePredictor(), VOLUME, zoom="x"), "zoom="),
        (lambda path: ns.VideoSession(FakePredictor(), VOLUME, zoom=-1), "zoom="),
        (lambda path: ns.VideoSession("starter", VOLUME), "predictor must be a model"),
        (lambda path: ns.read_volume(path, series=1.5), "series=1.5"),
        (lambda path: ns.load_predictor("starter", device="cpu", image_size=0), "multiple of 32"),
    ],
)
def test_arguments_of_other_calls_are_named_too(tmp_path, call, words) -> None:
    with pytest.raises(NapariSam2Error, match=words):
        call(tmp_path)
    assert list(tmp_path.iterdir()) == []
