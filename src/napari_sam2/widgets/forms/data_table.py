"""A table of measurements: units in its header, colours of the objects, sorted by a click, saved as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QTableView

from napari_sam2.io.tables import header_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    Color = tuple[float, ...]


class DataModel(QAbstractTableModel):
    """A pandas table for Qt's views; the texts have four digits, the values to sort by have all."""

    def __init__(self) -> None:
        super().__init__()
        self.table = pd.DataFrame()
        self.colors: dict[int, QColor] = {}
        self._headers: list[str] = []

    def show(self, table: pd.DataFrame, colors: Mapping[int, Color]) -> None:
        """Show a table.

        Parameters
        ----------
        table
            With a column ``object``.
        colors
            Red, green and blue (0 to 1) of objects.
        """
        self.beginResetModel()
        self.table = table
        self.colors = {i: QColor.fromRgbF(*(float(v) for v in color[:3])) for i, color in colors.items()}
        self._headers = header_texts(table)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count the rows; a table has no rows below rows."""
        return 0 if parent is not None and parent.isValid() else len(self.table)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Count the columns."""
        return 0 if parent is not None and parent.isValid() else len(self.table.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, its value to sort by, or the colour of its object."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DecorationRole:
            return self.colors.get(self.object_at(index.row())) if index.column() == 0 else None
        value: Any = self.table.iat[index.row(), index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(value)
        if role == Qt.ItemDataRole.UserRole:
            return sort_value(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the name of a column, with its unit."""
        if orientation == Qt.Orientation.Horizontal and role in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
        ):
            return self._headers[section] if section < len(self._headers) else None
        return None

    def object_at(self, row: int) -> int:
        """Return the number of a row's object; 0 for none."""
        return int(self.table["object"].to_numpy(dtype=int)[row]) if "object" in self.table else 0


class DataTable(QTableView):
    """Shows a table, and tells which row was clicked."""

    row_clicked = Signal(int)
    """Row of the table, however it is sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.model_ = DataModel()
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self.model_)
        self._sorted.setSortRole(Qt.ItemDataRole.UserRole)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.verticalHeader().setVisible(False)
        self.setMinimumHeight(120)
        self.clicked.connect(lambda index: self.row_clicked.emit(self._sorted.mapToSource(index).row()))

    @property
    def table(self) -> pd.DataFrame:
        """The table that is shown."""
        return self.model_.table

    def show_table(self, table: pd.DataFrame, colors: Mapping[int, Color]) -> None:
        """Show a table, as of :meth:`DataModel.show`."""
        self.model_.show(table, colors)
        self.resizeColumnsToContents()


def cell_text(value: Any) -> str:
    """Write a value with four significant digits; nothing for what is missing.

    Examples
    --------
    >>> cell_text(12.3456), cell_text(1234567.0), cell_text(float("nan")), cell_text(7)
    ('12.35', '1234567', '', '7')
    """
    if pd.isna(value):
        return ""
    if isinstance(value, float):  # NumPy's doubles are floats, too
        return f"{value:.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
    return str(value)


def sort_value(value: Any) -> Any:
    """Return what a value is sorted by; what is missing comes first."""
    if isinstance(value, str):
        return value
    return float("-inf") if pd.isna(value) else float(value)
