"""A dialog that is a form with OK and Cancel below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from magicgui.widgets import Container


class FormDialog(QDialog):
    """What the dialogs with parameters share; subclasses say what the answer is.

    Parameters
    ----------
    title
        Of the window.
    form
        The fields.
    hint
        What they are for.
    below
        What stands between the fields and the buttons.
    parent
        Owner in Qt.
    """

    def __init__(
        self, title: str, form: Container, hint: str = "", *below: QWidget, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.form = form
        for field in form:
            field.native.setAccessibleName(getattr(field, "text", "") or field.label)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        assert ok is not None
        self.ok_button = ok
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        if hint:
            label = QLabel(hint)
            label.setWordWrap(True)
            column.addWidget(label)
            # Or a long hint makes a narrow window of many lines.
            self.setMinimumWidth(420)
        for widget in (form.native, *below, self.buttons):
            column.addWidget(widget)
