"""Measurements that follow the labels: the same as measuring all anew, at the price of what has changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_sam2.analysis import measured_labels
from napari_sam2.analysis.changes import object_digests
from napari_sam2.analysis.diameters import measure_diameters
from napari_sam2.analysis.frame_measurements import measure_frames
from napari_sam2.analysis.measured_labels import MeasuredLabels, MeasurementOptions
from napari_sam2.analysis.measurements import measure_objects
from napari_sam2.core.volume import ImageVolume

RNG = np.random.default_rng(0)
VOLUME = ImageVolume(RNG.integers(-50, 200, (6, 20, 24)).astype(np.int16), spacing=(3, 1, 1), units="mm", is_hu=True)
FILM = ImageVolume(RNG.random((5, 20, 24)), axes="tyx", spacing=(10.0, 0.5, 0.5), units="um")


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros((6, 20, 24), np.uint16)
    labels[1:4, 3:9, 2:12] = 1
    labels[2:5, 12:16, 4:8] = 7
    labels[0, 18, 20] = 30
    return labels


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """The objects that are measured from now on."""
    found: list[int] = []

    def counted(*arguments, objects=None, **options):
        found.extend([] if objects is None else objects)
        return measure_objects(*arguments, objects=objects, **options)

    monkeypatch.setattr(measured_labels, "measure_objects", counted)
    return found


def follow(measured: MeasuredLabels, labels: np.ndarray, at: int | None = None) -> list[tuple[int, int]]:
    return list(measured.update(labels, at))


@pytest.mark.parametrize("volume", [VOLUME, FILM], ids=["volume", "film"])
def test_after_any_change_the_tables_are_those_of_the_labels(labels, volume) -> None:
    labels = labels[: len(volume.array)]
    measured = MeasuredLabels(volume)
    for change in (
        lambda: None,
        lambda: labels.__setitem__((2, 5, 5), 7),
        lambda: labels.__setitem__(labels == 30, 0),
        lambda: labels.__setitem__((slice(3, 5), 0, slice(0, 3)), 2),
        lambda: labels.fill(0),
    ):
        change()
        follow(measured, labels, at=3)
        objects, frames = measured.objects({1: "one"}), measured.frames({1: "one"})
        expected = measure_objects(labels, volume, {1: "one"})
        pd.testing.assert_frame_equal(objects[expected.columns], expected, check_dtype=len(expected) > 0)
        assert objects.attrs == expected.attrs
        pd.testing.assert_frame_equal(frames, measure_frames(labels, volume, {1: "one"}), check_dtype=len(frames) > 0)
        there = [i for i in expected["object"] if volume is VOLUME or (labels[3] == i).any()]
        at = None if volume is VOLUME else {"t": 3}
        assert measured.diameters() == [measure_diameters(labels, volume, i, at=at) for i in there]
        assert objects.dropna(subset=[c for c in objects if c.startswith("long_")])["object"].tolist() == there


def test_only_what_has_changed_is_measured(labels, asked) -> None:
    measured = MeasuredLabels(VOLUME)
    assert follow(measured, labels)[-1] == (3, 3)
    assert asked == [1, 7, 30]
    asked.clear()
    assert follow(measured, labels.copy()) == [(0, 0)]
    labels[2, 5, 5] = 7
    assert follow(measured, labels)[-1] == (2, 2)
    assert asked == [1, 7]


def test_what_was_measured_before_a_stop_is_kept(labels, asked) -> None:
    measured = MeasuredLabels(VOLUME)
    steps = measured.update(labels)
    assert [next(steps), next(steps)] == [(0, 3), (1, 3)]
    steps.close()
    assert measured.objects()["object"].tolist() == [1]
    assert measured.diameters() == [measure_diameters(labels, VOLUME, 1)]
    asked.clear()
    follow(measured, labels)
    assert asked == [7, 30]


def test_what_is_not_wanted_is_left_out(labels) -> None:
    measured = MeasuredLabels(VOLUME, MeasurementOptions(intensity=False, shape=False, diameters=False))
    follow(measured, labels)
    columns = " ".join([*measured.objects(), *measured.frames()])
    assert not [word for word in ("intensity", "surface", "feret", "long_axis", "slice") if word in columns]


def test_a_digest_tells_a_moved_object_from_the_same(labels) -> None:
    before = object_digests(labels, VOLUME)
    assert list(before) == [1, 7, 30]
    assert object_digests(labels.astype(np.int64), VOLUME) == before
    for axis in range(3):
        moved = object_digests(np.roll(labels, 1, axis=axis), VOLUME)
        assert not [i for i in before if moved[i] == before[i]]
