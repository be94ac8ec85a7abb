"""Seldom needed settings, folded away: the device, the overlap rule, autosave, work ahead, unload, self-check."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QWidget
from superqt import QCollapsible

from napari_sam2.widgets.views.common import button, row, set_reason

_OVERLAPS = (
    ("the first in the list keeps it", "keep"),
    ("the last in the list takes it", "overwrite"),
    ("the surer mask of a run gets it", "score"),
)


class AdvancedPanel(QCollapsible):
    """A section that is closed at first."""

    overlap_chosen = Signal(str)
    autosave_changed = Signal(bool)
    ahead_changed = Signal(bool)
    prepare_clicked = Signal()
    unload_clicked = Signal()
    check_clicked = Signal()

    def __init__(self, device_box: QComboBox, parent: QWidget | None = None) -> None:
        super().__init__("Advanced", parent, expandedIcon="▼", collapsedIcon="▶")
        self.overlap_box = QComboBox()
        self.overlap_box.setToolTip("Who gets a pixel that several objects claim. A hand edit always does.")
        for text, rule in _OVERLAPS:
            self.overlap_box.addItem(text, rule)
        self.autosave_box = QCheckBox("keep every step in a file from the first mark")
        self.autosave_box.setToolTip(
            "The session's file lies beside the image where that is possible, else in your own data folder."
        )
        self.autosave_box.setChecked(True)
        self.ahead_box = QCheckBox("prepare slices while nothing else runs")
        self.ahead_box.setToolTip(
            "Large models look at every slice before they follow anything. With this they do so while you look\n"
            "around, and a run has less to do. Models that see objects through windows, as the starter does, cannot."
        )
        self.ahead_box.setChecked(True)
        self.prepare_button = button("", "Let the model look at the whole chosen range now.", self.prepare_clicked.emit)
        self.unload_button = button(
            "Unload model",
            "Give the model's memory back. Marks and masks stay; the model is loaded again when it is needed.",
            self.unload_clicked.emit,
        )
        self.check_button = button(
            "Self-check…",
            "Examine installation, models and device, and compare the bundled model with its recorded answers.",
            self.check_clicked.emit,
        )
        self.set_preparing(False)
        content = QWidget()
        form = QFormLayout(content)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Device", device_box)
        form.addRow("Overlap", self.overlap_box)
        form.addRow(self.autosave_box)
        form.addRow(self.ahead_box)
        form.addRow(row(self.prepare_button, self.unload_button, self.check_button))
        self.setContent(content)
        self.collapse(animate=False)
        self.overlap_box.activated.connect(lambda i: self.overlap_chosen.emit(self.overlap_box.itemData(i)))
        self.autosave_box.toggled.connect(self.autosave_changed.emit)
        self.ahead_box.toggled.connect(self.ahead_changed.emit)

    def set_preparing(self, preparing: bool) -> None:
        """Say whether the whole range is being prepared."""
        self.prepare_button.setText("Stop" if preparing else "Prepare slices")

    def set_model_enabled(self, prepare_reason: str, unload_reason: str) -> None:
        """Enable the model's buttons, or disable them with the reason."""
        set_reason(self.prepare_button, prepare_reason)
        set_reason(self.unload_button, unload_reason)

    def set_overlap(self, rule: str) -> None:
        """Show the rule of the session."""
        self.overlap_box.setCurrentIndex(self.overlap_box.findData(rule))
