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
        space, lines = self.fontMetrics().lineSpacing(), self.shown_lines()
        top = (self.height() - space * len(lines)) // 2
        for i, line in enumerate(lines):
            painter.drawText(max(self.indent(), 0), top + i * space + self.fontMetrics().ascent(), line)
        painter.end()

    def shown_lines(self) -> list[str]:
        """Return what there is room for.

        A second line of the text is left out where the first needs the room.
        """
        metrics, room = self.fontMetrics(), self.width() - max(self.indent(), 0)
        given = self.text().split("\n")[: self._lines]
        if len(given) > 1 and metrics.horizontalAdvance(given[0]) <= room:
            return [metrics.elidedText(line, Qt.TextElideMode.ElideRight, room) for line in given]
        text = given[0]
        starts = self._starts(text, room)
        ends = [*starts[1:], len(text)]
        return [
            metrics.elidedText(text[start:end].strip(), Qt.TextElideMode.ElideRight, room)
            for start, end in zip(starts, ends, strict=True)
        ]

    def _starts(self, text: str, room: int) -> list[int]:
        """Return where each line begins; the last one has all that is left."""
        layout = QTextLayout(text, self.font())
        layout.setTextOption(QTextOption(Qt.AlignmentFlag.AlignLeft))
        starts: list[int] = []
        layout.beginLayout()
        while len(starts) < self._lines:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(room)
            starts.append(line.textStart())
        layout.endLayout()
        return starts
