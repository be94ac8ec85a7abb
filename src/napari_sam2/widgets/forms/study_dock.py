"""What the docks share that show their results in *Segment with SAM 2*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui import magicgui

from napari_sam2.widgets.forms.form_dock import FormDock

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from qtpy.QtWidgets import QWidget


class StudyDock(FormDock):
    """A form whose button opens something in the dock widget.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    show_segment
        Shows the dock widget *Segment with SAM 2* and returns it.
    call, call_button
        What the form asks for and does, and the text on its button.
    below
        Put below the form.
    """

    def __init__(
        self,
        napari_viewer: ViewerModel,
        show_segment: Callable[[], Any],
        call: Callable[..., None],
        call_button: str,
        *below: QWidget,
    ) -> None:
        super().__init__(napari_viewer)
        self._show_segment = show_segment
        self._fields: Any = magicgui(call, call_button=call_button)
        self.lay_out(self._fields, *below)
