"""The three steps of the dock widget, each of which folds; without an image, how to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import action_of, button, leave_focus
from napari_sam2.widgets.views.elided_label import ElidedLabel
from napari_sam2.widgets.views.theming import set_primary

if TYPE_CHECKING:
    from collections.abc import Sequence

TITLES = ("Image and model", "Objects and prompts", "Propagate and review")


class Step(QWidget):
    """A heading that folds what is below it; folded, it says in a line what was chosen there.

    Parameters
    ----------
    number
        1, 2, 3.
    title
        The words beside it.
    """

    # The user folded it (True) or opened it (False).
    folded = Signal(bool)

    def __init__(self, number: int, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = f"{number}  {title}"
        self.heading = QPushButton()
        self.heading.setStyleSheet("QPushButton { text-align: left; background-color: transparent; padding: 2px; }")
        self.heading.setToolTip("Fold or open this step.")
        self.heading.setAccessibleName(f"Step {number}: {title}")
        font = self.heading.font()
        font.setBold(True)
        self.heading.setFont(font)
        self.heading.clicked.connect(self._on_click)
        leave_focus(self.heading)
        self.summary = ElidedLabel(1)
        self.summary.setIndent(18)
        self.content = QWidget()
        self.column = QVBoxLayout(self.content)
        self.column.setContentsMargins(2, 0, 2, 0)
        self.column.setSpacing(3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for each in (self.heading, self.summary):
            layout.addWidget(each)
        layout.addWidget(self.content)
        self.set_folded(False)

    @property
    def is_folded(self) -> bool:
        """Return whether the heading alone is shown."""
        return self._folded

    def set_folded(self, folded: bool) -> None:
        """Fold or open it."""
        self._folded = folded
        self.heading.setText(f"{'▸' if folded else '▾'}  {self._name}")
        self.content.setVisible(not folded)
        self.summary.setVisible(folded)

    def set_summary(self, text: str) -> None:
        """Say in a line what was chosen; seen while it is folded."""
        self.summary.setText(text)

    def _on_click(self) -> None:
        self.set_folded(not self._folded)
        self.folded.emit(self._folded)


class StepsPanel(QWidget):
    """A page to begin with, or the steps that can be used.

    Parameters
    ----------
    contents
        The widgets of each of the three steps.
    """

    sample_clicked = Signal()
    open_clicked = Signal()
    tour_clicked = Signal()
    # The number of a step, from 0, and whether the user folded it.
    folded = Signal(int, bool)

    def __init__(self, contents: Sequence[Sequence[QWidget]] = ((), (), ()), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.steps = [Step(i + 1, title) for i, title in enumerate(TITLES)]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self.welcome = self._make_welcome()
        column.addWidget(self.welcome)
        for i, (step, widgets) in enumerate(zip(self.steps, contents, strict=True)):
            for widget in widgets:
                step.column.addWidget(widget)
            step.folded.connect(lambda folded, i=i: self.folded.emit(i, folded))
            column.addWidget(step)
        self.set_stage(0)

    def _make_welcome(self) -> QWidget:
        made = QWidget()
        self.sample_button = button(
            "Open the CT sample", "A phantom of an abdomen in computed tomography.", self.sample_clicked.emit
        )
        set_primary(self.sample_button)
        self.open_button = button("Open a file…", "DICOM, NIfTI, TIFF and more.", self.open_clicked.emit)
        self.tour_button = button(
            "Show me, two minutes", "Be led through the sample, step by step, in this panel.", self.tour_clicked.emit
        )
        column = QVBoxLayout(made)
        column.setContentsMargins(2, 6, 2, 2)
        column.setSpacing(6)
        for each in (self.sample_button, self.open_button, self.tour_button):
            each.setMinimumHeight(32)
            column.addWidget(each)
        return made

    def set_stage(self, stage: int) -> None:
        """Show the first so many steps; none: how to begin."""
        self.welcome.setVisible(stage == 0)
        for i, step in enumerate(self.steps):
            step.setVisible(i < stage)

    def set_next(self, action: str) -> None:
        """Let the button of an action stand out, and no other one; an empty text: none."""
        for each in self.findChildren(QPushButton):
            if action_of(each):
                set_primary(each, action_of(each) == action)

    def set_summaries(self, texts: Sequence[str]) -> None:
        """Say in a line for each step what was chosen."""
        for step, text in zip(self.steps, texts, strict=True):
            step.set_summary(text)

    def set_folded(self, number: int, folded: bool) -> None:
        """Fold or open a step, counted from 0, as if the user had not."""
        self.steps[number].set_folded(folded)
