"""What depends on napari's theme: our own drawings on buttons, sharp at every scale, and the button to press next."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from napari.utils.theme import get_theme
from qtpy.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QAbstractButton, QPushButton, QWidget

_NAME, _PRIMARY, _COLORS = "napari_sam2_icon", "napari_sam2_primary", "napari_sam2_colors"
_FADED = 0.35


class _Drawing(QIconEngine):
    """Paints an SVG anew at each size; a disabled one faintly."""

    def __init__(self, svg: str) -> None:
        super().__init__()
        self._svg = svg
        self._renderer = QSvgRenderer(QByteArray(svg.encode()))

    def paint(self, painter: QPainter | None, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        """Draw into a rectangle."""
        if painter is not None and mode == QIcon.Mode.Disabled:
            painter.setOpacity(_FADED)
        self._renderer.render(painter, QRectF(rect))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """Draw a picture of this size."""
        made = QPixmap(size)
        made.fill(Qt.GlobalColor.transparent)
        painter = QPainter(made)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return made

    def clone(self) -> QIconEngine:
        """Return the same drawing."""
        return _Drawing(self._svg)


def set_icon(button: QAbstractButton, name: str) -> None:
    """Give a button a drawing of ours; it is seen once :func:`apply_theme` knows the theme."""
    button.setProperty(_NAME, name)


def set_primary(button: QPushButton, on: bool = True) -> None:
    """Let a button stand out, because it is what most people press next; or no more."""
    if bool(button.property(_PRIMARY)) != on:
        button.setProperty(_PRIMARY, on)
        _emphasize(button)


def apply_theme(panel: QWidget, theme: str) -> None:
    """Draw the icons of a panel, and what stands out in it, in the colours of a theme of napari."""
    chosen = get_theme(theme)
    color = chosen.icon.as_hex()
    for button in panel.findChildren(QAbstractButton):
        button.setProperty(_COLORS, [chosen.current.as_hex(), chosen.highlight.as_hex()])
        name = button.property(_NAME)
        if name:
            button.setIcon(QIcon(_Drawing(_source(str(name)).replace("currentColor", color))))
        if button.property(_PRIMARY):
            _emphasize(button)


def _emphasize(button: QAbstractButton) -> None:
    colors = button.property(_COLORS)
    if colors and button.property(_PRIMARY):
        button.setStyleSheet(
            f"QPushButton:enabled {{ background-color: {colors[0]}; }}"
            f"QPushButton:enabled:hover {{ background-color: {colors[1]}; }}"
        )
    else:
        button.setStyleSheet("")


@cache
def _source(name: str) -> str:
    return (files("napari_sam2.widgets.views") / "icons" / f"{name}.svg").read_text(encoding="utf-8")
