"""What finishes a case: layers, lines, reviews, times, and the frames that the user stands for."""

from __future__ import annotations

import json

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.errors import NapariSam2Error, PromptError
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, numbered_volume
from support.session_view import box_mask, history_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "case.sam2"


def reopened(session, path):
    session.save(path)
    session.close()
    return VideoSession.open(path, FakePredictor(), numbered_volume())


# ---------------------------------------------------------------------- layers


def test_layers_keep_what_objects_share_and_are_written_as_such(session, tmp_path):
    session.add_mask(4, 3, box_mask(4, 4, 12, 12))
    session.add_mask(2, 3, box_mask(8, 8, 16, 16))
    session.predict_frame(3)
    layers = session.labels(overlap="layers")
    assert layers.shape == (2, *SHAPE)
    assert layers.dtype == bool
    assert np.array_equal(layers[0, 3], box_mask(4, 4, 12, 12))
    assert np.array_equal(layers[1, 3], box_mask(8, 8, 16, 16))
    assert not layers[:, 4].any()
    ns.write_labels(tmp_path / "both.nii.gz", layers, session.volume, objects=list(session.objects))
    files = sorted(tmp_path.glob("both*.nii.gz"))  # one for each object, as NIfTI holds no overlap
    assert len(files) == 2
    again = {i: mask for file in files for i, mask in ns.read_label_masks(file, session.volume).items()}
    assert all(np.array_equal(again[i], layers[k]) for k, i in enumerate(session.objects))


def test_layers_go_into_no_array_and_there_is_no_other_word(session):
    with pytest.raises(PromptError, match="out="):
        session.labels(out=np.zeros(SHAPE, np.uint16), overlap="layers")
    with pytest.raises(PromptError, match="'layers'"):
        session.labels(overlap="keep")


# ---------------------------------------------------------------------- a line


def test_a_line_becomes_three_clicks_in_one_step_that_is_answered_and_replayed(session, path):
    session.add_line(1, 5, [(4, 6), (4, 26)])
    assert [(p.y, p.x, p.positive) for p in session.prompts(1, 5).points] == [
        (4, 8, True),
        (4, 16, True),
        (4, 24, True),
    ]
    mask = session.predict_frame(5)[1]
    assert [step.name for step in session.steps] == ["add_line"]
    again = reopened(session, path)
    assert np.array_equal(again.mask(1, 5), mask)
    assert again.replay() == 0
    again.undo()
    assert again.objects == {}
    again.close()


@pytest.mark.parametrize(
    ("ends", "says"),
    [([(4, 6)], "two ends"), ([(4, 6), (4, 6.5)], "shorter"), ([(4, 6), (4, 600)], "outside"), ([], "two ends")],
)
def test_what_is_no_line_is_said_and_changes_nothing(session, ends, says):
    with pytest.raises(PromptError, match=says):
        session.add_line(1, 5, ends)
    assert session.objects == {}


# ---------------------------------------------------------------------- reviews


def test_a_review_is_kept_exported_undone_and_gone_with_the_masks(session, path, tmp_path):
    session.add_box(1, 5, (4, 4, 8, 8))
    session.predict_frame(5)
    session.review(1, "needs edit", "lower pole")
    session.review(1, "rejected")
    session.undo()
    again = reopened(session, path)
    assert again.reviews == {1: ("needs edit", "lower pole")}
    assert again.objects[1].review.state == "needs edit"
    again.export_prompts(tmp_path / "p.json")
    again.export_coco(tmp_path / "c.json")
    prompts, coco = (json.loads((tmp_path / name).read_text()) for name in ("p.json", "c.json"))
    told = {"state": "needs edit", "comment": "lower pole"}
    assert prompts["objects"][0]["review"] == coco["categories"][0]["review"] == told
    again.reset_object(1)
    assert again.reviews == {}
    again.undo()
    again.review(1, None)
    assert again.objects[1].review is None
    again.close()


@pytest.mark.parametrize(("given", "says"), [((1, "good"), "'accepted'"), ((2, "accepted"), "no object 2")])
def test_what_is_no_review_is_said(session, given, says):
    session.add_box(1, 5, (4, 4, 8, 8))
    with pytest.raises(PromptError, match=says):
        session.review(*given)
    with pytest.raises(PromptError, match="text"):
        session.review(1, "accepted", 5)
    assert session.reviews == {}


# ---------------------------------------------------------------------- times


def test_steps_keep_their_time_in_the_log_and_the_file(session, path):
    clock = iter([100.9, 110, 200, 230])
    history_of(session).clock = lambda: next(clock)
    session.add_box(1, 5, (4, 4, 8, 8))
    session.predict_frame(5)  # belongs to the step of the box
    session.rename_object(1, "a")
    session.rename_object(1, "b")
    session.rename_object(1, "c")
    session.undo()
    assert [step.time for step in session.steps] == [100, 110, 200]
    assert session.effort() == session.effort().__class__(4, 40.0)
    again = reopened(session, path)
    assert [step.time for step in again.steps] == [100, 110, 200]
    assert "time" not in again.steps[0].arguments
    assert again.effort().seconds == 40.0
    again.close()


def test_times_can_be_left_out_and_the_file_remembers_that(session, path):
    assert session.log_times
    session.log_times = False
    session.add_box(1, 5, (4, 4, 8, 8))
    assert session.steps[0].time is None
    assert np.isnan(session.effort().seconds)
    again = reopened(session, path)
    assert not again.log_times
    with pytest.raises(NapariSam2Error, match="True or False"):
        again.log_times = "no"
    again.log_times = True
    again.rename_object(1, "a")
    assert again.steps[-1].time > 1_700_000_000
    again.close()


# ---------------------------------------------------------------------- accepted frames


def test_accepted_masks_are_those_that_the_user_stands_for(session):
    session.add_box(1, 5, (4, 4, 8, 8))
    list(session.propagate(frames=range(5, 9)))
    session.lock(obj_id=1, frame=7)
    session.edit_mask(1, 2, box_mask(1, 1, 4, 4))
    session.add_points(1, 15, [(5, 5)])  # not answered
    masks = session.accepted_masks(1)
    assert list(masks) == [2, 5, 7]
    assert np.array_equal(masks[7], session.mask(1, 7))
    with pytest.raises(PromptError, match="no object 3"):
        session.accepted_masks(3)
