"""The top of the dock widget, which never scrolls away: what is going on, how far a run is, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import entry, icon_button, menu
from napari_sam2.widgets.views.elided_label import ElidedLabel

if TYPE_CHECKING:
    from collections.abc import Sequence


_WIDTH = 350


class HeaderPanel(QWidget):
    """A line of status with a few icons, the progress of a run, and one sentence on what to do next.

    Parameters
    ----------
    buttons
        Put beside the status, for instance undo and redo.
    progress_row
        Put below it.
    menus
        Put into the menu *More*.
    """

    keys_clicked = Signal()
    settings_clicked = Signal()
    tour_clicked = Signal()

    def __init__(
        self,
        buttons: Sequence[QPushButton] = (),
        progress_row: QWidget | None = None,
        menus: Sequence[QMenu] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.status = ElidedLabel(2)
        self.status.setAccessibleName("Status")
        self.hint_label = QLabel()
        self.hint_label.setWordWrap(True)
        # As wide as the panel happens to be, or a long sentence would widen it.
        self.hint_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.hint_label.setAccessibleName("What to do next")
        font = self.hint_label.font()
        font.setBold(True)
        self.hint_label.setFont(font)
        self.keys_button = icon_button("help", "Keys", "All keys, and what they do.", self.keys_clicked.emit, "keys")
        self.more_button = icon_button("more", "More", "Session, settings, model, and a tour.")
        self.more_button.setMenu(self._make_menu(menus))
        first = QHBoxLayout()
        first.setSpacing(3)
        first.addWidget(self.status, 1)
        for each in (*buttons, self.keys_button, self.more_button):
            each.setFixedSize(28, 26)
            first.addWidget(each)
        # The arrow that Qt adds takes the room of the drawing.
        self.more_button.setStyleSheet("QPushButton::menu-indicator { image: none; width: 0px; }")
        self._card: QWidget | None = None
        # As wide with a sentence alone as with all that comes later.
        self.setMinimumWidth(_WIDTH)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(6, 2, 6, 0)
        self.column.setSpacing(4)
        self.column.addLayout(first)
        if progress_row is not None:
            self.column.addWidget(progress_row)
        self.column.addWidget(self.hint_label)

    def set_hint(self, text: str) -> None:
        """Say what to do next."""
        self.hint_label.setText(text)
        self._show_hint()

    def add_tour(self, card: QWidget) -> None:
        """Put the card of a tour below; while it is shown, it says what to do next."""
        self._card = card
        self.column.addWidget(card)
        card.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Give way to the tour, and come back after it."""
        if watched is self._card and event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self._show_hint()
        return False

    def _show_hint(self) -> None:
        self.hint_label.setVisible(bool(self.hint_label.text()) and (self._card is None or self._card.isHidden()))

    def _make_menu(self, menus: Sequence[QMenu]) -> QMenu:
        self.menu = menu(self)
        for each in menus:
            self.menu.addMenu(each)
        self.settings_entry = entry(
            self.menu, "Settings…", "Device, overlaps, autosave, and keys.", self.settings_clicked.emit, "settings"
        )
        self.menu.addSeparator()
        self.tour_entry = entry(
            self.menu, "Show me", "Be led through the CT sample, step by step.", self.tour_clicked.emit, "tour"
        )
        return self.menu
