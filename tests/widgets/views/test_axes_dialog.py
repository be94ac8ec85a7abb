"""Saying what the axes of an image are."""

from __future__ import annotations

from qtpy.QtWidgets import QDialogButtonBox

from napari_sam2.layers.axis_names import AXIS_WORDS, check_letters
from napari_sam2.widgets.views.axes_dialog import AxesDialog


def test_letters_that_cannot_be_are_refused_with_the_reason(qtbot):
    rows = [("axis 1: 12 long", "z"), ("axis 2: 30 long", "y"), ("axis 3: 32 long", "x")]
    dialog = AxesDialog(rows, AXIS_WORDS, lambda letters: check_letters(letters, 3))
    qtbot.addWidget(dialog)
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    assert (dialog.letters(), ok.isEnabled(), dialog.problem.text()) == ("zyx", True, "")
    dialog.boxes[0].value = "y"
    assert not ok.isEnabled()
    assert "two axes cannot both be row" in dialog.problem.text()
    dialog.boxes[0].value = "t"
    assert (dialog.letters(), ok.isEnabled()) == ("tyx", True)
