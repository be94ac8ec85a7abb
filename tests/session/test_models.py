"""Another model under the same session."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import SessionBusyError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, numbered_volume


@pytest.fixture
def volume():
    return numbered_volume()


@pytest.fixture
def session(volume):
    session = VideoSession(FakePredictor(), volume)
    session.add_box(1, 10, (4, 5, 10, 12))
    list(session.propagate())
    return session


def other(name="other"):
    predictor = FakePredictor()
    predictor.name = name
    return predictor


def test_another_model_keeps_prompts_masks_and_undo(session):
    before, prompts = session.labels(), session.prompts(1, 10)
    session.use(other())
    assert session.predictor.name == "other"
    assert np.array_equal(session.labels(), before)
    assert session.prompts(1, 10) == prompts
    assert session.undo()
    assert not session.labels()[11:].any()
    assert session.redo()
    assert np.array_equal(session.labels(), before)


def test_masks_of_another_model_are_computed_anew_but_locked_and_edited_ones_stay(session):
    drawn = np.zeros(SHAPE[1:], bool)
    drawn[1, 1] = True
    session.edit_mask(1, 15, drawn)
    session.lock(frame=5, obj_id=1)
    list(session.propagate())
    assert session.count_stale() == (0, 0)
    session.use(other())
    done = {result.frame for result in session.propagate()}
    assert done == set(range(SHAPE[0])) - {5, 15}
    assert np.array_equal(session.mask(1, 15), drawn)
    assert session.count_stale() == (0, 0)


def test_the_same_model_on_another_device_computes_nothing_anew(session):
    session.use(other(session.predictor.name))
    assert list(session.propagate()) == []


def test_a_model_is_not_changed_under_a_run(session):
    run = session.propagate(force=True)
    next(run)
    with pytest.raises(SessionBusyError):
        session.use(other())
    run.close()
    session.use(other())


def test_which_model_made_a_mask_survives_the_file(session, volume, tmp_path):
    session.save(tmp_path / "case.sam2")
    session.use(other())
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", other(), volume)
    assert again.count_stale() == (SHAPE[0], SHAPE[0])
    list(again.propagate())
    again.close()
    once_more = VideoSession.open(tmp_path / "case.sam2", other(), volume)
    assert once_more.count_stale() == (0, 0)
    once_more.close()
