"""The question whether to go on with an earlier session of the image, at the top of the dock widget."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import button, row, set_reason


class OfferPanel(QFrame):
    """A sentence and two buttons; hidden where there is nothing to choose."""

    continue_clicked = Signal()
    anew_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.continue_button = button(
            "Continue", "Go on with the session: its marks, masks, locks, and every step.", self.continue_clicked.emit
        )
        self.anew_button = button(
            "Start anew", "Begin a new session file; the earlier one stays as it is.", self.anew_clicked.emit
        )
        layout = QVBoxLayout(self)
        layout.setSpacing(4)
        layout.addWidget(self.label)
        layout.addLayout(row(self.continue_button, self.anew_button))
        self.set_offer("", "")

    def set_offer(self, text: str, tip: str) -> None:
        """Ask; an empty text hides the question."""
        self.label.setText(text)
        self.label.setToolTip(tip)
        self.setVisible(bool(text))

    def set_enabled(self, reason: str) -> None:
        """Enable the buttons, or say why they cannot be used."""
        set_reason(self.continue_button, reason)
        set_reason(self.anew_button, reason)
