"""The list of objects of the dock widget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class ObjectRow:
    """What one line shows; ``color`` is ``(r, g, b)`` in 0…1."""

    obj_id: int
    name: str
    color: tuple[float, float, float]
    state: str
    frames: int


class ObjectsPanel(QWidget):
    """A line for each object: colour and number, name, state, frames with a mask."""

    object_chosen = Signal(int)
    next_clicked = Signal()
    reset_clicked = Signal()
    renamed = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(0, 4)
        self.table.setHorizontalHeaderLabels(["", "Object", "State", "Frames"])
        self.table.setToolTip("The objects. Click one to go on with it; double-click its name to change it.")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.table.setShowGrid(False)
        vertical = self.table.verticalHeader()
        header = self.table.horizontalHeader()
        assert vertical is not None
        assert header is not None
        vertical.setVisible(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        # Room for about four objects; more of them scroll.
        self.table.setFixedHeight(130)
        self.next_button = QPushButton("Next object (M)")
        self.next_button.setToolTip("Begin a new object; the next marks belong to it. Key: M")
        self.reset_button = QPushButton("Reset object (R)")
        self.reset_button.setToolTip(
            "Remove all marks and masks of the current object, and of no other. Undo brings them back. Key: R"
        )
        row = QHBoxLayout()
        row.addWidget(self.next_button)
        row.addWidget(self.reset_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(row)
        self.next_button.clicked.connect(lambda: self.next_clicked.emit())
        self.reset_button.clicked.connect(lambda: self.reset_clicked.emit())
        self.table.itemSelectionChanged.connect(self._on_selection)
        self.table.itemChanged.connect(self._on_edit)

    def set_objects(self, rows: Sequence[ObjectRow], current: int) -> None:
        """Show these objects, the current one selected."""
        blocked = self.table.blockSignals(True)
        self.table.setRowCount(len(rows))
        for i, row in enumerate(rows):
            cells = (str(row.obj_id), row.name, row.state, str(row.frames) if row.frames else "–")
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setData(Qt.ItemDataRole.UserRole, row.obj_id)
                if column != 1:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                if column == 0:
                    item.setIcon(_swatch(row.color))
                self.table.setItem(i, column, item)
            if row.obj_id == current:
                self.table.selectRow(i)
        self.table.blockSignals(blocked)

    def set_enabled(self, next_why: str, reset_why: str) -> None:
        """Enable the buttons, or disable them with the reason as their tooltip."""
        for button, why in ((self.next_button, next_why), (self.reset_button, reset_why)):
            set_reason(button, why)

    def _on_selection(self) -> None:
        items = self.table.selectedItems()
        if items:
            self.object_chosen.emit(int(items[0].data(Qt.ItemDataRole.UserRole)))

    def _on_edit(self, item: QTableWidgetItem) -> None:
        if item.column() == 1:
            self.renamed.emit(int(item.data(Qt.ItemDataRole.UserRole)), item.text().strip())


def set_reason(widget: QWidget, why: str) -> None:
    """Enable a widget, or disable it and let its tooltip say why; an empty text enables."""
    tip = widget.property("napari_sam2_tip")
    if tip is None:
        tip = widget.toolTip()
        widget.setProperty("napari_sam2_tip", tip)
    widget.setEnabled(not why)
    widget.setToolTip(f"{tip}\n\nNot now: {why}" if why else str(tip))


def _swatch(color: tuple[float, float, float]) -> QIcon:
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor.fromRgbF(*color))
    return QIcon(pixmap)
