"""Choosing which channels are red, green and blue."""

from __future__ import annotations

from qtpy.QtWidgets import QDialogButtonBox

from napari_sam2.widgets.views.channels_dialog import ChannelsDialog


def test_channels_are_taken_in_the_order_of_the_colours_without_a_gap(qtbot):
    dialog = ChannelsDialog(4, (2,))
    qtbot.addWidget(dialog)
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    assert dialog.channels() == (0, 1, 2)
    dialog.boxes[0].value, dialog.boxes[2].value = 3, -1
    assert (dialog.channels(), ok.isEnabled()) == ((3, 1), True)
    dialog.boxes[0].value = -1
    assert not ok.isEnabled()
    assert "red first" in ok.toolTip()


def test_what_is_chosen_now_is_shown(qtbot):
    dialog = ChannelsDialog(4, (3, 1))
    qtbot.addWidget(dialog)
    assert dialog.channels() == (3, 1)
