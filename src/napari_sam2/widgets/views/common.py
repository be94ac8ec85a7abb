"""What the panels are made of: buttons, entries of menus and lists, with tooltips, keys, and reasons why not now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QAction, QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QWidget,
)

from napari_sam2.core.formatting import in_terms_of
from napari_sam2.widgets.actions import DEFAULT_KEYS, shown_key
from napari_sam2.widgets.views.theming import set_icon

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_EMPTY = "napari-sam2-empty"
# Kept on the button or entry itself, so that text and tooltip can be put together anew when one of them changes.
_ACTION, _TEXT, _TIP, _KEY, _REASON = (f"napari_sam2_{name}" for name in ("action", "text", "tip", "key", "reason"))
# What a button says: its words with the key behind them, its key alone (beside an icon), or what it was given.
_STYLE = "napari_sam2_style"
_WITH_KEY, _KEY_ALONE, _PLAIN = "with key", "key alone", "plain"
_ICON_WIDTH = 28


class MenuEntry(QAction):
    """A line of a menu that can be used like a button."""

    def click(self) -> None:
        """Do what it says, if it can be done now."""
        if self.isEnabled():
            self.trigger()


def button(text: str, tip: str, clicked: Callable[[], object] | None = None, action: str = "") -> QPushButton:
    """Make a push button; ``clicked`` is called without arguments, and the key of ``action`` is shown."""
    made = QPushButton()
    _dress(made, text, tip, action, _WITH_KEY)
    leave_focus(made)
    if clicked is not None:
        made.clicked.connect(lambda: clicked())
    return made


def toggle(text: str, tip: str, clicked: Callable[[], object] | None = None, action: str = "") -> QPushButton:
    """Make a push button that stays down."""
    made = button(text, tip, clicked, action)
    made.setCheckable(True)
    return made


def icon_button(
    icon: str,
    name: str,
    tip: str,
    clicked: Callable[[], object] | None = None,
    action: str = "",
    *,
    shows_key: bool = False,
) -> QPushButton:
    """Make a push button with a drawing of ours; ``name`` is read out, the key is shown where it is wanted."""
    made = QPushButton()
    _dress(made, name, tip, action, _KEY_ALONE)
    if not shows_key:
        set_text(made, "")
        made.setProperty(_STYLE, _PLAIN)
        _show_text(made)
    made.setAccessibleName(name)
    # Before napari's style is there, a row of buttons asks for twice the width, and the dock would keep it.
    made.setMinimumWidth(_ICON_WIDTH)
    set_icon(made, icon)
    leave_focus(made)
    if clicked is not None:
        made.clicked.connect(lambda: clicked())
    return made


def menu(parent: QWidget) -> QMenu:
    """Make a menu whose entries say why they cannot be used."""
    made = QMenu(parent)
    made.setToolTipsVisible(True)
    return made


def menu_button(text: str, tip: str, opens: QMenu) -> QPushButton:
    """Make a button that opens a menu."""
    made = button(text, tip)
    made.setMenu(opens)
    return made


def entry(
    inside: QMenu,
    text: str,
    tip: str,
    clicked: Callable[[], object] | None = None,
    action: str = "",
    *,
    checked: bool | None = None,
) -> MenuEntry:
    """Add a line to a menu; ``checked`` makes it one that is ticked."""
    made = MenuEntry(inside)
    if checked is not None:
        made.setCheckable(True)
        made.setChecked(checked)
    # The key is shown there, but it is bound by napari: it works in the menu alone.
    made.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
    made.setShortcutVisibleInContextMenu(True)
    _dress(made, text, tip, action, _PLAIN)
    if clicked is not None:
        made.triggered.connect(lambda _=False: clicked())
    inside.addAction(made)
    return made


def _dress(made: QPushButton | QAction, text: str, tip: str, action: str, style: str) -> None:
    made.setProperty(_STYLE, style)
    made.setProperty(_ACTION, action)
    made.setProperty(_KEY, shown_key(DEFAULT_KEYS[action]) if action else "")
    set_tip(made, tip)
    set_text(made, text)


def row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side, of equal width but for labels."""
    made = QHBoxLayout()
    made.setSpacing(4)
    for widget in widgets:
        made.addWidget(widget, 0 if isinstance(widget, QLabel) else 1)
    return made


