"""Asks which objects of which labels layer, on which slices, shall be taken as masks."""

# Annotations are not postponed here: magicgui reads them.
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from magicgui import magicgui
from qtpy.QtWidgets import QWidget

from napari_sam2.widgets.views.form_dialog import FormDialog


@dataclass(frozen=True)
class LabelsRequest:
    """The user's choice; ``every`` is None for the shown slice, else the step between slices."""

    layer: Any
    only_selected: bool
    every: int | None


class LabelsDialog(FormDialog):
    """A small form; :meth:`request` has the answer once it was accepted.

    Parameters
    ----------
    layers
        The labels layers to choose from, by name.
    called
        What the frames of the image are called.
    parent
        Owner in Qt.
    """

    def __init__(self, layers: Sequence[tuple[str, Any]], called: str, parent: QWidget | None = None) -> None:
        options: dict[str, Any] = {"layer": {"choices": list(layers)}, "many": {"label": called.capitalize()}}
        self.fields = magicgui(_fields, call_button=False, **options)
        self.fields.every.changed.connect(lambda _: setattr(self.fields.many, "value", True))
        super().__init__("Start from labels", self.fields, parent=parent)

    def request(self) -> LabelsRequest:
        """Return the choice that the form shows."""
        found = self.fields.asdict()
        return LabelsRequest(found["layer"], found["only_selected"], found["every"] if found["many"] else None)


def _fields(
    layer: Annotated[Any, {"widget_type": "ComboBox", "label": "Labels"}],
    only_selected: Annotated[
        bool,
        {
            "widget_type": "RadioButtons",
            "choices": [("all objects", False), ("the selected label only", True)],
            "label": "Objects",
        },
    ] = False,
    many: Annotated[
        bool, {"widget_type": "RadioButtons", "choices": [("on the one shown", False), ("on one in …", True)]}
    ] = False,
    every: Annotated[int, {"label": "… one in", "min": 1, "max": 1000}] = 10,
) -> None:
    """Ask for objects of a labels layer."""
