"""Many objects at once, division and tracks, and the limit by intensity: entries of a menu, and what is proposed."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import button, entry, menu, row, set_reason, set_text


class ManyPanel(QWidget):
    """Entries for all objects of a slice, for divisions, and for what the current object may be made of.

    Attributes
    ----------
    menu : QMenu
        The entries, for a button *More*.
    """

    each_click_changed = Signal(bool)
    propose_clicked = Signal()
    accept_clicked = Signal()
    reject_clicked = Signal()
    accept_all_clicked = Signal()
    done_clicked = Signal()
    track_all_clicked = Signal()
    divide_clicked = Signal()
    show_tracks_clicked = Signal()
    save_tracks_clicked = Signal()
    range_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.menu = menu(self)
        self.each_click_box = entry(
            self.menu,
            "One click, one object",
            "Each point or box begins the next object, as if New were pressed after it.",
            action="each_click",
            checked=False,
        )
        self.propose_button = entry(
            self.menu,
            "Propose objects here",
            "Let the model look for objects on this slice. They are shown one after the other, for you to accept or "
            "reject; nothing is taken unasked.",
            self.propose_clicked.emit,
            "propose",
        )
        self.track_all_button = entry(
            self.menu,
            "Track all labels…",
            "Take each label of a Labels layer on this slice as an object, and follow all of them in both directions.",
            self.track_all_clicked.emit,
            "track_labels",
        )
        self.proposal_label = QLabel()
        self.proposal_label.setToolTip("The proposal that is yellow in the picture. A click on any takes that one.")
        self.accept_button = button("Accept (Enter)", "Make the yellow one an object.", self.accept_clicked.emit)
        self.reject_button = button("Reject (⌫)", "Leave the yellow one out. Key: Backspace", self.reject_clicked.emit)
        self.accept_all_button = button("Accept all", "Make all that are left objects.", self.accept_all_clicked.emit)
        self.done_button = button("Done", "Leave out all that are left.", self.done_clicked.emit)
        self.divide_button = entry(
            self.menu,
            "Divide here…",
            "The current object divides on this slice: click into each of its two daughters. It ends before, and "
            "two new objects begin. Once more: not now.",
            self.divide_clicked.emit,
            "divide",
        )
        self.show_tracks_button = entry(
            self.menu,
            "Show tracks",
            "Show the ways of all objects as a Tracks layer, with their divisions.",
            self.show_tracks_clicked.emit,
            "show_tracks",
        )
        self.save_tracks_button = entry(
            self.menu,
            "Save tracks…",
            "Write the objects as tracks: CSV, Excel, or a folder of the Cell Tracking Challenge.",
            self.save_tracks_clicked.emit,
            "save_tracks",
        )
        self.range_button = entry(
            self.menu,
            "Limit by intensity…",
            "Limit the current object to a range of the image's own values, such as those inside its mask here.",
            self.range_clicked.emit,
            "limit_range",
        )
        self._lay_out()
        self.set_proposal("")
        self.each_click_box.toggled.connect(self.each_click_changed.emit)

    def _lay_out(self) -> None:
        """Show what is proposed, and nothing else."""
        self.proposal_row = QWidget()
        inner = QVBoxLayout(self.proposal_row)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4)
        inner.addWidget(self.proposal_label)
        inner.addLayout(row(self.accept_button, self.reject_button))
        inner.addLayout(row(self.accept_all_button, self.done_button))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.proposal_row)

    def set_proposal(self, text: str) -> None:
        """Say which proposal is asked about; an empty text: none is."""
        self.proposal_label.setText(text)
        self.proposal_row.setVisible(bool(text))
        self.setVisible(bool(text))

    def set_dividing(self, dividing: bool) -> None:
        """Say whether clicks into the daughters are waited for."""
        set_text(self.divide_button, "Cancel division" if dividing else "Divide here…")

    def set_enabled(self, no_image: str, propose: str, divide: str, tracks: str, limit: str) -> None:
        """Enable the buttons, or disable them with the reason as their tooltip."""
        set_reason(self.each_click_box, no_image)
        set_reason(self.propose_button, no_image or propose)
        set_reason(self.track_all_button, no_image or propose)
        set_reason(self.divide_button, no_image or divide)
        set_reason(self.show_tracks_button, no_image or tracks)
        set_reason(self.save_tracks_button, no_image or tracks)
        set_reason(self.range_button, no_image or limit)
