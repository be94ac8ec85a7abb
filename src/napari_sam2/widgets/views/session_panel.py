"""The session: which file it is kept in, and a menu to save, open, and recover."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QMenu, QSizePolicy, QVBoxLayout, QWidget

from napari_sam2.session.storage.session_file import SUFFIX
from napari_sam2.widgets.views.common import button, entry
from napari_sam2.widgets.views.offer_panel import OfferPanel

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE_TYPES = f"Session (*{SUFFIX})"


class SessionPanel(QWidget):
    """The name of the file, and offers to go on with earlier sessions.

    ``offer``, the question about the image that is shown, has its place at the top of the dock widget; ``menu``, to
    save, open and recover, behind *More*.
    """

    save_chosen = Signal(str)
    open_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.menu = QMenu("Session", self)
        self.save_action = entry(
            self.menu,
            "Save session as…",
            "Keep marks, masks, locks, and every step in a file of your choice.",
            self._ask_where_to_save,
            "save_session",
        )
        self.open_action = entry(
            self.menu,
            "Open session…",
            "Go on with marks, masks and locks of a session file.",
            self._ask_what_to_open,
            "open_session",
        )
        self.recent_menu = QMenu("Recent", self)
        self.recover_menu = QMenu("Recover", self)
        self.recover_menu.setToolTip("Sessions that were not closed in good order, for instance by a crash.")
        for menu in (self.recent_menu, self.recover_menu):
            self.menu.addMenu(menu)
        self.file_label = QLabel()
        # A long name is cut off; it must not widen the dock.
        self.file_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.offer = OfferPanel(self)
        self.offer_button = button("", "")
        self.offer_button.hide()
        self._offered = ""
        self._folder = Path.cwd()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.file_label)
        layout.addWidget(self.offer_button)
        self.offer_button.clicked.connect(lambda: self.open_chosen.emit(self._offered))
        self.set_lists([], [])
        self.set_file(None, "")

    def set_file(self, path: Path | None, text: str) -> None:
        """Show where the session is kept; without a file, ``text`` says why."""
        if path is not None:
            self._folder = path.parent
        self.file_label.setText(text if path is None else path.name)
        self.file_label.setVisible(path is not None)
        self.file_label.setToolTip(text if path is None else f"Every step is kept in {path}")

    def set_savable(self, savable: bool) -> None:
        """Say whether there is something to save."""
        self.save_action.setEnabled(savable)

    def set_lists(self, recent: Sequence[Path], unclosed: Sequence[Path]) -> None:
        """Offer files in the two submenus."""
        for menu, paths in ((self.recent_menu, recent), (self.recover_menu, unclosed)):
            menu.clear()
            menu.setEnabled(bool(paths))
            for path in paths:
                action = menu.addAction(f"{path.name}   ({path.parent})")
                assert action is not None
                action.triggered.connect(partial(self._emit_open, path))

    def set_offer(self, text: str, path: Path | None) -> None:
        """Offer to open a session of another image with one click; None takes the offer away."""
        self._offered = "" if path is None else str(path)
        self.offer_button.setText(text)
        self.offer_button.setToolTip("" if path is None else f"Opens {path}")
        self.offer_button.setVisible(path is not None)

    def _emit_open(self, path: Path, checked: bool = False) -> None:
        self.open_chosen.emit(str(path))

    def _ask_where_to_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save session", str(self._folder), FILE_TYPES)
        if path:
            self.save_chosen.emit(path if path.endswith(SUFFIX) else path + SUFFIX)

    def _ask_what_to_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open session", str(self._folder), FILE_TYPES)
        if path:
            self.open_chosen.emit(path)
