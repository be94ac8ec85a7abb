"""Checking and correcting: the quality strip, locks, and the ends of an object."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import button, entry, menu, row, set_reason, set_text, set_tip
from napari_sam2.widgets.views.quality_strip import QualityStrip
from napari_sam2.widgets.views.theming import set_icon


class ReviewPanel(QWidget):
    """The quality of each frame of the current object, and what can be done with the one shown.

    Attributes
    ----------
    menu : QMenu
        What is seldom wanted, for a button *More*.
    """

    frame_clicked = Signal(int)
    next_doubtful_clicked = Signal()
    lock_clicked = Signal()
    lock_seen_clicked = Signal()
    cut_clicked = Signal(str)
    planes_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.strip = QualityStrip()
        self.note_label = QLabel()
        self.note_label.setWordWrap(True)
        self.note_label.setToolTip("Of the current object on the slice that is shown.")
        self.note_label.hide()
        self.doubtful_button = button(
            "Next doubtful",
            "Go to the next slice on which a mask may be wrong: of the current object, then of the others.",
            self.next_doubtful_clicked.emit,
            "next_doubtful",
        )
        set_icon(self.doubtful_button, "next")
        self.lock_button = button("", "", self.lock_clicked.emit, "lock")
        set_icon(self.lock_button, "lock")
        self.menu = menu(self)
        self.lock_seen_button = entry(
            self.menu,
            "Lock all seen",
            "Accept the current object on every slice that you looked at since its mask was computed there.",
            self.lock_seen_clicked.emit,
            "lock_seen",
        )
        self.above_button = entry(
            self.menu,
            "Cut above",
            "The current object ends here: remove its masks on all slices of a higher number.",
            lambda: self.cut_clicked.emit("above"),
            "cut_above",
        )
        self.below_button = entry(
            self.menu,
            "Cut below",
            "The current object begins here: remove its masks on all slices of a lower number.",
            lambda: self.cut_clicked.emit("below"),
            "cut_below",
        )
        self.planes_button = entry(
            self.menu,
            "Three planes",
            "Look at the image and its masks in the two other planes as well, and mark the object there. A click in "
            "any view brings all to the same place.",
            self.planes_clicked.emit,
            "show_planes",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.strip)
        layout.addWidget(self.note_label)
        layout.addLayout(row(self.doubtful_button, self.lock_button))
        self.set_locked(False)
        self.strip.frame_clicked.connect(self.frame_clicked.emit)

    def set_locked(self, locked: bool) -> None:
        """Say whether the shown frame of the current object is locked."""
        set_text(self.lock_button, "Unlock" if locked else "Lock")
        set_tip(
            self.lock_button,
            "Release this slice of the current object, so that a run may change it."
            if locked
            else "Accept this slice of the current object: no run changes it, and its neighbours are computed from it.",
        )

    def set_note(self, text: str) -> None:
        """Say something about the mask that is shown; an empty text says nothing."""
        self.note_label.setText(text)
        self.note_label.setVisible(bool(text))

    def set_enabled(self, lock: str, lock_seen: str, doubtful: str, above: str, below: str) -> None:
        """Enable the buttons, or disable them with the reason as their tooltip."""
        set_reason(self.lock_button, lock)
        set_reason(self.lock_seen_button, lock_seen)
        set_reason(self.doubtful_button, doubtful)
        set_reason(self.above_button, above)
        set_reason(self.below_button, below)
