"""What is seldom needed, folded away: the device, the overlap rule, autosave."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QWidget
from superqt import QCollapsible

_OVERLAPS = (
    ("the first in the list keeps it", "keep"),
    ("the last in the list takes it", "overwrite"),
    ("the surer mask of a run gets it", "score"),
)


class AdvancedPanel(QCollapsible):
    """A section that is closed at first."""

    overlap_chosen = Signal(str)
    autosave_changed = Signal(bool)

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
        content = QWidget()
        form = QFormLayout(content)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Device", device_box)
        form.addRow("Overlap", self.overlap_box)
        form.addRow(self.autosave_box)
        self.setContent(content)
        self.collapse(animate=False)
        self.overlap_box.activated.connect(lambda i: self.overlap_chosen.emit(self.overlap_box.itemData(i)))
        self.autosave_box.toggled.connect(self.autosave_changed.emit)

    def set_overlap(self, rule: str) -> None:
        """Show the rule of the session."""
        self.overlap_box.setCurrentIndex(self.overlap_box.findData(rule))
