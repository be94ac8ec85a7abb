"""A small viewer of one plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.qt import QtViewer
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari.components import ViewerModel


class _Canvas(QtViewer):
    """A viewer that opens no files: what is dropped on it belongs into the main one."""

    def dragEnterEvent(self, event: Any) -> None:
        """Refuse."""
        event.ignore()


class PlaneView(QWidget):
    """A canvas with its sliders, and a line above it that says which plane it shows.

    Parameters
    ----------
    model
        What is shown.
    """

    def __init__(self, model: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel()
        self.title.setToolTip("The plane that is shown here: its vertical axis, then its horizontal one.")
        self.canvas: QtViewer | None = _Canvas(model)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.title)
        layout.addWidget(self.canvas, 1)

    def set_title(self, text: str) -> None:
        """Say which plane is shown."""
        self.title.setText(text)

    def drop(self) -> None:
        """Close the canvas, which holds memory of the graphics card."""
        if self.canvas is not None:
            canvas, self.canvas = self.canvas, None
            canvas.close()
