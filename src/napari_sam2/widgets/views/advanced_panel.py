"""Seldom needed settings, for a window of their own, and a menu for the model: the device, overlaps, work ahead."""

# Annotations are not postponed here: magicgui reads them.
from typing import Annotated, Any

from magicgui import magicgui
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import entry, menu, set_reason, set_text

_OVERLAPS = [
    ("the first in the list keeps it", "keep"),
    ("the last in the list takes it", "overwrite"),
    ("the surer mask of a run gets it", "score"),
]


class AdvancedPanel(QWidget):
    """A form of settings.

    Attributes
    ----------
    menu : QMenu
        What can be done with the model, for a button *More*.
    """

    overlap_chosen = Signal(str)
    autosave_changed = Signal(bool)
    ahead_changed = Signal(bool)
    prepare_clicked = Signal()
    unload_clicked = Signal()
    check_clicked = Signal()
    # The form is seen.
    opened = Signal()

    def __init__(self, device_box: QComboBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_menu()
        self.form = magicgui(_fields, call_button=False)
        self.form.margins = (0, 0, 0, 0)
        self.overlap_box = self.form.overlap.native
        self.autosave_box = self.form.autosave.native
        self.ahead_box = self.form.ahead.native
        self.set_preparing(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        above = QFormLayout()
        above.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        above.addRow("Device", device_box)
        column.addLayout(above)
        column.addWidget(self.form.native)
        column.addStretch(1)
        self.overlap_box.activated.connect(lambda i: self.overlap_chosen.emit(self.overlap_box.itemData(i)))
        self.autosave_box.toggled.connect(self.autosave_changed.emit)
        self.ahead_box.toggled.connect(self.ahead_changed.emit)

    def _make_menu(self) -> None:
        self.menu = menu(self)
        self.menu.setTitle("Model")
        self.prepare_button = entry(
            self.menu, "", "Let the model look at the whole chosen range now.", self.prepare_clicked.emit, "prepare"
        )
        self.unload_button = entry(
            self.menu,
            "Unload model",
            "Give the model's memory back. Marks and masks stay; the model is loaded again when it is needed.",
            self.unload_clicked.emit,
            "unload",
        )
        self.check_button = entry(
            self.menu,
            "Self-check…",
            "Examine installation, models and device, and compare the bundled model with its recorded answers.",
            self.check_clicked.emit,
            "self_check",
        )

    def showEvent(self, event: Any) -> None:
        """Say that the form is seen."""
        super().showEvent(event)
        self.opened.emit()

    def set_preparing(self, preparing: bool) -> None:
        """Say whether the whole range is being prepared."""
        set_text(self.prepare_button, "Stop" if preparing else "Prepare slices")

    def set_model_enabled(self, prepare_reason: str, unload_reason: str) -> None:
        """Enable the model's entries, or disable them with the reason."""
        set_reason(self.prepare_button, prepare_reason)
        set_reason(self.unload_button, unload_reason)

    def set_overlap(self, rule: str) -> None:
        """Show the rule of the session."""
        self.overlap_box.setCurrentIndex(self.overlap_box.findData(rule))


def _fields(
    overlap: Annotated[
        str,
        {
            "widget_type": "ComboBox",
            "choices": _OVERLAPS,
            "label": "overlap",
            "tooltip": "Who gets a pixel that several objects claim. A hand edit always does.",
        },
    ] = "keep",
    autosave: Annotated[
        bool,
        {
            "label": "keep every step in a file from the first mark",
            "tooltip": "The session's file lies beside the image where that is possible, else in your own data folder.",
        },
    ] = True,
    ahead: Annotated[
        bool,
        {
            "label": "prepare slices while nothing else runs",
            "tooltip": "Large models look at every slice before they follow anything. With this they do so while you "
            "look\naround, and a run has less to do. Models that see objects through windows, as the starter does, "
            "cannot.",
        },
    ] = True,
) -> None:
    """Ask for what is seldom changed."""
