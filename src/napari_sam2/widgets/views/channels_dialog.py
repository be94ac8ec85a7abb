"""Asks which channels, or which layers of one grid, the model sees as red, green and blue."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox
from qtpy.QtGui import QColor, QIcon, QPixmap

from napari_sam2.widgets.views.form_dialog import FormDialog
from napari_sam2.widgets.views.number_field import ExactField, decimals_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

COLOURS = ("red", "green", "blue")
_SWATCHES = ("#e8453c", "#3aa655", "#3f72e8")
_FAR = 1e12


@dataclass(frozen=True)
class Channel:
    """One that may be chosen.

    Parameters
    ----------
    text
        What it is called.
    value
        What stands for it in the answer.
    color
        In which the window shows it, ``(r, g, b)`` in 0…1; None: in none of its own.
    """

    text: str
    value: Any
    color: tuple[float, float, float] | None = None


class ChannelsDialog(FormDialog):
    """A list for each colour; :meth:`channels` has the answer once it was accepted.

    Parameters
    ----------
    channels
        Those to choose from.
    current
        The values of those that are chosen now.
    limits
        ``(low, high)`` for each colour that are black and white now, where the user may say others here; None: the
        sliders of the layers say them.
    parent
        Owner in Qt.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        current: Sequence[Any],
        limits: Sequence[tuple[float, float]] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        self._channels = list(channels)
        self.boxes = self._boxes(current)
        self.own = CheckBox(text="limits of my own, black and white:", value=False)
        self._limits: list[list[ExactField]] = []
        self.limits_boxes = [self._pair(c, pair) for c, pair in zip(COLOURS, limits or (), strict=False)]
        self.limits_form = Container(widgets=self.limits_boxes)
        hint = "The model sees these channels in one picture. " + (
            "Each is shown to it as its layer is to you: move the contrast slider of the layer."
            if limits is None
            else "Each is shown to it by its own range of values, or by the limits that you give."
        )
        below = () if limits is None else (self.own.native, self.limits_form.native)
        super().__init__("Channels as colours", Container(widgets=self.boxes), hint, *below, parent=parent)
        for colour, box in zip(COLOURS, self.boxes, strict=True):
            box.native.setAccessibleName(colour)
            box.changed.connect(lambda _: self._check())
        self._check()

    def channels(self) -> tuple[Any, ...]:
        """Return the values of the channels in the order of their colours."""
        return tuple(self._channels[box.value].value for box in self.boxes if box.value >= 0)

    def limits(self) -> tuple[tuple[float, float], ...] | None:
        """Return the limits of each channel that the user gave; None where he gave none."""
        if not self.own.value or not self.limits_boxes:
            return None
        pairs = [(low.value, high.value) for low, high in self._limits]
        return tuple(pairs[i] for i, box in enumerate(self.boxes) if box.value >= 0)

    def _boxes(self, current: Sequence[Any]) -> list[ComboBox]:
        choices = [("none", -1), *((channel.text, i) for i, channel in enumerate(self._channels))]
        # By identity for layers: comparing layers compares nothing useful.
        places = [i for value in current for i, c in enumerate(self._channels) if c.value is value or c.value == value]
        start = places if len(places) > 1 else list(range(min(len(self._channels), 3)))
        boxes = []
        for colour, swatch, value in zip(COLOURS, _SWATCHES, (*start, -1, -1, -1)[:3], strict=True):
            label = f"<span style='background-color:{swatch}'>&nbsp;&nbsp;&nbsp;</span> {colour}"
            box = ComboBox(label=label, choices=choices, value=value)
            for i, channel in enumerate(self._channels, start=1):
                if channel.color is not None:
                    box.native.setItemIcon(i, _icon(channel.color))
            boxes.append(box)
        return boxes

    def _pair(self, colour: str, limits: tuple[float, float]) -> Container:
        low, high = (FloatSpinBox(min=-_FAR, max=_FAR) for _ in limits)
        fields = [ExactField(box, decimals_for([limits])) for box in (low, high)]
        for field, value in zip(fields, limits, strict=True):
            field.show(value)
        self._limits.append(fields)
        for box, end in ((low, "black"), (high, "white")):
            box.native.setAccessibleName(f"{colour}, {end}")
            box.changed.connect(lambda _: self._on_limit())
        return Container(label=colour, widgets=[low, high], layout="horizontal", labels=False)

    def _on_limit(self) -> None:
        self.own.value = True
        self._check()

    def _check(self) -> None:
        # The model takes the first for red, the second for green: no colour before another may be empty.
        values = [int(box.value) for box in self.boxes]
        gap = any(a < 0 <= b for a, b in pairwise(values)) or not self.channels()
        empty = any(low >= high for low, high in self.limits() or ())
        self.ok_button.setEnabled(not gap and not empty)
        gap_text = "Choose red first, then green, then blue." if gap else ""
        self.ok_button.setToolTip(gap_text or ("Black has to lie below white." if empty else ""))


def _icon(color: tuple[float, float, float]) -> QIcon:
    picture = QPixmap(12, 12)
    picture.fill(QColor.fromRgbF(*color))
    return QIcon(picture)
