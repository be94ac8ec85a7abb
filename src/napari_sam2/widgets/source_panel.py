"""Step 1 of the dock widget: which image, along which axis, with which model, on which device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QGroupBox, QLabel, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence


class SourcePanel(QGroupBox):
    """Four choices, of which the device is shown elsewhere. Emits what the user chose; shows what it is told."""

    image_chosen = Signal(object)
    axis_chosen = Signal(object)
    model_chosen = Signal(str)
    device_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("1  Image and model", parent)
        self.image_box = _combo("The image layer to segment: a volume, a time-lapse, or a single picture.")
        self.axis_box = _combo("The axis along which the image is followed like a video, from slice to slice.")
        self.model_box = _combo("The model. The starter comes with the plugin and works offline on a CPU.")
        self.device_box = _combo("Where the model computes. auto: the graphics card if there is one, else the CPU.")
        self.window_label = QLabel("–")
        self.window_label.setToolTip("The contrast limits of the image layer: what you see is what the model gets.")
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Image", self.image_box)
        form.addRow("Along", self.axis_box)
        form.addRow("Window", self.window_label)
        form.addRow("Model", self.model_box)
        self.image_box.activated.connect(lambda i: self.image_chosen.emit(self.image_box.itemData(i)))
        self.axis_box.activated.connect(lambda i: self.axis_chosen.emit(self.axis_box.itemData(i)))
        self.model_box.activated.connect(lambda i: self.model_chosen.emit(self.model_box.itemData(i)))
        self.device_box.activated.connect(lambda i: self.device_chosen.emit(self.device_box.itemData(i)))

    def set_images(self, images: Sequence[tuple[str, Any]], current: Any) -> None:
        """Offer these ``(name, layer)`` pairs, the current one chosen."""
        _fill(self.image_box, images, current, empty="open an image first")

    def set_axes(self, axes: Sequence[tuple[str, Any]], current: Any) -> None:
        """Offer these ``(text, axis letter)`` pairs."""
        _fill(self.axis_box, axes, current, empty="–")

    def set_models(self, models: Sequence[tuple[str, str]], current: str) -> None:
        """Offer these ``(title, name)`` pairs."""
        _fill(self.model_box, models, current, empty="–")

    def set_devices(self, devices: Sequence[str], current: str) -> None:
        """Offer these devices."""
        _fill(self.device_box, [(d, d) for d in devices], current, empty="–")

    def set_window(self, text: str) -> None:
        """Say which values the model sees as black and white."""
        self.window_label.setText(text)

    def set_locked(self, why: str) -> None:
        """Forbid another axis, model or device while something runs; an empty text allows it."""
        for box in (self.axis_box, self.model_box, self.device_box):
            box.setEnabled(not why and box.count() > 0 and box.itemData(0) is not _EMPTY)


_EMPTY = "napari-sam2-empty"


def _combo(tip: str) -> QComboBox:
    box = QComboBox()
    box.setToolTip(tip)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def _fill(box: QComboBox, entries: Sequence[tuple[str, Any]], current: Any, empty: str) -> None:
    box.clear()
    chosen = -1
    for i, (text, value) in enumerate(entries):
        box.addItem(text, value)
        # By identity for layers: comparing layers compares nothing useful.
        if value is current or (isinstance(value, str) and value == current):
            chosen = i
    if not entries:
        box.addItem(empty, _EMPTY)
    box.setEnabled(bool(entries))
    box.setCurrentIndex(chosen if entries else 0)
