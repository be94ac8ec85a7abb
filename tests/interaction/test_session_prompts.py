"""Changes of prompts on their way to a session."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.prompts import BoxPrompt, PointPrompt, PromptSet
from napari_sam2.interaction.pending_prompts import NetChanges
from napari_sam2.interaction.session_prompts import prompt_table, tell
from napari_sam2.interaction.update import Update

CLICKS = PromptSet((PointPrompt(20, 25), PointPrompt(5, 5, False)))
BOX = PromptSet(box=BoxPrompt(4, 5, 10, 12))


@pytest.fixture
def session(worker):
    return worker.open()


def test_a_session_is_told_points_and_boxes_and_gives_them_back(session):
    changes = {(1, 2): CLICKS, (2, 5): BOX}
    assert tell(session, NetChanges(changes, []), Update()) == changes
    assert prompt_table(session) == changes
    assert session.prompts(1, 2).points == CLICKS.points


def test_masks_have_no_marker(session):
    session.add_mask(1, 3, np.ones(session.frame_shape, bool))
    session.add_mask(2, 3, np.ones(session.frame_shape, bool))
    session.add_points(2, 3, [(1, 2)])
    assert prompt_table(session) == {(2, 3): PromptSet((PointPrompt(1, 2),))}


def test_there_are_no_prompts_without_a_session():
    assert prompt_table(None) == {}


def test_the_same_clicks_in_another_order_are_no_change(session):
    tell(session, NetChanges({(1, 2): CLICKS}, []), Update())
    turned = PromptSet(CLICKS.points[::-1])
    assert tell(session, NetChanges({(1, 2): turned}, []), Update()) == {}
    assert session.prompts(1, 2).points == CLICKS.points


def test_what_is_refused_becomes_a_warning_and_the_markers_go_back(session):
    session.add_box(1, 5, (4, 5, 10, 12))
    session.predict_frame(5)
    session.lock(frame=5, obj_id=1)
    update = Update()
    tell(session, NetChanges({(1, 5): CLICKS, (1, 6): BOX}, []), update)
    assert len(update.warnings) == 1
    assert "locked" in update.warnings[0]
    assert update.prompts == {(1, 5): BOX}
    assert prompt_table(session) == {(1, 5): BOX, (1, 6): BOX}


def test_what_was_removed_together_is_one_step(session):
    tell(session, NetChanges({(1, 2): CLICKS, (1, 5): BOX}, []), Update())
    both = {(1, 2): None, (1, 5): None}
    tell(session, NetChanges(both, [set(both)]), Update())
    assert prompt_table(session) == {}
    session.undo()
    assert set(prompt_table(session)) == {(1, 2), (1, 5)}
