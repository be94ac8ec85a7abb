"""Small helpers for the panels: buttons with tooltips, rows, and reasons why something is disabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable


def button(text: str, tip: str, clicked: Callable[[], object] | None = None) -> QPushButton:
    """A push button; ``clicked`` is called without arguments."""
    made = QPushButton(text)
    made.setToolTip(tip)
    if clicked is not None:
        made.clicked.connect(lambda: clicked())
    return made


def toggle(text: str, tip: str, clicked: Callable[[], object] | None = None) -> QPushButton:
    """A push button that stays down."""
    made = button(text, tip, clicked)
    made.setCheckable(True)
    return made


def row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side, of equal width but for labels."""
    made = QHBoxLayout()
    made.setSpacing(4)
    for widget in widgets:
        made.addWidget(widget, 0 if isinstance(widget, QLabel) else 1)
    return made


def set_reason(widget: QWidget, why: str) -> None:
    """Enable a widget, or disable it and let its tooltip say why; an empty text enables."""
    tip = widget.property("napari_sam2_tip")
    if tip is None:
        tip = widget.toolTip()
        widget.setProperty("napari_sam2_tip", tip)
    widget.setEnabled(not why)
    widget.setToolTip(f"{tip}\n\nNot now: {why}" if why else str(tip))
