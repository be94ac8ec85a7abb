"""The prompt tools of the dock widget."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QGridLayout, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import button, row, set_reason, toggle

_TOOLS = {
    "point": ("Point (P)", "Click on the object. Key: P takes the tool up and puts it down."),
    "box": ("Box (B)", "Drag a rectangle around the object on one slice. Key: B"),
    "scribble": ("Scribble", "Draw a line through the object; it counts as a few clicks along it."),
    "line": ("Line", "Draw the longest diameter of the object on a slice, from edge to edge, as RECIST 1.1 reads it."),
    "lasso": ("Lasso", "Draw around the object on one slice: what is inside becomes its mask there."),
    "brush": (
        "Brush",
        "Correct a mask by hand on the labels layer; with Outside the brush erases. The slice is locked then.",
    ),
}


class PromptPanel(QWidget):
    """Tools, inside or outside, and whether each mark is answered at once."""

    tool_clicked = Signal(str)
    polarity_clicked = Signal(bool)
    labels_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tool_buttons = {
            name: toggle(text, tip, partial(self.tool_clicked.emit, name)) for name, (text, tip) in _TOOLS.items()
        }
        self.point_button = self.tool_buttons["point"]
        self.box_button = self.tool_buttons["box"]
        self.labels_button = button(
            "From labels…", "Take objects of another labels layer as masks to start from.", self.labels_clicked.emit
        )
        self.inside_button = toggle(
            "Inside", "The next mark lies inside the object. Key: T switches.", lambda: self.polarity_clicked.emit(True)
        )
        self.outside_button = toggle(
            "Outside (T)",
            "The next mark lies outside the object. Key: T switches.",
            lambda: self.polarity_clicked.emit(False),
        )
        self.inside_button.setChecked(True)
        group = QButtonGroup(self)
        group.addButton(self.inside_button)
        group.addButton(self.outside_button)
        self.preview_box = QCheckBox("show each mark's mask at once")
        self.preview_box.setChecked(True)
        self.preview_box.setToolTip("Off: masks come with S or with the propagation only, for slow computers.")
        grid = QGridLayout()
        grid.setSpacing(4)
        for i, each in enumerate((*self.tool_buttons.values(), self.labels_button)):
            grid.addWidget(each, i // 3, i % 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(grid)
        layout.addLayout(row(self.inside_button, self.outside_button))
        layout.addWidget(self.preview_box)

    def set_tool(self, tool: str) -> None:
        """Show which tool is in hand, by its name; empty for none."""
        for name, each in self.tool_buttons.items():
            each.setChecked(name == tool)

    def set_positive(self, positive: bool) -> None:
        """Show what the next mark means."""
        (self.inside_button if positive else self.outside_button).setChecked(True)

    def set_enabled(self, reason: str) -> None:
        """Enable the tools, or say why they cannot be used."""
        for each in (*self.tool_buttons.values(), self.labels_button, self.inside_button, self.outside_button):
            set_reason(each, reason)
