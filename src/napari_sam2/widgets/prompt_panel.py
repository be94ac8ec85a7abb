"""The prompt tools of the dock widget."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_sam2.widgets.objects_panel import set_reason


class PromptPanel(QWidget):
    """Point or box, inside or outside, and whether each mark is answered at once."""

    tool_clicked = Signal(str)
    polarity_clicked = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.point_button = _toggle("Point (P)", "Click on the object. Key: P takes the tool up and puts it down.")
        self.box_button = _toggle("Box (B)", "Drag a rectangle around the object on one slice. Key: B")
        self.inside_button = _toggle("Inside", "The next click lies inside the object. Key: T switches.")
        self.outside_button = _toggle("Outside (T)", "The next click lies outside the object. Key: T switches.")
        self.inside_button.setChecked(True)
        group = QButtonGroup(self)
        group.addButton(self.inside_button)
        group.addButton(self.outside_button)
        self.preview_box = QCheckBox("show each prompt's mask at once")
        self.preview_box.setChecked(True)
        self.preview_box.setToolTip("Off: masks come with the propagation only, for slow computers.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for pair in ((self.point_button, self.box_button), (self.inside_button, self.outside_button)):
            row = QHBoxLayout()
            for button in pair:
                row.addWidget(button)
            layout.addLayout(row)
        layout.addWidget(self.preview_box)
        self.point_button.clicked.connect(lambda: self.tool_clicked.emit("point"))
        self.box_button.clicked.connect(lambda: self.tool_clicked.emit("box"))
        self.inside_button.clicked.connect(lambda: self.polarity_clicked.emit(True))
        self.outside_button.clicked.connect(lambda: self.polarity_clicked.emit(False))

    def set_tool(self, tool: str) -> None:
        """Show which tool is in hand: ``"point"``, ``"box"`` or ``""``."""
        self.point_button.setChecked(tool == "point")
        self.box_button.setChecked(tool == "box")

    def set_positive(self, positive: bool) -> None:
        """Show what the next click means."""
        (self.inside_button if positive else self.outside_button).setChecked(True)

    def set_enabled(self, why: str) -> None:
        """Enable the tools, or say why they cannot be used."""
        for button in (self.point_button, self.box_button, self.inside_button, self.outside_button):
            set_reason(button, why)


def _toggle(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    return button
