"""The model's rows of step 1: which model, what it is and where it is, and a button to get it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QMessageBox, QProgressBar, QVBoxLayout, QWidget

from napari_sam2.engine.catalog.model_files import SUFFIXES
from napari_sam2.widgets.views.cluster_dialog import ask_for_cluster
from napari_sam2.widgets.views.common import button, combo, fill, row, set_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE_TYPES = f"Checkpoints ({' '.join('*' + suffix for suffix in SUFFIXES)})"
_BROWSE = "napari-sam2-browse"
_CLUSTER = "napari-sam2-cluster"


class ModelPanel(QWidget):
    """A list of models, a text on the chosen one, one button for what can be done with it, and a download's progress.

    The button is named by its action: ``download``, ``cancel``, ``keep`` or ``forget``.
    """

    model_chosen = Signal(str)
    device_chosen = Signal(str)
    file_chosen = Signal(str)
    action_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model_box = combo("The model. The starter comes with the plugin and works offline on a CPU.")
        self.device_box = combo("Where the model computes. auto: the graphics card if there is one, else the CPU.")
        self.about_label = QLabel()
        self.about_label.setWordWrap(True)
        self.action_button = button("", "", lambda: self.action_clicked.emit(self._action))
        self.progress_bar = QProgressBar()
        self.progress_bar.setToolTip("How much of the model has come in.")
        self._action = ""
        self._current = ""
        self._current_device = ""
        self._locked = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.model_box)
        column.addWidget(self.about_label)
        column.addLayout(row(self.progress_bar, self.action_button))
        self.model_box.activated.connect(self._on_model)
        self.device_box.activated.connect(self._on_device)
        self.set_action("", "", "")
        self.clear_progress()

    def set_models(self, models: Sequence[tuple[str, str, str]], current: str) -> None:
        """Offer these ``(title, name, tooltip)``, the current one chosen, and a file at the end."""
        self._current = current
        fill(self.model_box, [(title, name) for title, name, _ in models], current, empty="–")
        for i, (_, _, tip) in enumerate(models):
            self.model_box.setItemData(i, tip, Qt.ItemDataRole.ToolTipRole)
        self.model_box.insertSeparator(self.model_box.count())
        self.model_box.addItem("Choose a file…", _BROWSE)
        tip = "A SAM 2 checkpoint (.pt or .safetensors) of your own. It can also be dropped onto this panel."
        self.model_box.setItemData(self.model_box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.set_locked(self._locked)

    def set_devices(self, devices: Sequence[tuple[str, str]], current: str) -> None:
        """Offer these ``(title, name)`` pairs."""
        self._current_device = current
        fill(self.device_box, devices, current, empty="–")
        self.device_box.insertSeparator(self.device_box.count())
        self.device_box.addItem("On a Dask worker…", _CLUSTER)
        tip = "A running Dask cluster computes, on this computer or another one; see docs/batch.md."
        self.device_box.setItemData(self.device_box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.set_locked(self._locked)

    def set_about(self, text: str, tip: str) -> None:
        """Say what the chosen model is."""
        self.about_label.setText(text)
        self.about_label.setToolTip(tip)

    def set_action(self, action: str, text: str, tip: str) -> None:
        """Offer one thing to do with the chosen model; an empty action offers none."""
        self._action = action
        self.action_button.setText(text)
        self.action_button.setToolTip(tip)
        self.action_button.setVisible(bool(action))

    def set_progress(self, done: int, total: int, text: str) -> None:
        """Show how far a download is; a total of 0 means that it is not known yet."""
        # Qt counts in 32 bits; the large models have nearly a gigabyte, others may have more.
        self.progress_bar.setMaximum(1000 if total else 0)
        self.progress_bar.setValue(1000 * done // total if total else 0)
        self.progress_bar.setFormat(text)
        self.progress_bar.show()

    def clear_progress(self) -> None:
        """Show no download."""
        self.progress_bar.hide()

    def set_locked(self, reason: str) -> None:
        """Forbid another model or device while something runs; an empty text allows it."""
        self._locked = reason
        set_reason(self.model_box, reason)
        set_reason(self.device_box, reason)

    def ask_consent(self, title: str, terms: str) -> bool:
        """Show the terms of a model; True where the user accepts them."""
        asked = QMessageBox(QMessageBox.Icon.Question, title, terms, parent=self)
        accept = asked.addButton("I accept, download", QMessageBox.ButtonRole.AcceptRole)
        asked.addButton(QMessageBox.StandardButton.Cancel)
        asked.exec()
        return asked.clickedButton() is accept

    def _on_model(self, index: int) -> None:
        name = self.model_box.itemData(index)
        if name != _BROWSE:
            self.model_chosen.emit(name)
            return
        self.model_box.setCurrentIndex(self.model_box.findData(self._current))
        path, _ = QFileDialog.getOpenFileName(self, "Choose a checkpoint", str(Path.home()), FILE_TYPES)
        if path:
            self.file_chosen.emit(path)

    def _on_device(self, index: int) -> None:
        device = self.device_box.itemData(index)
        if device == _CLUSTER:
            self.device_box.setCurrentIndex(self.device_box.findData(self._current_device))
            device = ask_for_cluster(self)
        if device:
            self.device_chosen.emit(device)
