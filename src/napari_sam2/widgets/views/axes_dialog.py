"""Asks what each axis of an image is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, Container
from qtpy.QtWidgets import QLabel, QWidget

from napari_sam2.widgets.views.form_dialog import FormDialog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class AxesDialog(FormDialog):
    """A list for each axis; :meth:`letters` has the answer once it was accepted.

    Parameters
    ----------
    axes
        ``(text, letter)`` of each axis as it is taken now, in the order of the array.
    words
        What each letter stands for.
    check
        Returns why the letters cannot be the axes, empty where they can.
    parent
        Owner in Qt.
    """

    def __init__(
        self,
        axes: Sequence[tuple[str, str]],
        words: Mapping[str, str],
        check: Callable[[str], str],
        parent: QWidget | None = None,
    ) -> None:
        self._check = check
        choices = [(f"{word} ({letter})", letter) for letter, word in words.items()]
        self.boxes = [ComboBox(label=text, choices=choices, value=letter) for text, letter in axes]
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        hint = "The image is followed along time or depth; of channels the model sees up to three."
        super().__init__("What are the axes?", Container(widgets=self.boxes), hint, self.problem, parent=parent)
        for box in self.boxes:
            box.changed.connect(lambda _: self._show_problem())
        self._show_problem()

    def letters(self) -> str:
        """Return the letters that the lists show."""
        return "".join(str(box.value) for box in self.boxes)

    def _show_problem(self) -> None:
        problem = self._check(self.letters())
        self.problem.setText(f"Not like this: {problem}" if problem else "")
        self.ok_button.setEnabled(not problem)
        self.ok_button.setToolTip(problem)
