"""Finishing an object: a menu to fill gaps, check, measure and compare; a form of limits, memory and review."""

# Annotations are not postponed here: magicgui reads them.
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from magicgui import magicgui
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_sam2.widgets.views.common import button, entry, menu, set_reason, set_text, set_tip

_DOCKS = (
    ("Measure objects", "Volumes, diameters, grey values and more of each object.", "measure"),
    ("Compare labels", "Dice, distances and more between two Labels layers.", "compare"),
    ("Follow up an earlier study", "Carry the objects of an earlier study over to this one.", "follow_up"),
    ("Review cases", "Step through a list of cases, and say of each what you found.", "review_cases"),
    ("Change masks", "Smooth, fill, grow, split and more, as one step that can be undone.", "change_masks"),
)
# A list of magicgui cannot hold None.
_NOTHING: tuple[str, Any] = ("nothing", "")
_MEMORY_TIP = (
    "Which of the slices before the model remembers while it follows an object.\n"
    "the last ones: as Meta's SAM 2 does.\n"
    "those it is sure of: slices where the object is gone or its mask is poor are left out; good where it comes and "
    "goes.\n"
    "those with something alike: also slices where something else looks like the object; good beside a twin of it.\n"
    "A change makes tracked masks stale: the next run computes them anew."
)


class FinishPanel(QWidget):
    """A form of what runs go by and of what was found of the current object, for a window of its own.

    Attributes
    ----------
    menu : QMenu
        What can be done with finished masks, for a button *Finish*.
    progress : QProgressBar
        How far a check is; for a place beside the button.
    """

    interpolate_clicked = Signal()
    check_clicked = Signal()
    onion_skin_changed = Signal(bool)
    forbid_clicked = Signal(object)
    # A rule of the session and its value, e.g. "memory" and "selected".
    rule_chosen = Signal(str, object)
    reviewed = Signal(str, str)
    form_clicked = Signal()
    # The name of one of our docks.
    dock_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_menu()
        self.progress = QProgressBar(self)
        self.progress.setToolTip("How many slices are checked.")
        self.progress.setAccessibleName("Progress of the check")
        self.progress.setVisible(False)
        self.form = magicgui(_fields, call_button=False)
        self.form.margins = (0, 0, 0, 0)
        self.forbid_button = button(
            "Set not here",
            "No object may be where this Labels layer has anything; 'nothing' lifts that. The next run goes by it.",
            lambda: self.forbid_clicked.emit(self.form.not_here.value or None),
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.form.native)
        column.addWidget(self.forbid_button)
        self.set_checking(False)
        self.form.onion_skin.changed.connect(self.onion_skin_changed.emit)
        self._rules = {name: getattr(self.form, name) for name in ("neighbours", "memory", "click_mask", "motion")}
        for name, field in self._rules.items():
            field.changed.connect(lambda value, name=name: self.rule_chosen.emit(name, value))
        self.form.review.changed.connect(self._tell_review)
        self.form.comment.native.editingFinished.connect(self._tell_comment)
        self._comment = ""
        self._offered: list[tuple[str, Any]] = [_NOTHING]

    def _make_menu(self) -> None:
        self.menu = menu(self)
        self.interpolate_button = entry(
            self.menu,
            "Interpolate",
            "Set the masks between the accepted slices of the current object (marked, drawn or locked) from their "
            "outlines, without the model. One undo takes it back.",
            self.interpolate_clicked.emit,
            "interpolate",
        )
        self.check_button = entry(self.menu, "", "", self.check_clicked.emit, "check_back")
        self.form_entry = entry(
            self.menu,
            "Review and rules…",
            "Accept or reject the object, with a comment; the onion skin; what limits a run, and what it remembers.",
            self.form_clicked.emit,
            "run_rules",
        )
        self.menu.addSeparator()
        self.dock_entries = [
            entry(self.menu, f"{title}…", tip, partial(self.dock_clicked.emit, title), action)
            for title, tip, action in _DOCKS
        ]
        self.menu.addSeparator()

    def set_enabled(self, interpolate: str, check: str, onion_skin: str, rules: str, motion: str, review: str) -> None:
        """Enable buttons and fields, or disable them with the reason as their tooltip."""
        set_reason(self.interpolate_button, interpolate)
        set_reason(self.check_button, check)
        set_reason(self.form.onion_skin.native, onion_skin)
        for field in (self.form.neighbours, self.form.not_here, self.form.memory, self.form.click_mask):
            set_reason(field.native, rules)
        set_reason(self.form.motion.native, motion)
        set_reason(self.forbid_button, rules)
        for field in (self.form.review, self.form.comment):
            set_reason(field.native, review)

    def set_checking(self, checking: bool) -> None:
        """Say whether a check is under way, which the button ends then."""
        set_text(self.check_button, "Stop checking" if checking else "Check")
        set_tip(
            self.check_button,
            "End the check; what was found stays."
            if checking
            else "Go back from each tracked slice of the current object to the accepted slice that it comes from, and "
            "see whether the same mask comes out. The strip shows how well; no mask changes.",
        )
        set_reason(self.check_button, "")
        if not checking:
            self.progress.setVisible(False)

    def set_progress(self, done: int, total: int) -> None:
        """Show how far a check is."""
        self.progress.setMaximum(total)
        self.progress.setValue(done)
        self.progress.setVisible(True)

    def set_rules(self, **rules: str | bool) -> None:
        """Show the rules of the session, by name."""
        for name, value in rules.items():
            field = self._rules[name]
            with field.changed.blocked():
                field.value = value

    def set_layers(self, layers: Sequence[tuple[str, Any]]) -> None:
        """Offer Labels layers that say where no object may be; what was chosen stays."""
        now = [_NOTHING, *layers]
        if self._offered == now:
            return
        self._offered = now
        chosen = self.form.not_here.value
        self.form.not_here.choices = ()
        self.form.not_here.choices = now
        if any(value is chosen for _, value in now):
            self.form.not_here.value = chosen

    def set_review(self, state: str, comment: str) -> None:
        """Show what was said of the current object; empty: nothing."""
        self._comment = comment
        with self.form.review.changed.blocked():
            self.form.review.value = state
        edit = self.form.comment.native
        # What is being typed is not taken away.
        if not edit.hasFocus():
            blocker = QSignalBlocker(edit)
            edit.setText(comment)
            blocker.unblock()

    def _tell_review(self, state: str) -> None:
        self.reviewed.emit(state, self.form.comment.native.text())

    def _tell_comment(self) -> None:
        if self.form.comment.native.text() != self._comment:
            self.reviewed.emit(self.form.review.value, self.form.comment.native.text())


