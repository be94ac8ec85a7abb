"""Asks in which folder labels live that are too large for the memory."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets import CheckBox, Container, FileEdit
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget


class PlaceDialog(QDialog):
    """A folder; :meth:`folder` has the answer once it was accepted.

    Parameters
    ----------
    folder
        The one that was chosen before; None: none.
    where
        Where the labels of the current image are now.
    parent
        Owner in Qt.
    """

    def __init__(self, folder: Path | None, where: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Where large labels are kept")
        self.setMinimumWidth(420)
        hint = QLabel(
            "Labels of more than 1 GiB are kept on disk, slice by slice as they are computed. By default they lie in "
            f"an OME-Zarr image, else beside the session's file.\nNow: {where}"
        )
        hint.setWordWrap(True)
        self.own = CheckBox(text="in a folder of my choice:", value=folder is not None)
        self.edit = FileEdit(mode="d", value=folder or Path.home(), nullable=False)
        self.edit.changed.connect(lambda _: setattr(self.own, "value", True))
        self.form = Container(widgets=[self.own, self.edit], labels=False)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(hint)
        layout.addWidget(self.form.native)
        layout.addWidget(self.buttons)

    def folder(self) -> Path | None:
        """Return the folder that the form shows; None for the default."""
        return Path(self.edit.value) if self.own.value else None
