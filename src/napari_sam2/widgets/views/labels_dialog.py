"""Asks which objects of which labels layer, on which slices, shall be taken as masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class LabelsWish:
    """What the user chose; ``every`` is None for the shown slice, else the step between slices."""

    layer: Any
    only_selected: bool
    every: int | None


class LabelsDialog(QDialog):
    """A small form; :meth:`wish` has the answer once it was accepted."""

    def __init__(self, layers: Sequence[tuple[str, Any]], called: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Start from labels")
        self.layer_box = QComboBox()
        for name, layer in layers:
            self.layer_box.addItem(name, layer)
        self.all_button = QRadioButton("all objects")
        self.selected_button = QRadioButton("the selected label only")
        self.shown_button = QRadioButton("on the one shown")
        self.every_button = QRadioButton("on one in")
        self.every_box = QSpinBox()
        self.every_box.setRange(1, 1000)
        self.every_box.setValue(10)
        self.all_button.setChecked(True)
        self.shown_button.setChecked(True)
        self.every_box.valueChanged.connect(lambda _: self.every_button.setChecked(True))
        form = QFormLayout()
        form.addRow("Labels", self.layer_box)
        form.addRow("Objects", _column(self.all_button, self.selected_button))
        every = QWidget()
        line = QHBoxLayout(every)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.every_button)
        line.addWidget(self.every_box)
        form.addRow(called.capitalize(), _column(self.shown_button, every))
        # They have different parents, which is what Qt goes by.
        slices = QButtonGroup(self)
        for each in (self.shown_button, self.every_button):
            slices.addButton(each)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)

    def wish(self) -> LabelsWish:
        """What the form says."""
        every = self.every_box.value() if self.every_button.isChecked() else None
        return LabelsWish(self.layer_box.currentData(), self.selected_button.isChecked(), every)


def _column(*widgets: QWidget) -> QWidget:
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return column
