"""Where the keys go after a click in the panel: to the picture, as before it."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import button, icon_button
from napari_sam2.widgets.views.objects_panel import ObjectRow, ObjectsPanel
from napari_sam2.widgets.views.run_panel import RunPanel


class Desk(QWidget):
    """Something that takes the focus, as the picture does, with panels below; notes the keys that nobody took."""

    typed = Signal(str)

    def __init__(self, *below):
        super().__init__()
        self.picture = QWidget()
        self.picture.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        column = QVBoxLayout(self)
        for each in (self.picture, *below):
            column.addWidget(each)

    def keyPressEvent(self, event):
        self.typed.emit(event.text())


@pytest.fixture
def show(qtbot):
    desks = []

    def make(*below):
        desks.append(desk := Desk(*below))
        qtbot.addWidget(desk)
        desk.show()
        QApplication.setActiveWindow(desk)
        desk.picture.setFocus()
        qtbot.waitUntil(desk.picture.hasFocus)
        return desk

    return make


@pytest.mark.parametrize("make", [lambda: button("Lock", ""), lambda: icon_button("undo", "Undo", "")])
def test_a_click_on_a_button_leaves_the_focus_to_the_picture_and_tab_leads_to_the_button(show, qtbot, make):
    made = make()
    desk = show(made)
    qtbot.mouseClick(made, Qt.MouseButton.LeftButton)
    assert desk.picture.hasFocus()
    qtbot.keyClick(desk.picture, Qt.Key.Key_Tab)
    assert made.hasFocus()


def test_a_click_on_a_button_ends_what_is_being_typed(show, qtbot):
    made, line, ended = button("Lock", ""), QLineEdit(), []
    line.editingFinished.connect(lambda: ended.append(line.text()))
    show(made, line)
    line.setFocus()
    qtbot.keyClicks(line, "liver")
    qtbot.mouseClick(made, Qt.MouseButton.LeftButton)
    assert ended == ["liver"]


def test_a_name_that_is_being_typed_is_kept_when_a_button_is_clicked(show, qtbot):
    panel, named = ObjectsPanel(), []
    panel.renamed.connect(lambda obj_id, name: named.append((obj_id, name)))
    show(panel)
    panel.set_objects([ObjectRow(1, "object 1", (1, 0, 0), "done", 3, "1 mL")], 1)
    panel.table.editItem(panel.table.item(0, 1))
    editor = panel.table.findChild(QLineEdit)
    editor.setFocus()
    editor.setText("liver")
    qtbot.mouseClick(panel.next_button, Qt.MouseButton.LeftButton)
    assert named == [(1, "liver")]


def test_letters_typed_at_a_number_of_the_range_are_keys_and_digits_are_digits(show, qtbot):
    panel = RunPanel()
    desk, typed = show(panel), []
    desk.typed.connect(typed.append)
    panel.set_frame_count(48)
    panel.range_entry.setChecked(True)
    panel.last_box.setFocus()
    panel.last_box.selectAll()
    qtbot.keyClicks(panel.last_box, "12S")
    assert panel.last_box.value() == 12
    assert typed == ["S"]
