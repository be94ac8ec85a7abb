"""A card that leads through the panel, and a border around what is to be pressed."""

from __future__ import annotations

from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import button
from napari_sam2.widgets.views.theming import set_primary

_WIDTH = 3


class _Border(QWidget):
    """Lies on a widget, lets the mouse through, and follows its size."""

    def __init__(self, around: QWidget, color: str) -> None:
        super().__init__(around)
        self._color = color
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        around.installEventFilter(self)
        self.setGeometry(around.rect())
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Be as large as the widget."""
        around = self.parentWidget()
        if around is not None and event is not None and event.type() == QEvent.Type.Resize:
            self.setGeometry(around.rect())
        return False

    def paintEvent(self, event: Any) -> None:
        """Draw the border."""
        painter = QPainter(self)
        painter.setPen(QPen(QColor(self._color), _WIDTH))
        painter.drawRect(self.rect().adjusted(1, 1, -2, -2))
        painter.end()


class TourCard(QFrame):
    """Which step it is, what to do, and buttons to have it done and to end."""

    next_clicked = Signal()
    close_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.count_label = QLabel()
        self.text_label = QLabel()
        self.text_label.setWordWrap(True)
        self.text_label.setAccessibleName("Tour")
        self.next_button = button("Next", "Have it done, and go on.", self.next_clicked.emit)
        set_primary(self.next_button)
        self.close_button = button("End the tour", "What was made stays.", self.close_clicked.emit)
        line = QHBoxLayout()
        line.addWidget(self.count_label, 1)
        line.addWidget(self.close_button)
        line.addWidget(self.next_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        column.addWidget(self.text_label)
        column.addLayout(line)
        self._border: _Border | None = None
        self.hide()

    def set_step(self, number: int, count: int, text: str, last: bool) -> None:
        """Show a step, counted from 1."""
        self.count_label.setText(f"{number} of {count}")
        self.text_label.setText(text)
        self.next_button.setText("Done" if last else "Next")
        self.close_button.setVisible(not last)
        self.show()

    def point_at(self, target: QWidget | None, theme: str) -> None:
        """Draw a border around a widget; None: around nothing."""
        if self._border is not None:
            self._border.hide()
            self._border.deleteLater()
            self._border = None
        if target is not None:
            self._border = _Border(target, get_theme(theme).warning.as_hex())

    def end(self) -> None:
        """Show no tour."""
        self.point_at(None, "dark")
        self.hide()
