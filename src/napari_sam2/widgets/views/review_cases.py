"""The lower part of *Review cases*: the list, steps through it, what was found of the open case and of its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QGroupBox,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.widgets.views.common import button, combo, row, set_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATES = (("not reviewed", ""), ("accepted", "accepted"), ("rejected", "rejected"), ("needs edit", "needs edit"))
_COLORS = {"accepted": "#3aa655", "rejected": "#d9534f", "needs edit": "#d08a1d"}
_CASES, _OBJECTS = ("case", "review", "comment"), ("object", "slices", "review", "comment")
_NO_LIST = "open a list first."
_NO_CASE = "no case is open; double-click one in the list."


class CaseLine(NamedTuple):
    """A case as the list shows it; a problem stands in place of the comment."""

    name: str
    state: str
    comment: str
    problem: str = ""


class ObjectLine(NamedTuple):
    """An object of the open case as it is shown; ``color`` is ``(r, g, b)`` in 0…1."""

    obj_id: int
    name: str
    color: tuple[float, float, float]
    frames: int
    state: str
    comment: str


class ReviewCases(QWidget):
    """A list of cases, and a form for the one that is open."""

    case_chosen = Signal(int)
    step_clicked = Signal(int)
    next_doubtful_clicked = Signal()
    case_reviewed = Signal(str, str)
    object_chosen = Signal(int)
    object_reviewed = Signal(int, str, str)
    summary_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cases = _table(_CASES, "Double-click a case to open it with its image and its masks.")
        self.cases.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.cases.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.cases.cellActivated.connect(lambda line, _: self.case_chosen.emit(line))
        self.previous = button("◀ Previous", "Open the case before this one.", lambda: self.step_clicked.emit(-1))
        self.next = button("Next ▶", "Open the next case of the list.", lambda: self.step_clicked.emit(1))
        self.doubtful = button(
            "Next doubtful slice",
            "Show the next slice on which a mask is doubtful; the same as N.",
            self.next_doubtful_clicked.emit,
        )
        self.summary = button(
            "Save summary…",
            "Write a page with a picture of each case, and a table beside it. Nothing leaves this computer.",
            self.summary_clicked.emit,
        )
        self.state = _states("What you found of this case.")
        self.comment = QLineEdit()
        self.comment.setPlaceholderText("comment")
        self.comment.setToolTip("A few words to the case.")
        self.objects = _table(_OBJECTS, "A click shows an object; its review and comment are part of the session.")
        self.box = QGroupBox()
        self._shown: list[ObjectLine] | None = None
        self._lay_out()
        self.state.activated.connect(lambda _: self._tell_case())
        self.comment.editingFinished.connect(self.take_comment)
        self.objects.cellClicked.connect(self._choose_object)
        self.objects.itemChanged.connect(lambda item: self._tell_object(item.row()))
        self._said = ""
        self.set_cases([], None)
        self.set_steps(_NO_LIST, _NO_LIST)
        self.set_case("", "", "")

    def _lay_out(self) -> None:
        inner = QVBoxLayout(self.box)
        inner.addLayout(row(self.state, self.comment))
        inner.addWidget(self.objects, 1)
        inner.addWidget(self.doubtful)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.cases, 3)
        column.addLayout(row(self.previous, self.next))
        column.addWidget(self.box, 2)
        column.addWidget(self.summary)

    def set_cases(self, lines: Sequence[CaseLine], current: int | None) -> None:
        """List cases; the current one is marked."""
        self.cases.setRowCount(len(lines))
        for i, line in enumerate(lines):
            texts = (f"▸ {line.name}" if i == current else line.name, line.state, line.problem or line.comment)
            for j, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if j == 1 and text in _COLORS:
                    item.setForeground(QColor(_COLORS[text]))
                if line.problem:
                    item.setForeground(QColor(_COLORS["rejected"] if j == 2 else "#888888"))
                self.cases.setItem(i, j, item)
        if current is not None and current < len(lines):
            self.cases.selectRow(current)
        set_reason(self.summary, "" if lines else _NO_LIST)

    def set_steps(self, previous: str, following: str) -> None:
        """Enable the buttons to the previous and the next case, or disable them with a reason."""
        set_reason(self.previous, previous)
        set_reason(self.next, following)

    def set_case(self, name: str, state: str, comment: str) -> None:
        """Show what was found of the open case; no name: none is open."""
        self.box.setTitle(name or "No case is open")
        self.state.setCurrentIndex(max(self.state.findData(state), 0))
        self._said = comment
        # What is being typed is not taken away.
        if not (self.comment.hasFocus() and self.comment.isModified()):
            self.comment.setText(comment)
        for widget in (self.state, self.comment, self.objects, self.doubtful):
            set_reason(widget, "" if name else _NO_CASE)
        if not name:
            self.set_objects([])

    def set_objects(self, lines: Sequence[ObjectLine]) -> None:
        """List the objects of the open case."""
        if self._shown == list(lines):
            return
        self._shown = list(lines)
        blocker = QSignalBlocker(self.objects)
        self.objects.setRowCount(0)
        self.objects.setRowCount(len(lines))
        for i, line in enumerate(lines):
            fixed = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            name, frames, comment = (QTableWidgetItem(t) for t in (line.name, str(line.frames), line.comment))
            swatch = QPixmap(12, 12)
            swatch.fill(QColor.fromRgbF(*line.color))
            name.setIcon(QIcon(swatch))
            name.setFlags(fixed)
            frames.setFlags(fixed)
            frames.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            comment.setToolTip("A few words to the object; double-click to write.")
            states = _states("What you found of this object.")
            states.setCurrentIndex(max(states.findData(line.state), 0))
            states.activated.connect(lambda _, i=i: self._tell_object(i))
            for j, item in ((0, name), (1, frames), (3, comment)):
                self.objects.setItem(i, j, item)
            self.objects.setCellWidget(i, 2, states)
        blocker.unblock()

    def _tell_case(self) -> None:
        self.case_reviewed.emit(self.state.currentData(), self.comment.text())

    def take_comment(self) -> None:
        """Tell a comment that was typed: not every system ends typing where a button is pressed."""
        self.comment.setModified(False)
        if self.comment.text() != self._said:
            self._tell_case()

    def _choose_object(self, line: int, _: int) -> None:
        if self._shown:
            self.object_chosen.emit(self._shown[line].obj_id)

    def _tell_object(self, line: int) -> None:
        if self._shown:
            state, comment = self.objects.cellWidget(line, 2), self.objects.item(line, 3)
            self.object_reviewed.emit(self._shown[line].obj_id, state.currentData(), comment.text())


def _table(header: tuple[str, ...], tip: str) -> QTableWidget:
    table = QTableWidget(0, len(header))
    table.setHorizontalHeaderLabels(header)
    table.setToolTip(tip)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.verticalHeader().hide()
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setStretchLastSection(True)
    return table


def _states(tip: str) -> QComboBox:
    box = combo(tip)
    for text, state in _STATES:
        box.addItem(text, state)
        if state:
            box.setItemData(box.count() - 1, QColor(_COLORS[state]), Qt.ItemDataRole.ForegroundRole)
    return box
