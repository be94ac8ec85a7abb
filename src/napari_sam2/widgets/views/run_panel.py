"""Step 3 of the dock widget: propagate, stop, undo, save the labels."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGroupBox, QLabel, QProgressBar, QSpinBox, QVBoxLayout, QWidget

from napari_sam2.io.formats import label_names
from napari_sam2.widgets.views.common import button, row, set_reason


class RunPanel(QGroupBox):
    """Buttons for a run and its progress; further panels are put into its column."""

    run_clicked = Signal(str)
    stop_clicked = Signal()
    undo_clicked = Signal()
    redo_clicked = Signal()
    save_clicked = Signal()
    range_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("3  Propagate and check", parent)
        self.back_button = button(
            "◀ Back",
            "Follow the objects from their marks towards the first slice.",
            lambda: self.run_clicked.emit("backward"),
        )
        self.both_button = button(
            "",
            "Follow the objects from their marks in both directions. Slices that are up to date are not computed "
            "again.\nKey: Shift+S",
            lambda: self.run_clicked.emit("both"),
        )
        self.forward_button = button(
            "Forward ▶",
            "Follow the objects from their marks towards the last slice.",
            lambda: self.run_clicked.emit("forward"),
        )
        self.first_box = _number("First slice that is computed.")
        self.last_box = _number("Last slice that is computed.")
        self.stop_button = button(
            "Stop", "End the run after the slice being computed. Finished slices stay.", self.stop_clicked.emit
        )
        self.progress_bar = QProgressBar()
        self.progress_bar.setToolTip("How far the run is, and how long it will still take.")
        self.undo_button = button(
            "Undo", "Take back the last step, mark and mask together. Key: Ctrl+Z", self.undo_clicked.emit
        )
        self.redo_button = button(
            "Redo", "Do again what was taken back last. Key: Ctrl+Shift+Z", self.redo_clicked.emit
        )
        self.save_button = button(
            "Save labels…", f"Write the labels to a file: {label_names()}.", self.save_clicked.emit
        )
        self.range_label = QLabel("slices")
        self.forecast_label = QLabel()
        self.forecast_label.setWordWrap(True)
        for box in (self.first_box, self.last_box):
            box.valueChanged.connect(lambda _: self.range_changed.emit())
        self.column = QVBoxLayout(self)
        self.column.setSpacing(4)
        self.column.addLayout(row(self.back_button, self.both_button, self.forward_button))
        self.column.addLayout(row(self.range_label, self.first_box, QLabel("to"), self.last_box))
        self.column.addWidget(self.forecast_label)
        self.column.addLayout(row(self.progress_bar, self.stop_button))
        self.footer = row(self.undo_button, self.redo_button, self.save_button)
        self.column.addLayout(self.footer)
        self.set_forecast("", "")
        self.set_continuing(False)
        self.clear_progress()

    def insert(self, widget: QWidget) -> None:
        """Put a panel above the last row."""
        self.column.insertWidget(self.column.count() - 1, widget)

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
        self.both_button.setText("◀ Continue ▶" if continuing else "◀ Both ▶")

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

    def set_progress(self, done: int, total: int, text: str) -> None:
        """Show how far a run is; a total of 0 means that it is not known yet."""
        self.progress_bar.setMaximum(total)
        self.progress_bar.setValue(done)
        self.progress_bar.setFormat(text if total else "")
        self.progress_bar.setTextVisible(bool(total))

    def clear_progress(self) -> None:
        """Show an empty bar."""
        self.progress_bar.setMaximum(1)
        self.progress_bar.reset()
        self.progress_bar.setTextVisible(False)


def _number(tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setToolTip(tip)
    box.setMaximum(0)
    return box
