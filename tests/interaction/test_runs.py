"""A run as a window draws it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_sam2.errors import SessionFileError
from napari_sam2.interaction import runs


@pytest.fixture
def session(worker):
    made = worker.open()
    made.add_box(1, 2, (4, 5, 10, 12))
    return made


def run(session, frames=range(12), stop=None, progress=lambda *_: None):
    return runs.propagate(session, "forward", frames, stop or threading.Event(), progress)


def test_each_finished_frame_has_its_place_and_its_labels(session):
    told = []
    drawn = list(run(session, progress=lambda *step: told.append(step)))
    assert [index[0] for index, _ in drawn] == list(range(2, 12))
    assert all(np.array_equal(labels, session.frame_labels(index[0])) for index, labels in drawn)
    assert told[-1] == (10, 10, "propagating")


def test_a_run_ends_after_the_frame_in_which_it_is_stopped(session):
    stop = threading.Event()
    frames = run(session, stop=stop)
    next(frames)
    next(frames)
    stop.set()
    assert list(frames) == []
    assert session.scores(1).index.tolist() == [2, 3]
    # The run is over: undo is not refused.
    session.undo()


def test_a_file_that_refuses_does_not_end_the_run(session, tmp_path, monkeypatch):
    session.save(tmp_path / "work.sam2")
    frames = run(session)
    next(frames)

    def refuse(*arguments, **options):
        raise SessionFileError("The disk is full.")

    monkeypatch.setattr("napari_sam2.session.storage.session_file.SessionFile.append", refuse)
    drawn = []
    with pytest.raises(SessionFileError, match="disk is full"):
        drawn.extend(index[0] for index, _ in frames)
    assert session.path is None
    assert session.scores(1).index.tolist() == list(range(2, 12))
