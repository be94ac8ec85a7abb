"""Strokes on the labels layer."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_sam2.layers.stroke_recorder import StrokeRecorder

OWNER = object()


@pytest.fixture
def labels():
    return Labels(np.zeros((4, 12, 12), np.uint16))


@pytest.fixture
def strokes():
    """One entry for each call that says that something was painted."""
    return []


@pytest.fixture
def recorder(labels, strokes):
    made = StrokeRecorder(labels, lambda: strokes.append(1))
    made.watch(2, (2,), OWNER)
    return made


def paint(labels, y, x, label, frame=2):
    """Paint one pixel with the brush of napari."""
    labels.brush_size = 1
    labels.paint((frame, y, x), label)


def test_a_stroke_has_its_frame_owner_and_pixels(labels, recorder, strokes):
    paint(labels, 3, 4, 5)
    assert strokes
    (stroke,) = recorder.take()
    assert (stroke.frame, stroke.owner) == (2, OWNER)
    assert list(stroke.painted) == [5]
    assert np.argwhere(stroke.painted[5]).tolist() == [[3, 4]]
    assert stroke.erased == {}
    assert recorder.take() == []


def test_what_is_erased_is_taken_from_the_object_that_was_there(labels, recorder):
    recorder.write([((2,), np.full((12, 12), 7, np.uint16))])
    assert recorder.take() == []
    paint(labels, 3, 4, 0)
    paint(labels, 5, 5, 1)
    (stroke,) = recorder.take()
    assert np.argwhere(stroke.erased[7]).tolist() == [[3, 4]]
    assert np.argwhere(stroke.painted[1]).tolist() == [[5, 5]]


def test_a_frame_that_is_written_meanwhile_goes_under_the_stroke(labels, recorder):
    paint(labels, 3, 4, 5)
    recorder.write([((2,), np.full((12, 12), 7, np.uint16))])
    assert labels.data[2, 3, 4] == 5
    assert labels.data[2, 0, 0] == 7
    (stroke,) = recorder.take()
    assert np.argwhere(stroke.painted[5]).tolist() == [[3, 4]]


def test_another_frame_ends_the_stroke(labels, recorder):
    paint(labels, 3, 4, 5)
    recorder.watch(3, (3,), OWNER)
    paint(labels, 1, 1, 6, frame=3)
    assert [(s.frame, list(s.painted)) for s in recorder.take()] == [(2, [5]), (3, [6])]


def test_naparis_history_is_forgotten_and_the_tool_stays(labels, recorder):
    labels.mode = "paint"
    paint(labels, 3, 4, 5)
    recorder.take()
    labels.undo()
    assert labels.data[2, 3, 4] == 5
    assert labels.mode == "paint"


def test_the_brush_stays_on_the_slice(labels, recorder):
    labels.n_edit_dimensions = 3
    assert labels.n_edit_dimensions == 2


def test_a_closed_recorder_hears_nothing(labels, recorder, strokes):
    recorder.close()
    paint(labels, 3, 4, 5)
    assert strokes == []


def test_the_channel_is_no_axis_of_the_array():
    labels = Labels(np.zeros((4, 1, 12, 12), np.uint16))
    recorder = StrokeRecorder(labels, lambda: None, channel=1)
    recorder.write([((2, slice(None), slice(None)), np.ones((12, 12), np.uint16))])
    assert recorder.array.shape == (4, 12, 12)
    assert labels.data[2].all()
