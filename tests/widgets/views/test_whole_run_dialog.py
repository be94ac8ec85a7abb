"""Asking how objects are followed along all axes, and through time."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.views.whole_run_dialog import ConsensusDialog, TimeDialog


def test_the_rule_and_what_the_run_takes(qtbot):
    dialog = ConsensusDialog()
    qtbot.addWidget(dialog)
    assert dialog.rule() == "vote"
    dialog.form[0].value = "mean"
    assert dialog.rule() == "mean"
    dialog.set_price("To compute: 3 slices.")
    assert dialog.price.text() == "To compute: 3 slices."


@pytest.mark.parametrize(
    ("time", "ways"),
    [(0, ["later"]), (4, ["earlier"]), (2, ["later", "earlier", "both"])],
    ids=["first", "last", "mid"],
)
def test_only_ways_that_there_are_can_be_chosen(qtbot, time, ways):
    dialog = TimeDialog(time, 5)
    qtbot.addWidget(dialog)
    assert list(dialog.form[0].choices) == ways
    dialog.form[0].value = ways[-1]
    answer = dialog.answer()
    assert (answer["forward"], answer["backward"]) == (ways[-1] != "earlier", ways[-1] != "later")
    assert (answer["seeds"], answer["moves"]) == ("middle", True)
