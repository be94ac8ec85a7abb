"""The question about an earlier session."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.views.offer_panel import OfferPanel


@pytest.fixture
def panel(qtbot):
    made = OfferPanel()
    qtbot.addWidget(made)
    return made


def test_there_is_no_question_without_a_text(panel):
    assert panel.isHidden()
    panel.set_offer("You worked on this image.", "/a/b.sam2")
    assert not panel.isHidden()
    assert panel.label.toolTip() == "/a/b.sam2"
    panel.set_offer("", "")
    assert panel.isHidden()


def test_both_answers_are_said_unless_there_is_a_reason_against(panel):
    answers = []
    panel.continue_clicked.connect(lambda: answers.append("continue"))
    panel.anew_clicked.connect(lambda: answers.append("anew"))
    panel.set_enabled("a run is under way.")
    panel.continue_button.click()
    panel.set_enabled("")
    panel.continue_button.click()
    panel.anew_button.click()
    assert answers == ["continue", "anew"]
