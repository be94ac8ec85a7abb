"""Asks how to follow objects along all axes, or through time as well, and says before what that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from magicgui.widgets import CheckBox, ComboBox, Container
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from magicgui.widgets import Widget

_AXES = (
    "Each axis starts from the marks in its own plane; where an object has none there, from the slice on which it is "
    "largest. The labels get what the axes agree on. Slices that you marked, drew or locked stay as they are; one undo "
    "takes the rest back."
)
_TIME = (
    "The stack that is shown is followed first. Each finished stack hands its objects on to the next time point, where "
    "they are followed through the stack again. Stop whenever you like: what is finished stays, and it goes on there. "
    "Time points that have marks of their own are followed from these."
)


class WholeRunDialog(QDialog):
    """A form, and a line below it for what the run takes.

    Parameters
    ----------
    title
        Of the window.
    text
        What the run does.
    fields
        Of the form.
    parent
        Owner in Qt.
    """

    def __init__(self, title: str, text: str, fields: Sequence[Widget], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(420)
        self.form = Container(widgets=list(fields))
        hint, self.price = QLabel(text), QLabel("Measuring how long it takes …")
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        assert ok is not None
        ok.setText("Propagate")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for label in (hint, self.price):
            label.setWordWrap(True)
        layout.addWidget(hint)
        layout.addWidget(self.form.native)
        layout.addWidget(self.price)
        layout.addWidget(self.buttons)

    def set_price(self, text: str) -> None:
        """Say what the run takes."""
        self.price.setText(text)


class ConsensusDialog(WholeRunDialog):
    """Asks how several axes are made one; :meth:`rule` has the answer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._rule = ComboBox(
            label="A voxel belongs to the object",
            choices=[("where most axes say so", "vote"), ("inside the mean of their outlines", "mean")],
            value="vote",
            tooltip="Of two axes that have an opinion, both have to say so. The mean of the outlines is smoother.",
        )
        super().__init__("Propagate along all axes", _AXES, [self._rule], parent)

    def rule(self) -> Literal["vote", "mean"]:
        """Return the rule that the form shows."""
        return "mean" if self._rule.value == "mean" else "vote"


class TimeDialog(WholeRunDialog):
    """Asks how objects go through time; :meth:`answer` has it.

    Parameters
    ----------
    time, count
        The time point that is shown, and how many there are.
    parent
        Owner in Qt.
    """

    def __init__(self, time: int, count: int, parent: QWidget | None = None) -> None:
        ways = [("later", f"later, to {count - 1}")] * (time < count - 1) + [("earlier", "earlier, to 0")] * (time > 0)
        if len(ways) == 2:
            ways.append(("both", "both"))
        self._way = ComboBox(
            label=f"From time point {time} to", choices=[(text, way) for way, text in ways], value=ways[0][0]
        )
        self._seeds = ComboBox(
            label="Hand on",
            choices=[("the middle slice of each object", "middle"), ("the slices marked or accepted", "accepted")],
            value="middle",
        )
        self._moves = CheckBox(
            text="objects move",
            value=True,
            tooltip="Follow the slices that are handed on through time. Without it they are taken as they are.",
        )
        super().__init__("Propagate through z and t", _TIME, [self._way, self._seeds, self._moves], parent)

    def answer(self) -> dict[str, Any]:
        """Return the arguments of the run that the form shows."""
        way = self._way.value
        return {
            "forward": way in ("later", "both"),
            "backward": way in ("earlier", "both"),
            "seeds": self._seeds.value,
            "moves": bool(self._moves.value),
        }
