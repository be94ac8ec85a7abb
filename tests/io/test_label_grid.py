"""Labels on the grid of a volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io.label_grid import (
    LabelNote,
    as_labels,
    checked_labels,
    flat_axes,
    label_note_in,
    label_text,
    on_volume_grid,
    to_file_order,
)

PATH = Path("organ.nii")
VOLUME = ImageVolume(np.zeros((2, 3, 4)), axes="zyx", spacing=(3, 2, 1), units="mm")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((2, 3, 5), int), "do not fit the volume's grid"),
        (np.zeros((2, 3, 4)), "labels are whole numbers, but these are float64"),
        (np.full((2, 3, 4), -1), "negative values"),
        (np.full((2, 3, 4), 2**33), "does not fit in 32 bits"),
    ],
)
def test_labels_that_cannot_be_written_say_why(values, words):
    with pytest.raises(WriteError, match=words) as caught:
        checked_labels(values, VOLUME, PATH)
    assert "organ.nii" in caught.value.headline


@pytest.mark.parametrize(("given", "written"), [(bool, np.uint8), (np.uint16, np.uint16), (np.int64, np.uint8)])
def test_labels_are_written_in_a_type_that_files_hold(given, written):
    labels = np.zeros((2, 3, 4), given)
    labels[0, 0, 0] = 1
    assert checked_labels(labels, VOLUME, PATH).dtype == written


def test_values_of_a_file_are_labels_only_if_they_are_whole_and_not_negative():
    assert as_labels(np.array([0.0, 2.0004]), PATH).tolist() == [0, 2]
    assert as_labels(np.array([0, 300], np.int32), PATH).dtype == np.uint16
    for values in (np.array([0.5]), np.array([-1]), np.array([np.nan]), np.array([1j])):
        with pytest.raises(ReadError, match="holds no labels"):
            as_labels(values, PATH)


def test_names_in_a_header_come_back_and_other_texts_say_nothing():
    assert label_note_in(label_text({3: "liver"}, axes="yx")) == LabelNote({3: "liver"}, "yx")
    assert label_note_in(label_text(None)) == LabelNote({})
    assert all(label_note_in(text) is None for text in ("", "a scan", "[1]", '{"labels": 3}'))


def test_axes_of_space_are_filled_up_in_the_order_of_files():
    film = ImageVolume(np.zeros((5, 3, 4)), axes="tyx", units="mm")
    assert to_file_order(np.zeros((5, 3, 4)), film).shape == (4, 3, 1, 5)
    assert to_file_order(np.zeros((2, 3, 4)), VOLUME).shape == (4, 3, 2)
    assert flat_axes(film) == {"axes": "tyx"}
    assert flat_axes(VOLUME) == {}


def test_labels_that_lie_the_other_way_round_are_turned_and_those_of_another_grid_refused():
    labels = np.arange(24).reshape(2, 3, 4)
    upside_down = VOLUME.affine.copy()
    upside_down[:3, 0] *= -1
    upside_down[:3, 3] = VOLUME.affine[:3, 0]
    assert np.array_equal(on_volume_grid(PATH, labels[::-1], upside_down, VOLUME), labels)
    beside = VOLUME.affine.copy()
    beside[0, 3] += 0.4
    with pytest.raises(ReadError, match=r"organ\.nii"):
        on_volume_grid(PATH, labels, beside, VOLUME)
