"""Checks of tracked masks by going back to the frame that they come from."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import PromptError, SessionBusyError
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor, FakeStream, numbered_volume


class CheckingStream(FakeStream):
    """Says of each mask how far it is from the anchor; notes what it was given."""

    def check(self, anchor, mask, tracked, *, stride=1):
        self.owner.checked.append((anchor, int(mask.sum()), sorted(tracked)))
        for frame in sorted(tracked):
            yield frame, (1 - abs(frame - anchor) / 20) if tracked[frame].any() else float("nan")


class CheckingPredictor(FakePredictor):
    stream_type = CheckingStream

    def __init__(self):
        super().__init__(vanish_after=16)
        self.checked = []


@pytest.fixture
def session(volume):
    session = VideoSession(CheckingPredictor(), volume)
    session.add_box(1, 4, (4, 4, 10, 10))
    session.add_box(1, 12, (4, 4, 10, 9))
    list(session.propagate(stop_when_gone=0))
    return session


def test_each_mask_is_judged_from_the_frame_that_it_comes_from_and_none_changes(session):
    labels, told = session.labels(), []
    found = dict(session.check(1, progress=lambda *how: told.append(how)))
    assert session.predictor.checked == [
        (4, 36, [0, 1, 2, 3, 5, 6, 7, 8]),
        (12, 30, [9, 10, 11, 13, 14, 15, 16, 17, 18, 19]),
    ]
    assert found[2] == 0.9
    back = session.scores(1)["back"]
    assert back[2] == 0.9
    assert np.isnan(back[[4, 12, 18]]).all()
    assert np.array_equal(session.labels(), labels)
    assert told[0] == (1, 18, "checking")
    assert told[-1] == (18, 18, "checking")
    assert session.count_stale() == (0, 0)


def test_a_check_may_be_left_and_is_one_step_that_files_keep(session, tmp_path):
    run = session.check(1, [2, 3, 5])
    assert next(run) == (2, 0.9)
    assert next(run) == (3, 0.95)
    run.close()
    assert session.steps[-1].name == "check"
    session.save(tmp_path / "case.sam2")
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", CheckingPredictor(), numbered_volume())
    assert again.scores(1)["back"].dropna().to_dict() == {2: 0.9, 3: 0.95}
    assert again.replay() == 0
    again.undo()
    assert again.scores(1)["back"].isna().all()
    again.close()


def test_a_score_is_of_the_mask_that_was_judged(session):
    list(session.check(1, [3]))
    session.edit_mask(1, 3, session.mask(1, 2))
    assert np.isnan(session.scores(1)["back"][3])


def test_what_cannot_be_checked_is_said(session, volume):
    with pytest.raises(PromptError, match="no tracked mask"):
        session.check(1, [4])
    with pytest.raises(PromptError, match="no object 2"):
        session.check(2)
    other = VideoSession(FakePredictor(), volume)
    other.add_box(1, 4, (4, 4, 10, 10))
    list(other.propagate())
    with pytest.raises(PromptError, match="cannot check"):
        other.check(1)
    run = session.check(1)
    next(run)
    session.close()
    with pytest.raises(SessionBusyError):
        next(run)
