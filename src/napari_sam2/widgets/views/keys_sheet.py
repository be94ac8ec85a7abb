"""The sheet of keys."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_sam2.widgets.actions import ACTIONS, shown_key
from napari_sam2.widgets.views.common import button

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_COLUMNS = 3
_NOTE = (
    "While one of your own points, shapes or labels layers is active, the keys are napari's: press a tool of the "
    "panel, or select the image, to have these back."
)


class KeysSheet(QDialog):
    """All actions with their keys, by matter, in columns.

    Parameters
    ----------
    keys
        The key of each action, by its name.
    change
        Called to change them.
    """

    def __init__(self, keys: Mapping[str, str], change: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys of Segment with SAM 2")
        self.lines: dict[str, str] = {}
        content = QWidget()
        grid = QGridLayout(content)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(3)
        heights = [0] * _COLUMNS
        for group, actions in groupby(ACTIONS, key=lambda action: action.group):
            side = heights.index(min(heights))
            title = QLabel(f"<b>{group}</b>")
            grid.addWidget(title, heights[side], 3 * side, 1, 2)
            heights[side] += 1
            for action in actions:
                shown = shown_key(keys.get(action.name, "")) or "–"
                self.lines[action.text] = shown
                key = QLabel(f"<b>{shown}</b>")
                key.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                grid.addWidget(key, heights[side], 3 * side)
                grid.addWidget(QLabel(action.text), heights[side], 3 * side + 1)
                heights[side] += 1
        for side in range(1, _COLUMNS):
            grid.setColumnMinimumWidth(3 * side - 1, 20)
        grid.setRowStretch(max(heights), 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(content)
        note = QLabel(_NOTE)
        note.setWordWrap(True)
        self.change_button = button("Change keys…", "Open the settings of keys.", change)
        column = QVBoxLayout(self)
        column.addWidget(scroll, 1)
        column.addWidget(note)
        column.addWidget(self.change_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.resize(min(content.sizeHint().width() + 50, 1300), min(content.sizeHint().height() + 110, 700))
