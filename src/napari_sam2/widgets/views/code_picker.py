"""A dialog that names a label: free text, or one of the common codes, found by typing the beginning of its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout

from napari_sam2.io.dicom.terminology import code_for, search_codes

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


class CodePicker(QDialog):
    """A line to type in, and below it the codes that fit.

    Parameters
    ----------
    label
        The label that gets the name.
    name
        Its name so far.
    """

    def __init__(self, label: int, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Name of label {label}")
        self.resize(360, 420)
        self.text = QLineEdit(name, self)
        self.text.setPlaceholderText("Type a name; for example: left kid")
        self.list = QListWidget(self)
        self.hint = QLabel(self)
        self.hint.setWordWrap(True)
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel, self)
        layout = QVBoxLayout(self)
        for widget in (self.text, self.list, self.hint, self.buttons):
            layout.addWidget(widget)
        self.text.textChanged.connect(self._search)
        self.list.itemClicked.connect(lambda item: self.text.setText(item.text()))
        self.list.itemDoubleClicked.connect(lambda _: self.accept())
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._search(name)

    def name(self) -> str:
        """Return the text as it stands."""
        return str(self.text.text()).strip()

    def _search(self, text: str) -> None:
        self.list.clear()
        for code in search_codes(text, limit=200):
            item = QListWidgetItem(code.title, self.list)
            item.setToolTip(f"{code.category[1]}; SNOMED CT {code.value}")
        exact = code_for(text)
        if exact is not None:
            self.hint.setText(f"In a DICOM-SEG: {exact.title}, SNOMED CT {exact.value}.")
        else:
            self.hint.setText("Free text: in a DICOM-SEG it names a segment that is coded as tissue." if text else "")
        self.hint.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(bool(text.strip()))
