"""Choosing which channels are red, green and blue."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QDialogButtonBox

from napari_sam2.widgets.views.channels_dialog import Channel, ChannelsDialog

FOUR = [Channel(f"channel {i}", i) for i in range(4)]


@pytest.fixture
def make(qtbot):
    def make(*arguments):
        dialog = ChannelsDialog(*arguments)
        qtbot.addWidget(dialog)
        return dialog, dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)

    return make


def test_channels_are_taken_in_the_order_of_the_colours_without_a_gap(make):
    dialog, ok = make(FOUR, (2,))
    assert dialog.channels() == (0, 1, 2)
    dialog.boxes[0].value, dialog.boxes[2].value = 3, -1
    assert (dialog.channels(), ok.isEnabled()) == ((3, 1), True)
    dialog.boxes[0].value = -1
    assert not ok.isEnabled()
    assert "red first" in ok.toolTip()


def test_what_is_chosen_now_is_shown(make):
    dialog, _ = make(FOUR, (3, 1))
    assert dialog.channels() == (3, 1)
    assert dialog.limits() is None


def test_limits_of_ones_own_are_those_of_the_chosen_channels(make):
    dialog, ok = make(FOUR, (3, 1), [(0, 10), (5, 20), (0, 1)])
    assert dialog.limits() is None
    dialog.limits_boxes[1][0].value = 7
    assert dialog.limits() == ((0, 10), (7, 20))
    dialog.limits_boxes[0][1].value = -1
    assert not ok.isEnabled()
    assert "below white" in ok.toolTip()


def test_limits_of_small_values_come_back_unrounded(make):
    dialog, ok = make(FOUR, (3, 1), [(0.0, 0.0012345678), (0.1, 0.3), (0, 1)])
    dialog.own.value = True
    assert dialog.limits() == ((0.0, 0.0012345678), (0.1, 0.3))
    assert ok.isEnabled()
    dialog.limits_boxes[0][1].value = 0.002
    assert dialog.limits() == ((0.0, 0.002), (0.1, 0.3))


def test_layers_have_the_colour_in_which_they_are_shown(make):
    ct, pet = object(), object()
    dialog, _ = make([Channel("ct", ct, (1.0, 1.0, 1.0)), Channel("pet", pet, (1.0, 0.0, 0.0))], ())
    assert dialog.channels() == (ct, pet)
    picture = dialog.boxes[0].native.itemIcon(2).pixmap(12, 12).toImage()
    assert picture.pixelColor(5, 5).getRgb()[:3] == (255, 0, 0)
    assert not dialog.own.visible
