"""Step 1 of the dock widget: which image, along which axis, with which model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QMenu, QWidget

from napari_sam2.core.intensity_presets import PRESETS, HounsfieldWindow, PercentileWindow
from napari_sam2.widgets.views.channels_dialog import COLOURS
from napari_sam2.widgets.views.common import button, combo, fill, is_filled, row, set_reason
from napari_sam2.widgets.views.model_panel import ModelPanel

if TYPE_CHECKING:
    from collections.abc import Sequence


_PRESET_NAMES = {"mr": "MR"}


class SourcePanel(QWidget):
    """The choice of an image, with the panel of the model inside. Emits choices; shows what it is given."""

    image_chosen = Signal(object)
    axis_chosen = Signal(object)
    axes_clicked = Signal()
    preset_chosen = Signal(str)
    channels_chosen = Signal(object)
    colours_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image_box = combo("The image layer to segment: a volume, a time-lapse, or a single picture.")
        self.axis_box = combo("The axis along which the image is followed like a video, from slice to slice.")
        self.axes_label = QLabel()
        self.axes_label.setWordWrap(True)
        self.axes_label.setToolTip(
            "What each axis of the image is taken for, how long it is, and its spacing: t is time, z depth, c a "
            "channel, y rows, x columns.\nA question mark: nothing says so, it is assumed."
        )
        self.axes_button = button(
            "Axes…",
            "Say what the axes of the image are, where something else is shown here than is true.\n"
            "Masks made before stay in a layer of their own.",
            self.axes_clicked.emit,
        )
        self._has_axes = False
        self.model = ModelPanel()
        self.window_label = QLabel("–")
        self.window_label.setToolTip("The contrast limits of the image layer: what you see is what the model gets.")
        form = self._form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Image", self.image_box)
        form.addRow("Axes", self.axes_label)
        along = row(self.axis_box, self.axes_button)
        along.setStretch(1, 0)
        form.addRow("Along", along)
        self.channel_box = combo(
            "Which channel the model sees, or which of them as colours. What was made with others is kept: choose "
            "them again to see it."
        )
        self._channel_row = form.rowCount()
        form.addRow("Channels", self.channel_box)
        self.preset_button = button("Presets", "Show the image, to you and to the model, with usual contrast limits.")
        self.preset_menu = QMenu(self)
        self.preset_button.setMenu(self.preset_menu)
        self._preset_actions = {}
        for name, preset in PRESETS.items():
            action = self.preset_menu.addAction(f"{_PRESET_NAMES.get(name, name.capitalize())}  ({_says(preset)})")
            assert action is not None
            action.triggered.connect(lambda _=False, name=name: self.preset_chosen.emit(name))
            self._preset_actions[name] = action
        window = row(self.window_label, self.preset_button)
        window.setStretch(0, 1)
        window.setStretch(1, 0)
        form.addRow("Window", window)
        form.addRow("Model", self.model)
        self.image_box.activated.connect(lambda i: self.image_chosen.emit(self.image_box.itemData(i)))
        self.channel_box.activated.connect(self._on_channels)
        self.set_channels(0, None)
        self.axis_box.activated.connect(lambda i: self.axis_chosen.emit(self.axis_box.itemData(i)))

    def set_images(self, images: Sequence[tuple[str, Any]], current: Any) -> None:
        """Offer these ``(name, layer)`` pairs, the current one chosen."""
        fill(self.image_box, images, current, empty="open an image first")

    def set_axes(self, axes: Sequence[tuple[str, Any]], current: Any) -> None:
        """Offer these ``(text, axis letter)`` pairs."""
        fill(self.axis_box, axes, current, empty="–")

    def set_meaning(self, axes: str, reason: str) -> None:
        """Say what the axes are taken for, and why the image is followed along one of them by default."""
        self.axes_label.setText("\n".join(text for text in (axes, reason) if text) or "–")
        self._has_axes = bool(axes)

    def set_channels(self, count: int, current: tuple[int, ...] | None) -> None:
        """Offer the channels of the image, one or several as colours; none: it has no channels."""
        several = ", ".join(str(c) for c in current or ()) if current is not None and len(current) > 1 else ""
        rows = [("the one that is shown", ""), *((f"channel {i}", str(i)) for i in range(count))]
        if several:
            rows.append((f"{several} as {', '.join(COLOURS[: len(current or ())])}", "now"))
        if count > 1:
            rows.append(("several as colours…", "ask"))
        chosen = "" if current is None else "now" if several else str(current[0])
        fill(self.channel_box, rows if count else [], chosen, empty="–")
        self._form.setRowVisible(self._channel_row, bool(count))

    def _on_channels(self, place: int) -> None:
        value = self.channel_box.itemData(place)
        if value == "ask":
            self.colours_clicked.emit()
        elif value != "now":
            self.channels_chosen.emit((int(value),) if value else None)

    def set_window(self, text: str) -> None:
        """Say which values the model sees as black and white."""
        self.window_label.setText(text)

    def set_last_preset(self, name: str) -> None:
        """Offer the one that was chosen last before the others; an unknown name changes nothing."""
        action, first = self._preset_actions.get(name), self.preset_menu.actions()[0]
        if action is not None and action is not first:
            self.preset_menu.removeAction(action)
            self.preset_menu.insertAction(first, action)

    def set_presets_enabled(self, reason: str) -> None:
        """Enable the menu of contrast limits, or say why it cannot be used."""
        set_reason(self.preset_button, reason)

    def set_locked(self, reason: str) -> None:
        """Forbid another axis, model or device while something runs; an empty text allows it."""
        set_reason(self.axis_box, reason or ("" if is_filled(self.axis_box) else "there is no image to work on."))
        set_reason(self.channel_box, reason or ("" if is_filled(self.channel_box) else "there are no channels."))
        set_reason(self.axes_button, reason or ("" if self._has_axes else "there is no image to work on."))
        self.model.set_locked(reason)


def _says(preset: HounsfieldWindow | PercentileWindow) -> str:
    """Return the limits of a preset in a few words."""
    if isinstance(preset, PercentileWindow):
        return f"{preset.low:g} … {preset.high:g} % of the values"
    low, high = preset.limits
    return f"{low:g} … {high:g} HU"
