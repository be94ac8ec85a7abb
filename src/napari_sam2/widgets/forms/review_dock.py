"""The dock *Review cases*: a list of images with sessions, opened one after the other, and a summary of all."""

# Annotations are not postponed here: magicgui reads them.
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from napari.layers import Image

from napari_sam2.errors import NapariSam2Error, ReadError
from napari_sam2.review.case_list import ReviewList
from napari_sam2.review.cases import session_beside
from napari_sam2.review.summary import SummaryRow, check_summary_path, summarise, write_summary
from napari_sam2.session.storage.image_identity import place_of
from napari_sam2.session.storage.locations import peek
from napari_sam2.widgets import PLUGIN
from napari_sam2.widgets.forms.background import Steps
from napari_sam2.widgets.forms.study_dock import StudyDock
from napari_sam2.widgets.views.review_cases import CaseLine, ObjectLine, ReviewCases

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_sam2.review.cases import ReviewCase


class ReviewDock(StudyDock):
    """Steps through the cases of a list.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in, or napari's proxy of it.
    show_segment
        Shows the dock widget *Segment with SAM 2* and returns it.
    """

    def __init__(self, napari_viewer: "napari.viewer.Viewer", show_segment: "Callable[[], Any]") -> None:
        self.view = view = ReviewCases()
        super().__init__(napari_viewer, show_segment, self.open_list, "Open list", view)
        self.review: ReviewList | None = None
        self.index: int | None = None
        # The controller of the dock widget.
        self._segment: Any = None
        # Of the open case.
        self._image: Image | None = None
        self._group: Any = None
        # The images that came with it: its further channels.
        self._others: list[Image] = []
        self._known: list[Any] = []
        self._opening = False
        self._fields.source.changed.connect(
            lambda kind: setattr(self._fields.cases, "mode", "d" if "folder" in kind else "r")
        )
        view.case_chosen.connect(self.open_case)
        view.step_clicked.connect(self.step)
        view.next_doubtful_clicked.connect(self._next_doubtful)
        view.case_reviewed.connect(self.review_case)
        view.object_chosen.connect(self._choose_object)
        view.object_reviewed.connect(self.review_object)
        view.summary_clicked.connect(self._ask_where_to_save)

    def open_list(
        self,
        source: Annotated[Literal["a table (CSV)", "a folder"], {"label": "cases from"}] = "a table (CSV)",
        cases: Annotated[
            Path,
            {
                "mode": "r",
                "tooltip": "A CSV file with columns image and session; or a folder of images, or of a batch.",
            },
        ] = Path(),
        reviewer: Annotated[str, {"tooltip": "Your initials, if they shall stand beside what you find."}] = "",
        effort: Annotated[
            bool,
            {
                "label": "time and interactions",
                "tooltip": "Put time at work and number of interactions into the summary. If off, sessions that are "
                "opened here note no times. Nothing leaves this computer.",
            },
        ] = True,
    ) -> None:
        """Open a list of cases, and go on where it was left."""
        self.view.take_comment()
        with self.telling():
            if cases == Path():
                raise ReadError("Choose the cases first: a CSV file, or a folder of images with their sessions.")
            self.review, self.index = ReviewList(cases), None
            broken = sum(bool(case.problem) for case in self.review.cases)
            text = f"{len(self.review.cases)} cases, {self.review.reviewed} reviewed"
            text += f", {broken} cannot be opened" if broken else ""
            self.say(f"{text}. What you find is kept in {self.review.file}.")
            last = self.review.last
            if last is not None:
                self.view.cases.selectRow(last)
                self.say(f"{self.status.text()} {self.review.cases[last].name} was open last.")
        self._show()

    # ------------------------------------------------------------------ going through the list

    def step(self, by: int) -> None:
        """Open the next case, or the previous one."""
        if self.review is not None:
            start = self.review.last if self.index is None and by > 0 else None
            found = start if start is not None else self.review.step(self.index, by)
            if found is not None:
                self.open_case(found)

    def open_case(self, index: int) -> None:
        """Show a case with its image and its masks, in place of the one before."""
        assert self.review is not None
        self.view.take_comment()
        case = self.review.cases[index]
        if case.problem:
            self.say(case.problem)
            return
        self._follow(self._show_segment().controller)
        if why := self._why_stay(index):
            self.say(why)
            return
        with self.telling():
            self.review.note_opened(case)
        self._take_away()
        self.index = index
        self.say(f"Opening {case.name} …")
        self._show()
        try:
            self._open(case)
        except NapariSam2Error as error:
            self._fail(error)

    def _why_stay(self, index: int) -> str:
        """Return why no other case can be opened now; empty where nothing would be lost."""
        if self._segment.runs.running:
            return "A run is under way; stop it before you open another case."
        if self._opening and self._segment.queue.busy:
            return "The case before is still being opened; wait for it."
        self._segment.flush()
        worker = self._worker
        if worker is None or self.review is None or self.index is None:
            return ""
        session, name = worker.session, self.review.cases[self.index].name
        if index == self.index:
            return f"{name} is open already."
        if session is not None and session.path is None and session.objects:
            return f"What was drawn on {name} is in memory only: save its session first (Session ▸ Save session as…)."
        return ""

    @property
    def _worker(self) -> Any:
        """The worker of the open case; None where another image is worked on."""
        selection = None if self._segment is None else self._segment.selection
        ours = selection is not None and self._image is not None and selection.image is self._image
        return selection.worker if selection is not None and ours else None

    def _open(self, case: "ReviewCase") -> None:
        # One that was begun at an earlier visit is no line of the table.
        session = case.session or (None if case.image is None else session_beside(case.image))
        self._opening, self._known = True, list(self.viewer.layers)
        if session is None or (case.image is not None and place_of(peek(session).header.image, session) is None):
            layers = [la for la in self.viewer.open(str(case.image), plugin=PLUGIN) if isinstance(la, Image)]
            if not layers:
                raise ReadError(f"No image of {case.image} was opened.")
            self._image = layers[0]
        if session is None:
            self._segment.selection.choose_image(self._image)
            self._on_opened()
        else:
            self._segment.files.open(str(session))

    def _follow(self, segment: Any) -> None:
        """Hear what happens in the dock widget, which is another one after it was closed."""
        if segment is not self._segment:
            self._segment = segment
            segment.files.opened.connect(self._on_opened)
            segment.queue.failed.connect(self._fail)
            segment.context.updated.connect(lambda *_: self._show_objects())

    def _take_away(self) -> None:
        """Remove images and labels of the case before; its session is closed by that, and complete."""
        image, labels = self._image, None if self._group is None else self._group.labels
        others, self._others = self._others, []
        self._image = self._group = None
        for layer in (image, *others, labels):
            if layer is not None and layer in self.viewer.layers:
                self.viewer.layers.remove(layer)

    def _on_opened(self) -> None:
        if self.review is None or self.index is None or not self._opening:
            return
        self._opening = False
        self._image, self._group = self._segment.selection.image, self._segment.selection.layer_group
        came = [la for la in self.viewer.layers if isinstance(la, Image) and la not in self._known]
        self._others = [la for la in came if la is not self._image]
        if not self._fields.effort.value and self._worker is not None and self._worker.session is not None:
            self._segment.finishing.set_rule("log_times", False)
        case = self.review.cases[self.index]
        self.say(f"{case.name}, {self.index + 1} of {len(self.review.cases)}.")
        self._show_objects()

    def _fail(self, error: Exception) -> None:
        if self._opening:
            self._opening = False
            self.say(error.headline if isinstance(error, NapariSam2Error) else f"It failed: {error}")

    def _next_doubtful(self) -> None:
        self._segment.review.next_doubtful()

    def _choose_object(self, obj_id: int) -> None:
        self._segment.objects.choose(obj_id)

    # ------------------------------------------------------------------ what was found

    def review_case(self, state: str, comment: str) -> None:
        """Keep what was found of the open case."""
        if self.review is not None and self.index is not None:
            with self.telling():
                case = self.review.cases[self.index]
                self.review.set_verdict(case, state or None, comment, self._fields.reviewer.value.strip())
            self._show()

    def review_object(self, obj_id: int, state: str, comment: str) -> None:
        """Keep what was found of an object, as a step of the session."""
        if self._worker is not None and self._worker.session is not None:
            self._segment.finishing.review(state, comment, obj_id)

    def _show(self) -> None:
        review, index = self.review, self.index
        if review is None:
            return
        found = [review.verdict(case) for case in review.cases]
        rows = zip(review.cases, found, strict=True)
        self.view.set_cases([CaseLine(c.name, v.state or "", v.comment, c.problem) for c, v in rows], index)
        self.view.set_steps(
            "" if index is not None and review.step(index, -1) is not None else "this is the first.",
            "" if review.step(index, 1) is not None else "this is the last.",
        )
        if index is None:
            self.view.set_case("", "", "")
        else:
            self.view.set_case(review.cases[index].name, found[index].state or "", found[index].comment)

    def _show_objects(self) -> None:
        worker = self._worker
        lines = []
        for obj_id, info in worker.objects.items() if worker is not None else ():
            state, comment = ("", "") if info.review is None else info.review
            lines.append(ObjectLine(obj_id, info.name, info.color, info.frames, state, comment))
        self.view.set_objects(lines)

    # ------------------------------------------------------------------ the summary

    def _ask_where_to_save(self) -> None:
        if self.review is not None:
            suggested = self.review.source.with_name(f"{self.review.source.stem}_summary.html")
            path = self.ask_where("Save the summary", str(suggested), "Page, with a table beside it (*.html)")
            if path is not None:
                self.save_summary(path)

    def save_summary(self, path: Path) -> None:
        """Write the summary of all cases as ``NAME.html`` and ``NAME.csv``."""
        review = self.review
        if review is None:
            return
        live = {} if self._segment is None else self._segment.selection.open_files()
        effort = self._fields.effort.value

        def steps() -> Steps:
            rows: list[SummaryRow] = []
            yield 0, len(review.cases)
            for row in summarise(review, effort=effort, live=live):
                rows.append(row)
                yield len(rows), len(review.cases)
            return rows

        def done(rows: list[SummaryRow]) -> None:
            page = write_summary(path, rows, review.source.name)[1]
            self.say(f"Wrote {page}, and the table beside it.")

        with self.telling():
            check_summary_path(path, review.source)
            self.work("Reading the sessions", steps, done)