def _fields(
    onion_skin: Annotated[
        bool,
        {
            "label": "onion skin",
            "tooltip": "Outline the nearest accepted slices of the current object, before (blue) and after (orange).",
        },
    ] = False,
    neighbours: Annotated[
        str,
        {
            "widget_type": "ComboBox",
            "choices": [("a limit where they are locked", "limit"), ("no limit", "free")],
            "label": "neighbours are",
            "tooltip": "Whether other objects, where they are locked, are no place for an object.",
        },
    ] = "limit",
    not_here: Annotated[
        Any,
        {
            "widget_type": "ComboBox",
            "choices": [_NOTHING],
            "label": "not here",
            "tooltip": "A Labels layer on the grid of the image that says where no object may be; press Set not here.",
        },
    ] = "",
    memory: Annotated[
        str,
        {
            "widget_type": "ComboBox",
            "choices": [
                ("the last ones (Meta's)", "meta"),
                ("those it is sure of", "selected"),
                ("those with something alike", "distractor"),
            ],
            "label": "remember",
            "tooltip": _MEMORY_TIP,
        },
    ] = "meta",
    click_mask: Annotated[
        str,
        {
            "widget_type": "ComboBox",
            "choices": [
                ("the surest of three masks", "surest"),
                ("its single mask", "single"),
                ("the first of three masks", "first"),
            ],
            "label": "answer clicks with",
            "tooltip": "Which mask of the model answers clicks on a slice without a box.\nA change makes such answers "
            "stale: mark again or propagate to have them anew.",
        },
    ] = "surest",
    motion: Annotated[
        bool,
        {
            "label": "motion counts",
            "tooltip": "In a time-lapse, let the way an object has moved have a say in which mask it is.\nA change "
            "makes tracked masks stale: the next run computes them anew.",
        },
    ] = False,
    review: Annotated[
        str,
        {
            "widget_type": "ComboBox",
            "choices": [
                ("not reviewed", ""),
                ("accepted", "accepted"),
                ("rejected", "rejected"),
                ("needs edit", "needs edit"),
            ],
            "label": "review",
            "tooltip": "What you found of the current object; it stands in the session and in exports.",
        },
    ] = "",
    comment: Annotated[
        str, {"widget_type": "LineEdit", "label": "comment", "tooltip": "A few words to the review."}
    ] = "",
) -> None:
    """Ask for what finishes an object."""
