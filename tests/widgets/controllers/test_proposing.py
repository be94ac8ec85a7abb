"""Proposals of the model: accepted or rejected one by one, by key, click or button."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.engine.protocols import Proposal
from napari_sam2.layers.extra_layers import PROPOSALS_NAME
from support.predictors import FakePredictor, FakeStream

BOXES = {(2, 2, 8, 8): 0.9, (12, 10, 20, 20): 0.8, (25, 25, 35, 40): 0.7}


class FindingStream(FakeStream):
    """Finds three boxes on every frame."""

    def propose(self, frame, spacing_px=None, *, forbidden=None, cancelled=None, progress=None):
        found = []
        for (y0, x0, y1, x1), iou in BOXES.items():
            mask = np.zeros(self.shape, bool)
            mask[y0:y1, x0:x1] = True
            found.append(Proposal(RunLengthMask.encode(mask), iou, (y0 + 1.0, x0 + 1.0)))
        return found


class FindingPredictor(FakePredictor):
    stream_type = FindingStream


@pytest.fixture
def predictor():
    return FindingPredictor(shift=0, radius=4)


@pytest.fixture
def asked(make_driver, volume_data):
    """A driver with the proposals of slice 4 on view."""
    driver = make_driver(volume_data)
    driver.show_frame(4)
    driver.widget.many.propose_button.click()
    driver.settle()
    return driver


def test_proposals_are_shown_and_nothing_is_taken_unasked(asked):
    layer = asked.viewer.layers[PROPOSALS_NAME]
    assert np.unique(layer.data[4]).tolist() == [0, 1, 2, 3]
    assert not layer.data[:4].any()
    assert asked.viewer.layers.selection.active is layer
    assert asked.widget.many.proposal_label.text() == "3 left; this one: IoU 0.90"
    assert asked.widget.header.hint_label.text().startswith("Is the yellow one an object?")
    assert asked.session.objects == {}
    assert layer.get_color(1).tolist() != layer.get_color(2).tolist()


def test_enter_accepts_and_backspace_rejects(asked):
    layer = asked.viewer.layers[PROPOSALS_NAME]
    asked.press("Enter", layer)
    asked.press("Backspace", layer)
    assert np.unique(layer.data[4]).tolist() == [0, 3]
    assert list(asked.session.objects) == [1]
    assert (asked.labels[4, 2:8, 2:8] == 1).all()
    assert not asked.labels[4, 12:20, 10:20].any()
    asked.press("Enter", layer)
    assert PROPOSALS_NAME not in asked.viewer.layers
    assert asked.widget.many.proposal_row.isHidden()
    assert (asked.labels[4, 25:35, 25:40] == 2).all()
    asked.controller.step(back=True)
    asked.settle()
    assert list(asked.session.objects) == [1]


def test_a_click_takes_the_one_that_is_clicked_and_a_drag_none(asked, qtbot):
    layer = asked.viewer.layers[PROPOSALS_NAME]

    def click(dragged):
        event = SimpleNamespace(type="mouse_press", position=(4, 15, 15))
        run = asked.controller.proposing._on_click(layer, event)
        next(run)
        if dragged:
            event.type = "mouse_move"
            next(run)
        event.type = "mouse_release"
        next(run, None)
        qtbot.wait(50)
        asked.settle()

    click(dragged=True)
    assert asked.session.objects == {}
    click(dragged=False)
    assert (asked.labels[4, 12:20, 10:20] == 1).all()
    assert np.unique(layer.data[4]).tolist() == [0, 1, 3]


def test_all_that_are_left_can_be_taken_or_left(asked):
    asked.widget.many.reject_button.click()
    asked.widget.many.accept_all_button.click()
    asked.settle()
    assert len(asked.session.objects) == 2
    asked.widget.many.propose_button.click()
    asked.settle()
    asked.widget.many.done_button.click()
    asked.settle()
    assert len(asked.session.objects) == 2
    assert PROPOSALS_NAME not in asked.viewer.layers


def test_another_image_drops_the_proposals(asked):
    other = asked.viewer.add_image(np.zeros((5, 30, 32)))
    asked.controller.selection.choose_image(other)
    asked.settle()
    assert PROPOSALS_NAME not in asked.viewer.layers