def action_of(of: QWidget | QAction) -> str:
    """Return the name of the action that a button or an entry stands for; empty where it has none."""
    return str(of.property(_ACTION) or "")


def set_text(of: QAbstractButton | QAction, text: str) -> None:
    """Say something else on a button, or in an entry of a menu; its key stays."""
    of.setProperty(_TEXT, text)
    _show_text(of)


def set_tip(of: QWidget | QAction, tip: str) -> None:
    """Explain a button or an entry anew; its key and the reason why not now stay."""
    of.setProperty(_TIP, tip)
    _show_tip(of)


def set_reason(of: QWidget | QAction, reason: str) -> None:
    """Enable a widget or an entry, or disable it and let its tooltip say why; an empty text enables."""
    if of.property(_TIP) is None:
        of.setProperty(_TIP, of.toolTip())
    of.setProperty(_REASON, reason)
    of.setEnabled(not reason)
    _show_tip(of)


def set_keys(panel: QWidget, keys: Mapping[str, str]) -> None:
    """Show these keys, by the name of their action, on all buttons and entries of a panel."""
    for each in _parts(panel):
        action = each.property(_ACTION)
        if action:
            each.setProperty(_KEY, shown_key(keys.get(str(action), "")))
            _show_text(each)
            _show_tip(each)


def call_frames(panel: QWidget, frame_axis: str | None) -> None:
    """Let texts and tooltips of a panel speak of slices, or of frames where the axis is time."""
    for each in _parts(panel):
        if each.property(_TIP) is None:
            tip = each.toolTip()
            if tip and (fitting := in_terms_of(tip, frame_axis)) != tip:
                each.setToolTip(fitting)
        elif each.property(_TIP):
            set_tip(each, in_terms_of(str(each.property(_TIP)), frame_axis))
        if each.property(_TEXT):
            set_text(each, in_terms_of(str(each.property(_TEXT)), frame_axis))


def _parts(panel: QWidget) -> list[Any]:
    return [panel, *panel.findChildren(QWidget), *panel.findChildren(QAction)]


def _show_text(of: Any) -> None:
    text, key = str(of.property(_TEXT) or ""), str(of.property(_KEY) or "")
    style = of.property(_STYLE)
    if isinstance(of, QAction):
        of.setShortcut(QKeySequence(key))
    shown = {_KEY_ALONE: key, _WITH_KEY: f"{text} ({key})" if key and text else text}.get(str(style), text)
    if of.text() != shown:
        of.setText(shown)


def _show_tip(of: Any) -> None:
    key, reason = of.property(_KEY), of.property(_REASON)
    parts = [str(of.property(_TIP) or ""), f"\nKey: {key}" if key else "", f"\n\nNot now: {reason}" if reason else ""]
    shown = "".join(parts)
    if of.toolTip() != shown:
        of.setToolTip(shown)


class _Letters(QObject):
    """Lets letters pass by a list, where Qt would look for a line that begins with them, or by a number."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Leave them to whoever is above; digits too, but for numbers."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            text = event.text()
            if text.isalpha() or (text.isalnum() and not isinstance(watched, QAbstractSpinBox)):
                event.ignore()
                return True
        return False


def leave_letters(widget: QWidget) -> None:
    """Leave letters and digits to the keys of the panel, also while a list has the focus after a click."""
    widget.installEventFilter(_Letters(widget))


def leave_focus(made: QPushButton) -> None:
    """Leave the focus to the picture when a button is clicked; else Space, napari's key to pan, would press it again.

    The Tab key still leads to the button. What is being typed elsewhere ends as if the button had the focus.
    """
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.pressed.connect(_end_typing)


def _end_typing() -> None:
    typed_in = QApplication.focusWidget()
    if isinstance(typed_in, QLineEdit | QAbstractSpinBox):
        typed_in.clearFocus()


def combo(tip: str, name: str = "") -> QComboBox:
    """Make a list to choose from that does not widen the dock; ``name`` is read out."""
    box = QComboBox()
    box.setToolTip(tip)
    box.setAccessibleName(name)
    box.setMinimumContentsLength(8)
    leave_letters(box)
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
