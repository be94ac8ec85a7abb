"""The window of settings: what is seldom changed, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import Container, Label, LineEdit
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDialog, QLabel, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from napari_sam2.widgets.actions import ACTIONS, DEFAULT_KEYS, clash, wrong_key
from napari_sam2.widgets.views.common import button, row

if TYPE_CHECKING:
    from collections.abc import Mapping


class KeysForm(QWidget):
    """A field for the key of each action; emits all of them once they can be used together."""

    keys_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields = {a.name: LineEdit(name=a.name, label=a.text, tooltip=f"First: {a.key}") for a in ACTIONS}
        rows, group = [], ""
        for action in ACTIONS:
            if action.group != group:
                group = action.group
                rows.append(Label(value=f"<b>{group}</b>", label=" "))
            rows.append(self.fields[action.name])
        self.form = Container(widgets=rows, labels=False)
        # Put in anew, all labels get the same width.
        self.form.labels = True
        self.problem_label = QLabel()
        self.problem_label.setWordWrap(True)
        self.apply_button = button("Use these keys", "Bind them from now on, and remember them.", self._apply)
        self.reset_button = button("Keys as at first", "Fill in the keys that the plugin came with.", self._reset)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(self.form.native)
        column = QVBoxLayout(self)
        column.addWidget(QLabel("A letter, a digit or F1 to F12, with Shift-, Control- or Alt- before it; or nothing."))
        column.addWidget(scroll, 1)
        column.addWidget(self.problem_label)
        column.addLayout(row(self.reset_button, self.apply_button))
        for field in self.fields.values():
            field.changed.connect(lambda _: self._check())
        self.set_keys(DEFAULT_KEYS)

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """Show these keys."""
        for name, field in self.fields.items():
            with field.changed.blocked():
                field.value = keys.get(name, "")
        self._check()

    def keys(self) -> dict[str, str]:
        """Return the keys as they stand in the fields."""
        return {name: field.value.strip() for name, field in self.fields.items()}

    def _check(self) -> str:
        keys = self.keys()
        problem = next((text for key in keys.values() if (text := wrong_key(key))), "") or clash(keys)
        self.problem_label.setText(problem)
        self.apply_button.setEnabled(not problem)
        return problem

    def _apply(self) -> None:
        if not self._check():
            self.keys_chosen.emit(self.keys())

    def _reset(self) -> None:
        self.set_keys(DEFAULT_KEYS)


class SettingsDialog(QDialog):
    """Stays open beside the work; nothing has to be confirmed but the keys.

    Parameters
    ----------
    general
        The panel of the first page.
    """

    def __init__(self, general: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings of Segment with SAM 2")
        self.keys_form = KeysForm()
        self.tabs = QTabWidget()
        self.tabs.addTab(general, "General")
        self.tabs.addTab(self.keys_form, "Keys")
        column = QVBoxLayout(self)
        column.addWidget(self.tabs)
        self.resize(460, 560)
