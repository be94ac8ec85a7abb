"""The lower half of *Run over many images*: buttons, progress, and the list of cases, those to look at first on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QProgressBar,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.widgets.views.common import button, row

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER = ("case", "state", "doubtful", "note")
_COLORS = {"failed": "#c0392b", "doubtful": "#b7791f"}


class BatchResults(QWidget):
    """A list of cases with a bar and buttons; a double click on a case, or Enter, wants it opened."""

    check_clicked = Signal()
    stop_clicked = Signal()
    summary_clicked = Signal()
    folder_clicked = Signal()
    case_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.check_button = button(
            "Check only", "Look for what is wrong with the jobs, and compute nothing.", self.check_clicked.emit
        )
        self.stop_button = button("", "", self.stop_clicked.emit)
        self.summary_button = button(
            "Summary", "Show pictures and figures of all cases in the browser.", self.summary_clicked.emit
        )
        self.folder_button = button("Folder", "Open the folder of the results.", self.folder_clicked.emit)
        self.bar = QProgressBar()
        self.bar.setToolTip("How many cases have ended.")
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.table = QTableWidget(0, len(_HEADER))
        self.table.setHorizontalHeaderLabels(_HEADER)
        self.table.setToolTip("Double-click a case to look at it with its image in this window.")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.cellActivated.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row(self.check_button, self.stop_button))
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        layout.addWidget(self.table, 1)
        layout.addLayout(row(self.summary_button, self.folder_button))
        self.set_running(False)
        self.set_places(False)

    def set_running(self, running: bool, stopping: bool = False) -> None:
        """Show whether a batch is under way, and what the button to stop it does."""
        self.check_button.setEnabled(not running)
        self.stop_button.setEnabled(running)
        self.bar.setVisible(running)
        if stopping:
            self.stop_button.setText("Stop now")
            self.stop_button.setToolTip("Do not wait for the cases that are computed now; they can be taken up again.")
        else:
            self.stop_button.setText("Stop")
            self.stop_button.setToolTip("Finish the cases that are computed now, and begin no other.")

    def set_progress(self, done: int, total: int) -> None:
        """Show how many cases have ended."""
        # Of a total of 0 Qt makes a bar that moves by itself.
        self.bar.setMaximum(total)
        self.bar.setValue(done)
        self.bar.setFormat(f"{done} of {total}" if total else "")

    def set_status(self, text: str) -> None:
        """Show a sentence above the list."""
        self.status.setText(text)

    def set_places(self, there: bool) -> None:
        """Offer summary and folder where there are results."""
        self.summary_button.setEnabled(there)
        self.folder_button.setEnabled(there)

    def set_cases(self, cases: Sequence[tuple[str, str, str, str]]) -> None:
        """List cases: name, state, doubtful slices, and a note, in this order."""
        self.table.setRowCount(len(cases))
        for i, texts in enumerate(cases):
            for j, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if j == 1 and text in _COLORS:
                    item.setForeground(QColor(_COLORS[text]))
                if j == 2:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(i, j, item)

    def _choose(self, line: int, _: int) -> None:
        self.case_chosen.emit(self.table.item(line, 0).text())
