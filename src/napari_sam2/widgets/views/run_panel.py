"""Step 3 of the dock widget: propagate, stop, undo, save the labels."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QSpinBox, QVBoxLayout, QWidget

from napari_sam2.io.formats import label_names
from napari_sam2.widgets.views.common import button, entry, icon_button, leave_letters, menu, row, set_reason, set_text
from napari_sam2.widgets.views.theming import set_icon


class RunPanel(QWidget):
    """Buttons for a run and what it will take.

    Attributes
    ----------
    progress_row : QWidget
        How far the run is, and a button to stop it; for a place that never scrolls away.
    undo_button, redo_button, save_button : QPushButton
        For other places in the dock widget.
    menu : QMenu
        What is seldom wanted, for a button *More*.
    """

    run_clicked = Signal(str)
    stop_clicked = Signal()
    undo_clicked = Signal()
    redo_clicked = Signal()
    save_clicked = Signal()
    range_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.back_button = icon_button(
            "back",
            "Propagate back",
            "Follow the objects from their marks towards the first slice.",
            lambda: self.run_clicked.emit("backward"),
            "propagate_back",
        )
        self.both_button = button(
            "",
            "Follow the objects from their marks in both directions. Slices that are up to date are not computed "
            "again.",
            lambda: self.run_clicked.emit("both"),
            "propagate",
        )
        set_icon(self.both_button, "both")
        self.forward_button = icon_button(
            "forward",
            "Propagate forward",
            "Follow the objects from their marks towards the last slice.",
            lambda: self.run_clicked.emit("forward"),
            "propagate_forward",
        )
        self.first_box = _number("First slice that is computed.", "First")
        self.last_box = _number("Last slice that is computed.", "Last")
        self.undo_button = icon_button(
            "undo", "Undo", "Take back the last step, mark and mask together.", self.undo_clicked.emit, "undo"
        )
        self.redo_button = icon_button(
            "redo", "Redo", "Do again what was taken back last.", self.redo_clicked.emit, "redo"
        )
        self.save_button = button(
            "Save labels…", f"Write the labels to a file: {label_names()}.", self.save_clicked.emit, "save_labels"
        )
        self.range_label = QLabel("slices")
        self.forecast_label = QLabel()
        self.forecast_label.setWordWrap(True)
        self.menu = menu(self)
        self.range_entry = entry(
            self.menu,
            "Choose a range of slices",
            "Propagate over a part of the slices only.",
            checked=False,
        )
        self.progress_row = self._make_progress_row()
        for box in (self.first_box, self.last_box):
            box.valueChanged.connect(lambda _: self.range_changed.emit())
        self._lay_out()
        self.range_entry.toggled.connect(self._show_range)
        self.set_forecast("", "")
        self.set_continuing(False)
        self.clear_progress()

    def _make_progress_row(self) -> QWidget:
        self.stop_button = button(
            "Stop", "End the run after the slice being computed. Finished slices stay.", self.stop_clicked.emit, "stop"
        )
        self.progress_bar = QProgressBar()
        self.progress_bar.setToolTip("How far the run is, and how long it will still take.")
        self.progress_bar.setAccessibleName("Progress of the run")
        made = QWidget(self)
        line = QHBoxLayout(made)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        line.addWidget(self.progress_bar, 1)
        line.addWidget(self.stop_button)
        return made

    def _lay_out(self) -> None:
        self.range_row = QWidget()
        ranges = QHBoxLayout(self.range_row)
        ranges.setContentsMargins(0, 0, 0, 0)
        ranges.addLayout(row(self.range_label, self.first_box, QLabel("to"), self.last_box))
        self.range_row.hide()
        runs = QHBoxLayout()
        runs.setSpacing(3)
        for each, stretch in ((self.back_button, 0), (self.both_button, 1), (self.forward_button, 0)):
            each.setMinimumHeight(28)
            runs.addWidget(each, stretch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(runs)
        column.addWidget(self.range_row)
        column.addWidget(self.forecast_label)

    def _show_range(self, on: bool) -> None:
        self.range_row.setVisible(on)
        if not on:
            # A part that is not seen any more would surprise.
            self.first_box.setValue(0)
            self.last_box.setValue(self.last_box.maximum())

    def frames(self) -> range:
        """Return the chosen range of frames, both ends included."""
        first, last = sorted((self.first_box.value(), self.last_box.value()))
        return range(first, last + 1)

    def set_frame_count(self, count: int, called: str = "slices") -> None:
        """Offer frames 0 to ``count - 1``, all of them chosen; ``called`` is "slices" or "frames"."""
        self.range_label.setText(called)
        for box in (self.first_box, self.last_box):
            box.setMaximum(max(0, count - 1))
        self.first_box.setValue(0)
        self.last_box.setValue(max(0, count - 1))

    def set_forecast(self, text: str, tip: str) -> None:
        """Say what the next run will take; an empty text hides the line."""
        self.forecast_label.setText(text)
        self.forecast_label.setToolTip(tip)
        self.forecast_label.setVisible(bool(text))

    def set_continuing(self, continuing: bool) -> None:
        """Say whether a run goes on where an earlier one was stopped."""
        set_text(self.both_button, "Continue" if continuing else "Propagate both ways")

    def set_enabled(
        self, run_reason: str, stop_reason: str, undo_reason: str, redo_reason: str, save_reason: str
    ) -> None:
        """Enable the buttons, or disable them with the reason as their tooltip."""
        for each in (self.back_button, self.both_button, self.forward_button):
            set_reason(each, run_reason)
        set_reason(self.stop_button, stop_reason)
        set_reason(self.undo_button, undo_reason)
        set_reason(self.redo_button, redo_reason)
        set_reason(self.save_button, save_reason)
        self.save_button.setVisible(not save_reason)
        self.progress_row.setVisible(not stop_reason)

    def set_progress(self, done: int, total: int, text: str) -> None:
        """Show how far a run is; a total of 0 means that it is not known yet."""
        self.progress_bar.setMaximum(total)
        self.progress_bar.setValue(done)
        self.progress_bar.setFormat(text if total else "")
        self.progress_bar.setTextVisible(bool(total))

    def clear_progress(self) -> None:
        """Show no run."""
        self.progress_bar.setMaximum(1)
        self.progress_bar.reset()
        self.progress_bar.setTextVisible(False)
        self.progress_row.hide()


def _number(tip: str, name: str) -> QSpinBox:
    box = QSpinBox()
    box.setToolTip(tip)
    box.setAccessibleName(name)
    box.setMaximum(0)
    leave_letters(box)
    return box
