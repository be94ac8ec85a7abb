"""The menu of what is needed for some images only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QWidget

from napari_sam2.widgets.views.common import entry, set_reason

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
        self.axes_action = entry(
            self,
            "Propagate along all axes…",
            "Follow the objects along all three axes, and keep what these agree on.",
            self.axes_clicked.emit,
            "all_axes",
        )
        self.time_action = entry(
            self,
            "Propagate through z and t…",
            "Follow the objects through the stack, and from there from time point to time point.",
            self.time_clicked.emit,
            "through_time",
        )
        self.channels_action = entry(
            self,
            "Channels as colours…",
            "Let the model see up to three channels in one picture: those of the image, or other layers of its grid.",
            self.channels_clicked.emit,
            "colours",
        )
        self.place_action = entry(
            self,
            "Where large labels are kept…",
            "Labels of more than 1 GiB are kept on disk: say in which folder.",
            self.place_clicked.emit,
            "labels_place",
        )
        self._reasons: Callable[[], dict[QAction, str]] | None = None
        self.aboutToShow.connect(self.look)

    def ask(self, reasons: Callable[[], dict[QAction, str]]) -> None:
        """Call this whenever the menu is about to be shown; it returns why entries cannot be used, empty where not."""
        self._reasons = reasons

    def look(self) -> None:
        """Enable the entries, or say why not."""
        for action, reason in ({} if self._reasons is None else self._reasons()).items():
            set_reason(action, reason)
