"""Arguments of a wrong kind are named."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import NapariSam2Error, VolumeError
from support.predictors import FakePredictor


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
