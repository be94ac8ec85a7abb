"""The menu of what is needed for some images only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QAction


class FurtherMenu(QMenu):
    """Entries that say why they cannot be used now; :meth:`ask` gets that just before the menu is shown.

    Parameters
    ----------
    parent
        Owner in Qt.
    """

    axes_clicked = Signal()
    time_clicked = Signal()
    channels_clicked = Signal()
    place_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Further", parent)
        self.setToolTipsVisible(True)
        self.axes_action = self._add(
            "Propagate along all axes…",
            "Follow the objects along all three axes, and keep what these agree on.",
            self.axes_clicked.emit,
        )
        self.time_action = self._add(
            "Propagate through z and t…",
            "Follow the objects through the stack, and from there from time point to time point.",
            self.time_clicked.emit,
        )
        self.channels_action = self._add(
            "Channels as colours…",
            "Let the model see up to three channels in one picture: those of the image, or other layers of its grid.",
            self.channels_clicked.emit,
        )
        self.place_action = self._add(
            "Where large labels are kept…",
            "Labels of more than 1 GiB are kept on disk: say in which folder.",
            self.place_clicked.emit,
        )
        self._reasons: Callable[[], dict[QAction, str]] | None = None
        self.aboutToShow.connect(self.look)

    def ask(self, reasons: Callable[[], dict[QAction, str]]) -> None:
        """Call this whenever the menu is about to be shown; it returns why entries cannot be used, empty where not."""
        self._reasons = reasons

    def look(self) -> None:
        """Enable the entries, or say why not."""
        for action, reason in ({} if self._reasons is None else self._reasons()).items():
            action.setEnabled(not reason)
            action.setToolTip(f"{action.data()}\n\nNot now: {reason}" if reason else str(action.data()))

    def _add(self, text: str, tip: str, do: Callable[[], object]) -> QAction:
        action = self.addAction(text)
        assert action is not None
        action.setData(tip)
        action.setToolTip(tip)
        action.triggered.connect(lambda: do())
        return action
