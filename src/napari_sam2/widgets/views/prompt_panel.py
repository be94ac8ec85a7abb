"""The prompt tools of the dock widget."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import entry, icon_button, menu, set_reason, toggle
from napari_sam2.widgets.views.theming import set_icon

_TOOLS = {
    "point": ("Point", "Click on the object. Once more puts the tool down."),
    "box": ("Box", "Drag a rectangle around the object on one slice."),
    "scribble": ("Scribble", "Draw a line through the object; it counts as a few clicks along it."),
    "line": ("Line", "Draw the longest diameter of the object on a slice, from edge to edge, as RECIST 1.1 reads it."),
    "lasso": ("Lasso", "Draw around the object on one slice: what is inside becomes its mask there."),
    "brush": (
        "Brush",
        "Correct a mask by hand on the labels layer; with Outside the brush erases. The slice is locked then.",
    ),
}


class PromptPanel(QWidget):
    """A row of tools, inside or outside, and whether each mark is answered at once.

    Attributes
    ----------
    menu : QMenu
        What is seldom wanted, for a button *More*.
    """

    tool_clicked = Signal(str)
    polarity_clicked = Signal(bool)
    labels_clicked = Signal()
    answer_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tool_buttons = {
            name: icon_button(name, text, f"{text}. {tip}", partial(self.tool_clicked.emit, name), name, shows_key=True)
            for name, (text, tip) in _TOOLS.items()
        }
        for each in self.tool_buttons.values():
            each.setCheckable(True)
        self.point_button = self.tool_buttons["point"]
        self.box_button = self.tool_buttons["box"]
        self.labels_button = icon_button(
            "labels",
            "From labels",
            "From labels… Take objects of another labels layer as masks to start from.",
            self.labels_clicked.emit,
            "from_labels",
            shows_key=True,
        )
        self.inside_button = toggle(
            "Inside", "The next mark lies inside the object.", lambda: self.polarity_clicked.emit(True)
        )
        self.outside_button = toggle(
            "Outside",
            "The next mark lies outside the object; the brush erases.",
            lambda: self.polarity_clicked.emit(False),
            "flip",
        )
        set_icon(self.inside_button, "inside")
        set_icon(self.outside_button, "outside")
        self.inside_button.setChecked(True)
        group = QButtonGroup(self)
        group.addButton(self.inside_button)
        group.addButton(self.outside_button)
        self.menu = menu(self)
        self.answer_entry = entry(
            self.menu,
            "Show the masks of this slice",
            "Compute the masks of the objects that are marked on this slice.",
            self.answer_clicked.emit,
            "answer",
        )
        self.preview_box = entry(
            self.menu,
            "Show each mark's mask at once",
            "Off: masks come when they are asked for, or with the propagation only; for slow computers.",
            action="preview",
            checked=True,
        )
        self.tool_row = QHBoxLayout()
        self.tool_row.setSpacing(3)
        for each in (*self.tool_buttons.values(), self.labels_button):
            self.tool_row.addWidget(each, 1)
        polarity = QHBoxLayout()
        # Two halves of one switch.
        polarity.setSpacing(0)
        polarity.addWidget(self.inside_button, 1)
        polarity.addWidget(self.outside_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self.tool_row)
        layout.addLayout(polarity)

    def set_tool(self, tool: str) -> None:
        """Show which tool is in hand, by its name; empty for none."""
        for name, each in self.tool_buttons.items():
            each.setChecked(name == tool)

    def set_positive(self, positive: bool) -> None:
        """Show what the next mark means."""
        (self.inside_button if positive else self.outside_button).setChecked(True)

    def set_enabled(self, reason: str) -> None:
        """Enable the tools, or say why they cannot be used."""
        tools = (*self.tool_buttons.values(), self.labels_button, self.inside_button, self.outside_button)
        for each in (*tools, self.answer_entry):
            set_reason(each, reason)
