"""A label that takes two lines at most; what is too long ends with dots, and is read in full as its tooltip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPainter, QTextLayout, QTextOption
from qtpy.QtWidgets import QLabel, QSizePolicy, QStyle, QStyleOption

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent
    from qtpy.QtWidgets import QWidget


class ElidedLabel(QLabel):
    """Never wider than its place, and always of the same height.

    Parameters
    ----------
    lines
        How many lines it takes.
    """

    def __init__(self, lines: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = lines
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def setText(self, text: str | None) -> None:
        """Show a text, and in full as the tooltip."""
        super().setText(text)
        self.setToolTip(text or "")
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room of its lines."""
        return QSize(60, self._lines * self.fontMetrics().lineSpacing() + 2)

    def minimumSizeHint(self) -> QSize:
        """Return the room of its lines."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw as much as there is room for."""
        painter = QPainter(self)
        option = QStyleOption()
        option.initFrom(self)
        style = self.style()
        if style is not None:
            style.drawPrimitive(QStyle.PrimitiveElement.PE_Widget, option, painter, self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        space, text = self.fontMetrics().lineSpacing(), self.text()
        lines = self._broken(text)
        top = (self.height() - space * len(lines)) // 2
        for i, (start, length) in enumerate(lines):
            part = text[start:] if i == self._lines - 1 else text[start : start + length]
            shown = self.fontMetrics().elidedText(part.strip(), Qt.TextElideMode.ElideRight, self._room())
            painter.drawText(max(self.indent(), 0), top + i * space + self.fontMetrics().ascent(), shown)
        painter.end()

    def _room(self) -> int:
        return self.width() - max(self.indent(), 0)

    def _broken(self, text: str) -> list[tuple[int, int]]:
        """Return where each line begins, and its length."""
        layout = QTextLayout(text, self.font())
        layout.setTextOption(QTextOption(Qt.AlignmentFlag.AlignLeft))
        lines: list[tuple[int, int]] = []
        layout.beginLayout()
        while len(lines) < self._lines:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(self._room())
            lines.append((line.textStart(), line.textLength()))
        layout.endLayout()
        return lines
