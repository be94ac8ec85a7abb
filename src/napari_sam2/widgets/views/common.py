"""Small helpers for the panels: buttons and lists with tooltips, rows, and reasons why something is disabled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QAbstractButton, QComboBox, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_sam2.core.formatting import in_terms_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EMPTY = "napari-sam2-empty"


def button(text: str, tip: str, clicked: Callable[[], object] | None = None) -> QPushButton:
    """Make a push button; ``clicked`` is called without arguments."""
    made = QPushButton(text)
    made.setToolTip(tip)
    if clicked is not None:
        made.clicked.connect(lambda: clicked())
    return made


def toggle(text: str, tip: str, clicked: Callable[[], object] | None = None) -> QPushButton:
    """Make a push button that stays down."""
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


def set_reason(widget: QWidget, reason: str) -> None:
    """Enable a widget, or disable it and let its tooltip say why; an empty text enables."""
    tip = widget.property("napari_sam2_tip")
    if tip is None:
        tip = widget.toolTip()
        widget.setProperty("napari_sam2_tip", tip)
    widget.setEnabled(not reason)
    widget.setToolTip(f"{tip}\n\nNot now: {reason}" if reason else str(tip))


def call_frames(panel: QWidget, frame_axis: str | None) -> None:
    """Let texts and tooltips of a panel speak of slices, or of frames where the axis is time."""
    for each in (panel, *panel.findChildren(QWidget)):
        tip = each.toolTip()
        if tip and (fitting := in_terms_of(tip, frame_axis)) != tip:
            each.setToolTip(fitting)
        base = each.property("napari_sam2_tip")
        if base:
            each.setProperty("napari_sam2_tip", in_terms_of(base, frame_axis))
        if isinstance(each, QAbstractButton):
            each.setText(in_terms_of(each.text(), frame_axis))


def combo(tip: str) -> QComboBox:
    """Make a list to choose from that does not widen the dock."""
    box = QComboBox()
    box.setToolTip(tip)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def fill(box: QComboBox, entries: Sequence[tuple[str, Any]], current: Any, empty: str) -> None:
    """Offer ``(text, value)`` pairs, the current value chosen; ``empty`` is shown where there are none."""
    box.clear()
    chosen = -1
    for i, (text, value) in enumerate(entries):
        box.addItem(text, value)
        # By identity for layers: comparing layers compares nothing useful.
        if value is current or (isinstance(value, str) and value == current):
            chosen = i
    if not entries:
        box.addItem(empty, _EMPTY)
    box.setEnabled(bool(entries))
    box.setCurrentIndex(chosen if entries else 0)


def is_filled(box: QComboBox) -> bool:
    """Return whether a list offers anything."""
    return box.count() > 0 and box.itemData(0) != _EMPTY
