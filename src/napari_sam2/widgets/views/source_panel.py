"""Step 1 of the dock widget: which image, along which axis, with which model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QGroupBox, QLabel, QWidget

from napari_sam2.widgets.views.common import combo, fill, is_filled, row, set_reason
from napari_sam2.widgets.views.model_panel import ModelPanel

if TYPE_CHECKING:
    from collections.abc import Sequence


class SourcePanel(QGroupBox):
    """The choice of an image, with the panel of the model inside. Emits choices; shows what it is given."""

    image_chosen = Signal(object)
    axis_chosen = Signal(object)
    axes_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("1  Image and model", parent)
        self.image_box = combo("The image layer to segment: a volume, a time-lapse, or a single picture.")
        self.axis_box = combo("The axis along which the image is followed like a video, from slice to slice.")
        self.axes_box = combo(
            "What the axes of the image are: t is time, z depth, c a channel.\n"
            "Where neither its axis names nor its units say so, this is assumed; choose what is true.\n"
            "Masks made before stay in a layer of their own."
        )
        self.axes_box.hide()
        self.model = ModelPanel()
        self.window_label = QLabel("–")
        self.window_label.setToolTip("The contrast limits of the image layer: what you see is what the model gets.")
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Image", self.image_box)
        form.addRow("Along", row(self.axis_box, self.axes_box))
        form.addRow("Window", self.window_label)
        form.addRow("Model", self.model)
        self.image_box.activated.connect(lambda i: self.image_chosen.emit(self.image_box.itemData(i)))
        self.axes_box.activated.connect(lambda i: self.axes_chosen.emit(self.axes_box.itemData(i)))
        self.axis_box.activated.connect(lambda i: self.axis_chosen.emit(self.axis_box.itemData(i)))

    def set_images(self, images: Sequence[tuple[str, Any]], current: Any) -> None:
        """Offer these ``(name, layer)`` pairs, the current one chosen."""
        fill(self.image_box, images, current, empty="open an image first")

    def set_axes(self, axes: Sequence[tuple[str, Any]], current: Any) -> None:
        """Offer these ``(text, axis letter)`` pairs."""
        fill(self.axis_box, axes, current, empty="–")

    def set_letters(self, choices: Sequence[tuple[str, str]], current: str) -> None:
        """Offer these ``(text, axis letters)`` pairs; none where the image's file says what its axes are."""
        fill(self.axes_box, choices, current, empty="–")
        self.axes_box.setVisible(bool(choices))

    def set_window(self, text: str) -> None:
        """Say which values the model sees as black and white."""
        self.window_label.setText(text)

    def set_locked(self, reason: str) -> None:
        """Forbid another axis, model or device while something runs; an empty text allows it."""
        set_reason(self.axis_box, reason or ("" if is_filled(self.axis_box) else "there is no image to work on."))
        set_reason(self.axes_box, reason or ("" if is_filled(self.axes_box) else "there is no image to work on."))
        self.model.set_locked(reason)
