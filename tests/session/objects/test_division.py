"""Divisions: the parent ends, daughters begin, and who came from whom stays right."""

from __future__ import annotations

import json

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor
from support.session_view import everything, filled, log_of

SHAPE = (12, 24, 32)
MARKS = [(6, 8), (18, 20)]


@pytest.fixture
def movie():
    return ImageVolume(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), axes="tyx")


@pytest.fixture
def cell(movie):
    """A cell that was tracked through all frames."""
    session = VideoSession(FakePredictor(), movie)
    session.add_box(3, 2, (4, 5, 10, 12))
    session.rename_object(3, "cell 3")
    list(session.propagate())
    return session


def test_the_parent_ends_and_the_daughters_begin_as_one_step(cell):
    before, steps = everything(cell), len(cell.steps)
    assert cell.divide(obj_id=3, frame=6, marks=MARKS) == [4, 5]
    assert len(cell.steps) == steps + 1
    assert filled(cell, 3) == list(range(6))
    assert cell.lineage == {4: 3, 5: 3}
    assert [info.name for info in cell.objects.values()] == ["cell 3", "cell 3.1", "cell 3.2"]
    assert cell.prompted_frames(4) == cell.prompted_frames(5) == [6]
    list(cell.propagate("forward"))
    assert filled(cell, 4) == list(range(6, 12))
    assert filled(cell, 3) == list(range(6))
    assert cell.mask(4, 6)[6, 8]
    assert cell.mask(5, 6)[18, 20]
    assert cell.undo()
    assert cell.undo()
    now = everything(cell)
    now.pop("can_redo"), before.pop("can_redo")
    assert now == before
    assert cell.lineage == {}


def test_no_daughter_is_there_before_the_division(cell):
    cell.divide(obj_id=3, frame=6, marks=MARKS)
    list(cell.propagate("both"))
    assert filled(cell, 4) == filled(cell, 5) == list(range(6, 12))
    assert filled(cell, 3) == list(range(6))


def test_daughters_of_daughters_and_three_at_once(cell):
    assert cell.divide(3, 4, [*MARKS, (10, 28)]) == [4, 5, 6]
    list(cell.propagate("forward"))
    assert cell.divide(5, 8, MARKS) == [7, 8]
    assert cell.lineage == {4: 3, 5: 3, 6: 3, 7: 5, 8: 5}
    assert cell.objects[8].name == "cell 3.2.2"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((3, 6, [(6, 8)]), "at least two different places"),
        ((3, 6, [(6, 8), (6, 8)]), "at least two different places"),
        ((3, 6, [(6, 8), (60, 8)]), "outside"),
        ((9, 6, MARKS), "There is no object 9"),
        ((3, 0, MARKS), "nothing of it before"),
        ((3, 12, MARKS), "There is no .* 12"),
    ],
)
def test_what_cannot_divide_is_a_sentence_and_changes_nothing(cell, arguments, text):
    before = log_of(cell)
    with pytest.raises(PromptError, match=text):
        cell.divide(*arguments)
    assert log_of(cell) == before


def test_a_locked_frame_beyond_keeps_the_object_whole(cell):
    cell.lock(obj_id=3, frame=9)
    before = log_of(cell)
    with pytest.raises(PromptError, match="9 is locked"):
        cell.divide(3, 6, MARKS)
    assert log_of(cell) == before


def test_a_division_stays_in_the_file_and_replays(cell, movie, tmp_path):
    cell.save(tmp_path / "case.sam2")
    cell.divide(3, 6, MARKS)
    cell.predict_frame(6)
    list(cell.propagate("forward"))
    # The answers to the clicks belong to the step of the division.
    assert [step.name for step in cell.steps][-2:] == ["divide", "propagate"]
    log = log_of(cell)
    cell.close()
    again = VideoSession.open(tmp_path / "case.sam2", FakePredictor(), movie)
    assert log_of(again) == log
    assert again.lineage == {4: 3, 5: 3}
    assert again.replay() == 0
    again.export_prompts(tmp_path / "case.json")
    objects = json.loads((tmp_path / "case.json").read_text())["objects"]
    assert [(o["id"], o.get("parent")) for o in objects] == [(3, None), (4, 3), (5, 3)]
    again.close()


def test_tracks_are_written_with_the_lineage(cell, tmp_path):
    cell.divide(3, 6, MARKS)
    list(cell.propagate("forward"))
    ns.write_tracks(tmp_path / "01_RES", cell)
    lines = (tmp_path / "01_RES" / "res_track.txt").read_text().split("\n")
    assert lines[:3] == ["3 0 5 0", "4 6 11 3", "5 6 11 3"]


def test_deleting_leaves_no_parent_and_undo_brings_it_back(cell):
    cell.divide(3, 6, MARKS)
    cell.delete_object(4)
    assert cell.lineage == {5: 3}
    cell.delete_object(3)
    assert cell.lineage == {}
    cell.undo()
    assert cell.lineage == {5: 3}


def family(session):
    """3 divides into 4 and 5, and 5 into 6 and 7."""
    session.divide(3, 4, MARKS)
    session.predict_frame(4)
    session.divide(5, 8, MARKS)
    assert session.lineage == {4: 3, 5: 3, 6: 5, 7: 5}


@pytest.mark.parametrize(
    ("into", "other", "lineage"),
    [
        (4, 5, {4: 3, 6: 4, 7: 4}),
        (3, 5, {4: 3, 6: 3, 7: 3}),
        (5, 3, {4: 5, 6: 5, 7: 5}),
        (6, 3, {4: 6, 5: 6, 7: 5}),
        (3, 6, {4: 3, 5: 3, 7: 5}),
    ],
)
def test_merging_hands_the_daughters_on(cell, into, other, lineage):
    family(cell)
    cell.merge_objects(into=into, other=other)
    assert cell.lineage == lineage


def test_an_object_without_a_parent_takes_that_of_what_it_swallows(cell):
    family(cell)
    cell.add_box(9, 9, (0, 0, 4, 4))
    cell.merge_objects(into=9, other=7)
    assert cell.lineage == {4: 3, 5: 3, 6: 5, 9: 5}


def test_new_ids_are_free_ones_up_to_the_last(cell):
    cell.add_box(65534, 3, (0, 0, 4, 4))
    assert cell.divide(3, 6, MARKS) == [65535, 1]
    with pytest.raises(PromptError, match="from 1 to 65535"):
        cell.add_box(65536, 3, (0, 0, 4, 4))
