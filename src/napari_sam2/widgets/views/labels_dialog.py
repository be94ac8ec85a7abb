"""Asks which objects of which labels layer, on which slices, shall be taken as masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, RadioButtons, SpinBox
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class LabelsRequest:
    """The user's choice; ``every`` is None for the shown slice, else the step between slices."""

    layer: Any
    only_selected: bool
    every: int | None


class LabelsDialog(QDialog):
    """A small form; :meth:`request` has the answer once it was accepted.

    Parameters
    ----------
    layers
        The labels layers to choose from, by name.
    called
        What the frames of the image are called.
    parent
        Owner in Qt.
    """

    def __init__(self, layers: Sequence[tuple[str, Any]], called: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Start from labels")
        self.layer = ComboBox(label="Labels", choices=list(layers))
        self.only_selected = RadioButtons(
            label="Objects", choices=[("all objects", False), ("the selected label only", True)], value=False
        )
        self.many = RadioButtons(
            label=called.capitalize(), choices=[("on the one shown", False), ("on one in …", True)], value=False
        )
        self.every = SpinBox(label="… one in", value=10, min=1, max=1000)
        self.every.changed.connect(lambda _: setattr(self.many, "value", True))
        self.every_box = self.every.native
        self.form = Container(widgets=[self.layer, self.only_selected, self.many, self.every])
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form.native)
        layout.addWidget(buttons)

    def request(self) -> LabelsRequest:
        """Return the choice that the form shows."""
        return LabelsRequest(self.layer.value, self.only_selected.value, self.every.value if self.many.value else None)
