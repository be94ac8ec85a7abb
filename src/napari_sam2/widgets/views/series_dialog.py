"""A dialog that shows the series of a folder with pictures and geometry, and asks which to open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.io.dicom.series import SeriesInfo, thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SIDE = 64
_COLUMNS = ("", "Series", "Kind", "Images", "Size", "Spacing (mm)")


class SeriesDialog(QDialog):
    """One row a series; those that are no volume are grey and say why.

    Parameters
    ----------
    name
        Of the folder, for the title.
    series
        What it holds.
    """

    def __init__(self, name: str, series: Sequence[SeriesInfo], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Series in {name}")
        self.resize(760, 420)
        self._series = list(series)
        self._left = list(range(len(self._series)))
        self.table = QTableWidget(len(self._series), len(_COLUMNS), self)
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.setIconSize(QSize(_SIDE, _SIDE))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().setDefaultSectionSize(_SIDE + 4)
        self.table.verticalHeader().hide()
        self.table.setColumnWidth(0, _SIDE + 8)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Open | buttons.Cancel, self)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel(f"{name} holds {len(self._series)} series. Choose what to open:", self))
        layout.addWidget(self.table)
        layout.addWidget(self.buttons)
        for row, info in enumerate(self._series):
            self._fill(row, info)
        for column in range(2, len(_COLUMNS)):
            self.table.resizeColumnToContents(column)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.table.itemSelectionChanged.connect(self._selection_changed)
        self.table.itemDoubleClicked.connect(lambda _: self.chosen() and self.accept())
        first = next((i for i, s in enumerate(self._series) if not s.problem), None)
        if first is not None:
            self.table.selectRow(first)
        self._selection_changed()
        # Pictures come one by one, so that the dialog is there at once.
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._next_picture)
        self._timer.start(0)

    def chosen(self) -> list[int]:
        """Return the indices of the selected series that can be opened."""
        rows = sorted({i.row() for i in self.table.selectedIndexes()})
        return [self._series[row].index for row in rows if not self._series[row].problem]

    def done(self, result: int) -> None:
        """Stop making pictures when the dialog closes."""
        self._timer.stop()
        super().done(result)

    def _fill(self, row: int, info: SeriesInfo) -> None:
        images, rows, columns = info.shape
        spacing = " × ".join(f"{s:.3g}" for s in info.spacing) or "–"
        title = info.description or info.uid or "without description"
        title += f"\n{info.kind}" if info.kind else ""
        title += f"\nno volume: {info.problem}" if info.problem else ""
        for column, text in enumerate(("", title, info.modality, str(images), f"{rows} × {columns}", spacing)):
            item = QTableWidgetItem(text)
            item.setToolTip(info.problem or title)
            if info.problem:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.table.setItem(row, column, item)

    def _selection_changed(self) -> None:
        self.buttons.button(QDialogButtonBox.StandardButton.Open).setEnabled(bool(self.chosen()))

    def _next_picture(self) -> None:
        if not self._left:
            self._timer.stop()
            return
        row = self._left.pop(0)
        picture = thumbnail(self._series[row], _SIDE)
        if picture is not None:
            self.table.item(row, 0).setIcon(_icon(picture))


def _icon(picture: NDArray[np.uint8]) -> QIcon:
    """Make an icon of a grey ``(Y, X)`` or coloured ``(Y, X, 3)`` picture."""
    colours = np.ascontiguousarray(picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1))
    height, width = colours.shape[:2]
    image = QImage(colours.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QIcon(QPixmap.fromImage(image))
