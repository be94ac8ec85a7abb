"""The list of objects."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication

from napari_sam2.widgets.views.objects_panel import ObjectRow, ObjectsPanel

ROWS = [
    ObjectRow(1, "liver", (1, 0, 0), "locked", 9, "12 ml"),
    ObjectRow(4, "spleen", (0, 1, 0), "tracked", 3, "2 ml", visible=False),
    ObjectRow(5, "object 5", (0.5, 0.5, 0.5), "empty", 0, "–"),
]


@pytest.fixture
def panel(qtbot):
    made = ObjectsPanel()
    qtbot.addWidget(made)
    made.set_objects(ROWS, 4, "frames")
    made.set_enabled("", "", "")
    return made


def heard(signal):
    found = []
    signal.connect(lambda *values: found.append(values))
    return found


def test_each_object_has_a_line_and_the_current_one_is_selected(panel):
    lines = [[panel.table.item(i, k).text() for k in range(5)] for i in range(3)]
    assert lines == [
        ["1", "liver", "locked", "9", "12 ml"],
        ["4", "spleen", "tracked", "3", "2 ml"],
        ["5", "object 5", "empty", "–", "–"],
    ]
    assert panel.table.currentRow() == 1
    assert panel.table.horizontalHeaderItem(3).text() == "Frames"


def test_showing_objects_chooses_and_renames_none(panel):
    said = [heard(s) for s in (panel.object_chosen, panel.renamed, panel.visibility_changed)]
    panel.set_objects(ROWS[:2], 1)
    assert said == [[], [], []]


def test_a_line_is_chosen_renamed_and_hidden(panel):
    chosen, renamed = heard(panel.object_chosen), heard(panel.renamed)
    visible = heard(panel.visibility_changed)
    panel.table.selectRow(0)
    panel.table.item(0, 1).setText(" right liver ")
    panel.table.item(1, 0).setCheckState(Qt.CheckState.Checked)
    assert chosen == [(1,)]
    assert renamed == [(1, "right liver")]
    assert visible == [(4, True)]


def test_letters_are_left_to_the_keys_of_the_panel(panel, qtbot):
    table = panel.table
    qtbot.keyClick(table, Qt.Key.Key_Up)
    assert table.currentRow() == 0
    letter = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_S, Qt.KeyboardModifier.NoModifier, "s")
    QApplication.sendEvent(table, letter)
    assert not letter.isAccepted()
    assert table.currentRow() == 0  # not at "spleen"


def test_only_other_objects_with_a_mask_are_offered_to_merge(panel):
    merged = heard(panel.merge_clicked)
    (action,) = panel.merge_menu.actions()
    action.trigger()
    assert merged == [(1,)]
    panel.set_objects(ROWS[1:], 4)
    panel.set_enabled("", "", "")
    assert not panel.merge_button.isEnabled()
    assert "no other object" in panel.merge_button.toolTip()


def test_the_arrows_move_by_one(panel):
    moved = heard(panel.move_clicked)
    panel.up_button.click()
    panel.down_button.click()
    assert moved == [(-1,), (1,)]
