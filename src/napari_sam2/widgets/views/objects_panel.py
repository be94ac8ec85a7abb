"""The list of objects of the dock widget."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.widgets.views.common import button, set_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = 1
_ROW = 24


@dataclass(frozen=True)
class ObjectRow:
    """The content of one line; ``color`` is ``(r, g, b)`` in 0…1, ``size`` a volume with its unit."""

    obj_id: int
    name: str
    color: tuple[float, float, float]
    state: str
    frames: int
    size: str
    visible: bool = True


class ObjectsPanel(QWidget):
    """A line for each object: shown or not, colour and number, name, state, frames with a mask, volume."""

    object_chosen = Signal(int)
    next_clicked = Signal()
    reset_clicked = Signal()
    delete_clicked = Signal()
    merge_clicked = Signal(int)
    move_clicked = Signal(int)
    renamed = Signal(int, str)
    visibility_changed = Signal(int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(0, 5)
        self.table.setHorizontalHeaderLabels(["Show", "Object", "State", "Slices", "Volume"])
        self.table.setToolTip(
            "The objects, in the order in which they claim pixels. Click one to go on with it, double-click its name\n"
            "to change it. The tick shows or hides it. Keys: Q and W choose the one before and after."
        )
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.table.setShowGrid(False)
        vertical = self.table.verticalHeader()
        header = self.table.horizontalHeader()
        assert vertical is not None
        assert header is not None
        vertical.setVisible(False)
        vertical.setDefaultSectionSize(_ROW)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        self._fit_rows(0)
        self.next_button = button(
            "New (M)", "Begin a new object; the next marks belong to it. Key: M", self.next_clicked.emit
        )
        self.reset_button = button(
            "Reset (R)",
            "Remove all marks and masks of the current object, and of no other. Undo brings them back. Key: R",
            self.reset_clicked.emit,
        )
        self.delete_button = button(
            "Delete", "Remove the current object with all that belongs to it.", self.delete_clicked.emit
        )
        self.merge_button = button("Merge", "Add the masks of another object to the current one.")
        self.merge_menu = QMenu(self)
        self.merge_button.setMenu(self.merge_menu)
        self.up_button = button(
            "▲", "Move the current object up; the order decides who keeps a pixel.", lambda: self.move_clicked.emit(-1)
        )
        self.down_button = button("▼", "Move the current object down.", lambda: self.move_clicked.emit(1))
        for each in (self.up_button, self.down_button):
            each.setFixedWidth(28)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for each, stretch in (
            (self.next_button, 3),
            (self.reset_button, 3),
            (self.delete_button, 2),
            (self.merge_button, 3),
            (self.up_button, 1),
            (self.down_button, 1),
        ):
            buttons.addWidget(each, stretch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.table)
        layout.addLayout(buttons)
        self.table.itemSelectionChanged.connect(self._on_selection)
        self.table.itemChanged.connect(self._on_edit)

    def set_objects(self, rows: Sequence[ObjectRow], current: int, called: str = "slices") -> None:
        """Show these objects, the current one selected; ``called`` is "slices" or "frames"."""
        blocked = self.table.blockSignals(True)
        self.table.setHorizontalHeaderItem(3, QTableWidgetItem(called.capitalize()))
        self.table.setRowCount(len(rows))
        self._fit_rows(len(rows))
        for i, row in enumerate(rows):
            cells = (str(row.obj_id), row.name, row.state, str(row.frames) if row.frames else "–", row.size)
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setData(Qt.ItemDataRole.UserRole, row.obj_id)
                if column != _NAME:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                if column == 0:
                    item.setIcon(_swatch(row.color))
                    item.setCheckState(Qt.CheckState.Checked if row.visible else Qt.CheckState.Unchecked)
                if column == _NAME:
                    item.setToolTip(row.name)
                self.table.setItem(i, column, item)
            if row.obj_id == current:
                self.table.selectRow(i)
        self.table.blockSignals(blocked)
        self.merge_menu.clear()
        for row in rows:
            if row.obj_id != current and row.frames:
                action = self.merge_menu.addAction(f"with {row.obj_id}  {row.name}")
                assert action is not None
                action.triggered.connect(partial(self._on_merge, row.obj_id))

    def _fit_rows(self, count: int) -> None:
        """Give the table room for its objects, at least four; of more than twelve it scrolls."""
        self.table.setFixedHeight(28 + _ROW * min(max(count, 4), 12))

    def set_enabled(self, next_reason: str, reset_reason: str, merge_reason: str) -> None:
        """Enable the buttons, or disable them with the reason as their tooltip."""
        set_reason(self.next_button, next_reason)
        for each in (self.reset_button, self.delete_button, self.up_button, self.down_button):
            set_reason(each, reset_reason)
        alone = "" if self.merge_menu.actions() else "there is no other object with a mask."
        set_reason(self.merge_button, merge_reason or alone)

    def _on_merge(self, other: int, checked: bool = False) -> None:
        self.merge_clicked.emit(other)

    def _on_selection(self) -> None:
        items = self.table.selectedItems()
        if items:
            self.object_chosen.emit(int(items[0].data(Qt.ItemDataRole.UserRole)))

    def _on_edit(self, item: QTableWidgetItem) -> None:
        obj_id = int(item.data(Qt.ItemDataRole.UserRole))
        if item.column() == 0:
            self.visibility_changed.emit(obj_id, item.checkState() == Qt.CheckState.Checked)
        elif item.column() == _NAME:
            self.renamed.emit(obj_id, item.text().strip())


def _swatch(color: tuple[float, float, float]) -> QIcon:
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor.fromRgbF(*color))
    return QIcon(pixmap)
