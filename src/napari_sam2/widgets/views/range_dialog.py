"""Asks for the values that an object may have."""

# Annotations are not postponed here: magicgui reads them.
from typing import Annotated

from magicgui import magicgui
from qtpy.QtWidgets import QWidget

from napari_sam2.widgets.views.common import button, set_reason
from napari_sam2.widgets.views.form_dialog import FormDialog
from napari_sam2.widgets.views.number_field import ExactField, decimals_for

_VALUE = {"min": -1e12, "max": 1e12}


class RangeDialog(FormDialog):
    """Two numbers; :meth:`answer` has them once it was accepted.

    Parameters
    ----------
    now
        The range of the object, None for no limit.
    suggested
        The range of what its mask on the shown frame holds; None where it has none there.
    parent
        Owner in Qt.
    shown
        The values that the picture shows as black and white, which the decimals have to suit as well.
    """

    def __init__(
        self,
        now: tuple[float | None, float | None],
        suggested: tuple[float, float] | None,
        parent: QWidget | None = None,
        shown: tuple[float, float] | None = None,
    ) -> None:
        self.fields = magicgui(_fields, call_button=False, labels=False)
        decimals = decimals_for([now, suggested or (None, None), shown or (None, None)])
        self._low, self._high = (ExactField(field, decimals) for field in (self.fields.low, self.fields.high))
        low, high = (n if n is not None else s for n, s in zip(now, suggested or (None, None), strict=True))
        self._show(low, high)
        self.from_mask = button(
            "Take from the mask here",
            "The values inside the object's mask on the shown slice, without the outermost ones.",
            lambda: self._show(*suggested) if suggested is not None else None,
        )
        set_reason(self.from_mask, "" if suggested is not None else "the object has no mask on the shown slice.")
        super().__init__(
            "Limit by intensity",
            self.fields,
            "Voxels with other values will not belong to the object. Without a tick there is no limit.",
            self.from_mask,
            parent=parent,
        )

    def answer(self) -> tuple[float | None, float | None]:
        """Return the range that the form shows."""
        low = self._low.value if self.fields.use_low.value else None
        return low, self._high.value if self.fields.use_high.value else None

    def _show(self, low: float | None, high: float | None) -> None:
        self.fields.update(use_low=low is not None, use_high=high is not None)
        self._low.show(low or 0.0)
        self._high.show(high or 0.0)


def _fields(
    use_low: Annotated[bool, {"text": "lowest value"}] = False,
    low: Annotated[float, {"label": "lowest value", **_VALUE}] = 0.0,
    use_high: Annotated[bool, {"text": "highest value"}] = False,
    high: Annotated[float, {"label": "highest value", **_VALUE}] = 0.0,
) -> None:
    """Ask for a range of values."""
