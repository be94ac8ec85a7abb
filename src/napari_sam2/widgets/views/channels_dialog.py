"""Asks which channels the model sees as red, green and blue."""

from __future__ import annotations

from itertools import pairwise

from magicgui.widgets import ComboBox, Container
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

COLOURS = ("red", "green", "blue")


class ChannelsDialog(QDialog):
    """A list for each colour; :meth:`channels` has the answer once it was accepted.

    Parameters
    ----------
    count
        Number of channels.
    current
        The channels that are chosen now.
    parent
        Owner in Qt.
    """

    def __init__(self, count: int, current: tuple[int, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Channels as colours")
        choices = [("none", -1), *((f"channel {i}", i) for i in range(count))]
        start = current if len(current) > 1 else tuple(range(min(count, 3)))
        values = (*start, -1, -1, -1)[:3]
        self.boxes = [ComboBox(label=c, choices=choices, value=v) for c, v in zip(COLOURS, values, strict=True)]
        self.form = Container(widgets=self.boxes)
        hint = QLabel("The model sees these channels in one picture. Each is shown to it by its own range of values.")
        hint.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(hint)
        layout.addWidget(self.form.native)
        layout.addWidget(self.buttons)
        for box in self.boxes:
            box.changed.connect(lambda _: self._check())
        self._check()

    def channels(self) -> tuple[int, ...]:
        """Return the channels in the order of their colours."""
        return tuple(int(box.value) for box in self.boxes if box.value >= 0)

    def _check(self) -> None:
        # The model takes the first for red, the second for green: no colour before another may be empty.
        values = [int(box.value) for box in self.boxes]
        gap = any(a < 0 <= b for a, b in pairwise(values)) or not self.channels()
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        assert ok is not None
        ok.setEnabled(not gap)
        ok.setToolTip("Choose red first, then green, then blue." if gap else "")
