"""Step 3 of the dock widget: propagate, stop, undo, save."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.widgets.objects_panel import set_reason


class RunPanel(QGroupBox):
    """Buttons for a run and its progress."""

    run_clicked = Signal(str)
    stop_clicked = Signal()
    undo_clicked = Signal()
    redo_clicked = Signal()
    save_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("3  Propagate", parent)
        self.back_button = _button("◀ Back", "Follow the objects from their marks to lower slices or earlier frames.")
        self.both_button = _button("◀ Both ▶", "Follow the objects from their marks in both directions.")
        self.forward_button = _button("Forward ▶", "Follow the objects to higher slices or later frames.")
        self.first_box = _number("First slice that is computed.")
        self.last_box = _number("Last slice that is computed.")
        self.stop_button = _button("Stop", "End the run after the slice being computed. Finished slices stay.")
        self.progress_bar = QProgressBar()
        self.progress_bar.setToolTip("How far the run is, and how long it will still take.")
        self.undo_button = _button("Undo", "Take back the last step, mark and mask together. Key: Ctrl+Z")
        self.redo_button = _button("Redo", "Do again what was taken back last. Key: Ctrl+Shift+Z")
        self.save_button = _button("Save labels…", "Write the labels to a file: NIfTI or TIFF.")
        layout = QVBoxLayout(self)
        layout.addLayout(_row(self.back_button, self.both_button, self.forward_button))
        self.range_label = QLabel("slices")
        layout.addLayout(_row(self.range_label, self.first_box, QLabel("to"), self.last_box))
        layout.addLayout(_row(self.progress_bar, self.stop_button))
        layout.addLayout(_row(self.undo_button, self.redo_button, self.save_button))
        self.back_button.clicked.connect(lambda: self.run_clicked.emit("backward"))
        self.both_button.clicked.connect(lambda: self.run_clicked.emit("both"))
        self.forward_button.clicked.connect(lambda: self.run_clicked.emit("forward"))
        self.stop_button.clicked.connect(lambda: self.stop_clicked.emit())
        self.undo_button.clicked.connect(lambda: self.undo_clicked.emit())
        self.redo_button.clicked.connect(lambda: self.redo_clicked.emit())
        self.save_button.clicked.connect(lambda: self.save_clicked.emit())
        self.clear_progress()

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

    def set_enabled(self, run_why: str, stop_why: str, undo_why: str, save_why: str) -> None:
        """Enable the buttons, or disable them with the reason as their tooltip."""
        for button in (self.back_button, self.both_button, self.forward_button):
            set_reason(button, run_why)
        set_reason(self.stop_button, stop_why)
        set_reason(self.undo_button, undo_why)
        set_reason(self.redo_button, undo_why)
        set_reason(self.save_button, save_why)

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


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button


def _number(tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setToolTip(tip)
    box.setMaximum(0)
    return box


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget, 0 if isinstance(widget, QLabel) else 1)
    return row
