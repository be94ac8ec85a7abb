"""Errors that end no work."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import PromptError, ReadError, SessionFileError
from napari_sam2.interaction.update import Update, draw_frames, errors_as_warnings, masked_frames


@pytest.fixture
def session(worker):
    return worker.open()


def test_frames_are_drawn_in_their_order(session):
    session.add_box(1, 5, (4, 5, 10, 12))
    session.add_box(2, 3, (4, 5, 10, 12))
    session.predict_frame(5)
    session.predict_frame(3)
    assert masked_frames(session) == {3, 5}
    drawn = draw_frames(session, {5, 3, 0})
    assert [index[0] for index, _ in drawn] == [0, 3, 5]
    assert [np.unique(labels).tolist() for _, labels in drawn] == [[0], [0, 2], [0, 1]]


def test_an_image_that_cannot_be_read_is_a_warning(session):
    update = Update()
    with errors_as_warnings(session, update):
        raise ReadError("ct.nii cannot be read.")
    assert update.warnings == ["ct.nii cannot be read."]


def test_a_file_that_refuses_is_let_go_of(session, tmp_path):
    session.save(tmp_path / "work.sam2")
    update = Update()
    with errors_as_warnings(session, update):
        raise SessionFileError("The disk is full.")
    assert update.warnings == ["The disk is full."]
    assert session.path is None
    with pytest.raises(SessionFileError), errors_as_warnings(session, update):
        raise SessionFileError("There is no file to let go of.")


def test_other_errors_are_none_of_its_business(session):
    with pytest.raises(PromptError), errors_as_warnings(session, Update()):
        raise PromptError("The box is empty.")
