"""Objects that a model finds by itself: what is left out, and what becomes an object."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.engine.protocols import Proposal
from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor, FakeStream, numbered_volume
from support.session_view import box_mask, log_of


class FindingStream(FakeStream):
    """Finds two boxes on every frame, the second less surely, and notes what it was asked."""

    def propose(self, frame, spacing_px=None, *, forbidden=None, cancelled=None, progress=None):
        self.proposing = (frame, spacing_px, forbidden, cancelled, progress)
        boxes = {(2, 2, 8, 8): 0.9, (12, 10, 20, 20): 0.8}
        return [Proposal(RunLengthMask.encode(box_mask(*b)), iou, (b[0] + 1.0, b[1] + 1.0)) for b, iou in boxes.items()]


class FindingPredictor(FakePredictor):
    stream_type = FindingStream


@pytest.fixture
def session(volume):
    return VideoSession(FindingPredictor(), volume)


def test_proposals_change_nothing_and_become_objects_in_one_step(session):
    found = session.propose(5, spacing_px=4)
    assert [(p.frame, p.iou, p.point) for p in found] == [(5, 0.9, (3, 3)), (5, 0.8, (13, 11))]
    assert session.predictor.streams[-1].proposing[:3] == (5, 4, None)
    assert session.steps == ()
    assert session.accept(found) == [1, 2]
    assert [(step.name, step.arguments["objects"]) for step in session.steps] == [("accept", [1, 2])]
    session.predict_frame(5)
    assert np.array_equal(session.mask(2, 5), box_mask(12, 10, 20, 20))
    assert len(session.steps) == 1
    list(session.propagate(frames=range(3, 8)))
    assert session.objects[1].frames == 5
    assert session.replay() == 0


def test_what_is_there_already_is_not_found_again(session):
    session.add_mask(7, 5, box_mask(2, 2, 8, 6))
    session.predict_frame(5)
    found = session.propose(5)
    assert np.array_equal(session.predictor.streams[-1].proposing[2], box_mask(2, 2, 8, 6))
    assert [p.point for p in found] == [(13, 11)]
    assert [p.point for p in session.propose(6)] == [(3, 3), (13, 11)]
    assert session.accept(found) == [8]


def test_proposals_keep_out_of_what_is_not_here(session):
    where = np.zeros(session.grid.label_shape, bool)
    where[5, :, :4] = True  # a third of the first box
    where[5, 12:18, 10:20] = True  # three quarters of the second one
    session.forbid(where)
    found = session.propose(5)
    assert np.array_equal(session.predictor.streams[-1].proposing[2], where[5])
    assert len(found) == 1
    assert np.array_equal(found[0].mask, box_mask(2, 4, 8, 8))
    assert len(session.propose(6)) == 2


def test_accepted_proposals_are_in_the_file(session, tmp_path):
    session.save(tmp_path / "case.sam2")
    session.accept([*session.propose(5), *session.propose(9)][1:3])
    session.predict_frame(5)
    log = log_of(session)
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", FindingPredictor(), numbered_volume())
    assert log_of(again) == log
    assert again.prompted_frames(2) == [9]
    assert again.replay() == 0
    again.close()


def test_a_model_that_finds_nothing_by_itself_says_so(volume):
    with pytest.raises(PromptError, match="'fake' finds no objects by itself"):
        VideoSession(FakePredictor(), volume).propose(5)


@pytest.mark.parametrize(
    ("proposals", "text"),
    [
        ([], "given no proposal"),
        ([Proposal(RunLengthMask.encode(box_mask(0, 0, 2, 2)), 0.5, (0.0, 0.0))], "from propose"),
        ([np.zeros((3, 3))], "from propose"),
    ],
)
def test_what_is_no_proposal_changes_nothing(session, proposals, text):
    with pytest.raises(PromptError, match=text):
        session.accept(proposals)
    assert session.steps == ()
    assert session.objects == {}


def test_there_is_no_such_frame(session):
    with pytest.raises(PromptError, match="There is no slice 20"):
        session.propose(20)
