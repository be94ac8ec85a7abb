"""Asks how to follow objects along all axes, or through time as well, and says before what that takes."""

# Annotations are not postponed here: magicgui reads them.
from typing import Annotated, Any, Literal

from magicgui import magicgui
from magicgui.widgets import Container
from qtpy.QtWidgets import QLabel, QWidget

from napari_sam2.widgets.views.form_dialog import FormDialog

_AXES = (
    "Each axis starts from the marks in its own plane; where an object has none there, from the slice on which it is "
    "largest. The labels get what the axes agree on. Slices that you marked, drew or locked stay as they are; one undo "
    "takes the rest back."
)
_TIME = (
    "The stack that is shown is followed first. Each finished stack hands its objects on to the next time point, where "
    "they are followed through the stack again. Stop whenever you like: what is finished stays, and it goes on there. "
    "Time points that have marks of their own are followed from these."
)


class WholeRunDialog(FormDialog):
    """A form, and a line below it for what the run takes.

    Parameters
    ----------
    title
        Of the window.
    text
        What the run does.
    form
        The fields.
    parent
        Owner in Qt.
    """

    def __init__(self, title: str, text: str, form: Container, parent: QWidget | None = None) -> None:
        self.price = QLabel("Measuring how long it takes …")
        self.price.setWordWrap(True)
        super().__init__(title, form, text, self.price, parent=parent)
        self.ok_button.setText("Propagate")

    def set_price(self, text: str) -> None:
        """Say what the run takes."""
        self.price.setText(text)


class ConsensusDialog(WholeRunDialog):
    """Asks how several axes are made one; :meth:`rule` has the answer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.fields = magicgui(_axes_fields, call_button=False)
        super().__init__("Propagate along all axes", _AXES, self.fields, parent)

    def rule(self) -> Literal["vote", "mean"]:
        """Return the rule that the form shows."""
        return "mean" if self.fields.rule.value == "mean" else "vote"


class TimeDialog(WholeRunDialog):
    """Asks how objects go through time; :meth:`answer` has it.

    Parameters
    ----------
    time, count
        The time point that is shown, and how many there are.
    parent
        Owner in Qt.
    """

    def __init__(self, time: int, count: int, parent: QWidget | None = None) -> None:
        ways = [(f"later, to {count - 1}", "later")] * (time < count - 1) + [("earlier, to 0", "earlier")] * (time > 0)
        if len(ways) == 2:
            ways.append(("both", "both"))
        options: dict[str, Any] = {"way": {"choices": ways, "label": f"From time point {time} to"}}
        self.fields = magicgui(_time_fields, call_button=False, **options)
        super().__init__("Propagate through z and t", _TIME, self.fields, parent)

    def answer(self) -> dict[str, Any]:
        """Return the arguments of the run that the form shows."""
        found = self.fields.asdict()
        way = found.pop("way")
        return {"forward": way in ("later", "both"), "backward": way in ("earlier", "both"), **found}


def _axes_fields(
    rule: Annotated[
        str,
        {
            "widget_type": "ComboBox",
            "choices": [("where most axes say so", "vote"), ("inside the mean of their outlines", "mean")],
            "label": "A voxel belongs to the object",
            "tooltip": "Of two axes that have an opinion, both have to say so. The mean of the outlines is smoother.",
        },
    ] = "vote",
) -> None:
    """Ask how several axes are made one."""


def _time_fields(
    way: Annotated[str, {"widget_type": "ComboBox"}],
    seeds: Annotated[
        str,
        {
            "widget_type": "ComboBox",
            "choices": [("the middle slice of each object", "middle"), ("the slices marked or accepted", "accepted")],
            "label": "Hand on",
        },
    ] = "middle",
    moves: Annotated[
        bool,
        {
            "text": "objects move",
            "label": "",
            "tooltip": "Follow the slices that are handed on through time. Without it they are taken as they are.",
        },
    ] = True,
) -> None:
    """Ask how objects go through time."""
