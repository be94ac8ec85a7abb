"""The list of objects of the dock widget."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.widgets.views.common import button, entry, leave_letters, menu, set_reason
from napari_sam2.widgets.views.theming import set_icon

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NAME, _STATE = 1, 2
_ROW = 22
# The table grows with its objects up to so many; from so many on they can be searched.
_MOST_ROWS = 6
SEARCH_FROM = 8


@dataclass(frozen=True)
class ObjectRow:
    """The content of one line.

    ``color`` is ``(r, g, b)`` in 0…1, ``size`` a volume or an area with its unit, ``voxels`` the same to sort by,
    ``hint`` says more of the state.
    """

    obj_id: int
    name: str
    color: tuple[float, float, float]
    state: str
    frames: int
    size: str
    visible: bool = True
    voxels: int = 0
    hint: str = ""


class ObjectsPanel(QWidget):
    """A line for each object: shown or not, colour and number, name, state, frames with a mask, volume.

    Attributes
    ----------
    menu : QMenu
        What is seldom wanted, for the button *More*.
    more_button : QPushButton
        Beside *New*.
    """

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
        self.table = self._make_table()
        self.search_field = QLineEdit()
        self.search_field.setPlaceholderText("Search objects")
        self.search_field.setAccessibleName("Search objects")
        self.search_field.setToolTip("Show the objects with this in their number, name or state.")
        self.search_field.setClearButtonEnabled(True)
        self.search_field.hide()
        self.search_field.textChanged.connect(lambda _: self._filter())
        self.next_button = button(
            "New object", "Begin a new object; the next marks belong to it.", self.next_clicked.emit, "new_object"
        )
        set_icon(self.next_button, "new")
        self.more_button = button("More", "What is seldom done with objects and marks.")
        self._make_menu()
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.next_button, 1)
        buttons.addWidget(self.more_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for each in (self.search_field, self.table):
            layout.addWidget(each)
        layout.addLayout(buttons)
        self._fit_rows()
        self.table.itemSelectionChanged.connect(self._on_selection)
        self.table.itemChanged.connect(self._on_edit)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, 5)
        leave_letters(table)
        table.setHorizontalHeaderLabels(["", "Object", "State", "Slices", "Volume"])
        table.setAccessibleName("Objects")
        table.setToolTip(
            "The objects, in the order in which they claim pixels. Click one to go on with it, double-click its name\n"
            "to change it. The tick shows or hides it. A click on a heading sorts, a third one ends that.\n"
            "Keys: Q and W choose the one before and after."
        )
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        table.setShowGrid(False)
        vertical = table.verticalHeader()
        header = table.horizontalHeader()
        assert vertical is not None
        assert header is not None
        vertical.setVisible(False)
        vertical.setDefaultSectionSize(_ROW)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSectionsClickable(True)
        header.sortIndicatorChanged.connect(self._on_sort)
        self._rows: list[ObjectRow] = []
        self._current = 0
        return table

    def _make_menu(self) -> None:
        self.menu = menu(self)
        self.reset_button = entry(
            self.menu,
            "Reset",
            "Remove all marks and masks of the current object, and of no other. Undo brings them back.",
            self.reset_clicked.emit,
            "reset_object",
        )
        self.delete_button = entry(
            self.menu,
            "Delete",
            "Remove the current object with all that belongs to it.",
            self.delete_clicked.emit,
            "delete_object",
        )
        self.merge_menu = QMenu("Merge", self)
        self.menu.addMenu(self.merge_menu)
        self.merge_button = self.merge_menu.menuAction()
        assert self.merge_button is not None
        self.merge_button.setToolTip("Add the masks of another object to the current one.")
        self.up_button = entry(
            self.menu,
            "Move up",
            "Move the current object up; the order decides who keeps a pixel.",
            lambda: self.move_clicked.emit(-1),
            "object_up",
        )
        self.down_button = entry(
            self.menu, "Move down", "Move the current object down.", lambda: self.move_clicked.emit(1), "object_down"
        )

    def set_objects(
        self, rows: Sequence[ObjectRow], current: int, called: str = "slices", measured: str = "Volume"
    ) -> None:
        """Show these objects, the current one selected; ``called`` is "slices" or "frames", ``measured`` their size."""
        self._rows, self._current = list(rows), current
        self.table.setHorizontalHeaderItem(3, QTableWidgetItem(called.capitalize()))
        self.table.setHorizontalHeaderItem(4, QTableWidgetItem(measured))
        self.search_field.setVisible(len(rows) >= SEARCH_FROM)
        if len(rows) < SEARCH_FROM:
            self.search_field.clear()
        self._show_rows()
        self.merge_menu.clear()
        for row in rows:
            if row.obj_id != current and row.frames:
                action = self.merge_menu.addAction(f"with {row.obj_id}  {row.name}")
                assert action is not None
                action.triggered.connect(partial(self._on_merge, row.obj_id))

    def _show_rows(self) -> None:
        """Fill the table, in the order of the objects or sorted by the heading that was clicked."""
        blocked = self.table.blockSignals(True)
        rows = self._sorted()
        self.table.setRowCount(len(rows))
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
                item.setToolTip(row.hint if column == _STATE else row.name if column == _NAME else "")
                self.table.setItem(i, column, item)
            if row.obj_id == self._current:
                self.table.selectRow(i)
        self.table.blockSignals(blocked)
        self._filter()

    def _on_sort(self, column: int, order: Qt.SortOrder) -> None:
        header = self.table.horizontalHeader()
        assert header is not None
        # Its arrow takes room in every heading.
        header.setSortIndicatorShown(column >= 0)
        self._show_rows()

    def _sorted(self) -> list[ObjectRow]:
        header = self.table.horizontalHeader()
        column = -1 if header is None else header.sortIndicatorSection()
        keys: dict[int, Callable[[ObjectRow], Any]] = {
            0: lambda row: row.obj_id,
            _NAME: lambda row: row.name.lower(),
            _STATE: lambda row: row.state,
            3: lambda row: row.frames,
            4: lambda row: row.voxels,
        }
        if header is None or column not in keys:
            return self._rows
        return sorted(self._rows, key=keys[column], reverse=header.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder)

    def _filter(self) -> None:
        """Show the objects that are searched for; the current one always."""
        wanted = self.search_field.text().strip().lower()
        for i, row in enumerate(self._sorted()):
            found = wanted in f"{row.obj_id} {row.name} {row.state}".lower()
            self.table.setRowHidden(i, not found and row.obj_id != self._current)
        self._fit_rows()

    def _fit_rows(self) -> None:
        """Give the table room for its objects; of more than a few it scrolls."""
        shown = sum(not self.table.isRowHidden(i) for i in range(self.table.rowCount()))
        header = self.table.horizontalHeader()
        above = 0 if header is None else header.sizeHint().height()
        self.table.setFixedHeight(above + 4 + _ROW * min(max(shown, 1), _MOST_ROWS))

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
