"""Asks for the values that an object may have."""

from __future__ import annotations

from magicgui.widgets import CheckBox, Container, FloatSpinBox, PushButton
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

_FAR = 1e12


class RangeDialog(QDialog):
    """Two numbers; :meth:`answer` has them once it was accepted.

    Parameters
    ----------
    now
        The range of the object, None for no limit.
    suggested
        The range of what its mask on the shown frame holds; None where it has none there.
    parent
        Owner in Qt.
    """

    def __init__(
        self,
        now: tuple[float | None, float | None],
        suggested: tuple[float, float] | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Limit by intensity")
        start = [n if n is not None else (suggested or (0.0, 0.0))[i] for i, n in enumerate(now)]
        limits = {"min": -_FAR, "max": _FAR, "step": 1.0}
        self.use_low = CheckBox(text="lowest value", value=now[0] is not None or suggested is not None)
        self.low = FloatSpinBox(value=start[0], **limits)
        self.use_high = CheckBox(text="highest value", value=now[1] is not None or suggested is not None)
        self.high = FloatSpinBox(value=start[1], **limits)
        self.from_mask = PushButton(text="Take from the mask here", enabled=suggested is not None)
        self.from_mask.tooltip = (
            "The values inside the object's mask on the shown slice, without the outermost ones."
            if suggested is not None
            else "The object has no mask on the shown slice."
        )
        self._suggested = suggested
        self.from_mask.changed.connect(self._take_suggested)
        self.form = Container(widgets=[self.use_low, self.low, self.use_high, self.high, self.from_mask], labels=False)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        hint = QLabel("Voxels with other values will not belong to the object. Without a tick there is no limit.")
        hint.setWordWrap(True)
        layout.addWidget(hint)
        layout.addWidget(self.form.native)
        layout.addWidget(buttons)

    def answer(self) -> tuple[float | None, float | None]:
        """Return the range that the form shows."""
        low = float(self.low.value) if self.use_low.value else None
        return low, float(self.high.value) if self.use_high.value else None

    def _take_suggested(self) -> None:
        if self._suggested is not None:
            self.use_low.value = self.use_high.value = True
            self.low.value, self.high.value = self._suggested
