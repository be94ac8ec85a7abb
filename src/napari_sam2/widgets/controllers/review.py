"""Checking an object frame by frame: the strip, jumps to doubtful frames, locks and cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.core.formatting import frame_word
from napari_sam2.widgets.views.common import call_frames, set_reason

if TYPE_CHECKING:
    import pandas as pd

    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.session import VideoSession
    from napari_sam2.session.objects.objects import Side
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.view_protocols import ReviewView

# How long the slider has to rest on a frame before it counts as looked at.
LOOK_MS = 200
# The strip during a run; drawing it costs more than a small frame.
STRIP_MS = 200


class Review(QObject):
    """Keeps the review panel true, and does what its buttons and keys say.

    Parameters
    ----------
    context
        Knows the session, the current object and the queue.
    panel
        The view.
    """

    # The next doubtful frame is of this object.
    object_wanted = Signal(int)

    def __init__(self, context: ControllerContext, panel: ReviewView) -> None:
        super().__init__(context)
        self._context = context
        self._selection = context.selection
        self._panel = panel
        self._scores: pd.DataFrame | None = None
        self._strip = _timer(self, "strip", STRIP_MS, self._draw)
        self._look = _timer(self, "rest", LOOK_MS, self._note_seen)
        panel.frame_clicked.connect(self._selection.show_frame)
        panel.next_doubtful_clicked.connect(self.next_doubtful)
        panel.lock_clicked.connect(self.toggle_lock)
        panel.lock_seen_clicked.connect(self.lock_seen)
        panel.cut_clicked.connect(self.cut)
        self._selection.frame_changed.connect(self._show_frame)

    # ------------------------------------------------------------------ going somewhere

    def next_doubtful(self) -> None:
        """Show the next doubtful frame of the current object, then of the other objects, and from the first again."""
        self._context.show_message("")
        self._draw()
        scores = self._scores
        doubtful = [] if scores is None else [int(f) for f in scores.index[scores["doubtful"]]]
        here, found = self._selection.shown_frame(), None
        further = next((f for f in doubtful if f > here), None)
        if further is None:
            found = self._doubtful_elsewhere()
            if found is None and not doubtful:
                self._context.show_message("Nothing is doubtful about any object.")
                return
            if found is not None:
                self.object_wanted.emit(found[0])
            further = doubtful[0] if found is None else found[1]
        self._selection.show_frame(further)
        self._tell_reasons(self._obj if found is None else found[0], further)

    def _tell_reasons(self, obj_id: int, frame: int) -> None:
        """Say why a frame is doubtful."""
        worker = self._selection.worker
        scores = None if worker is None else worker.scores(obj_id)
        if worker is not None and scores is not None and frame in scores.index:
            word = frame_word(worker.grid.frame_axis).capitalize()
            self._context.show_message(f"{word} {frame}: {scores['reasons'].to_dict()[frame]}.")

    def _doubtful_elsewhere(self) -> tuple[int, int] | None:
        """Return the next object after the current one that is doubtful, and its first doubtful frame."""
        worker = self._selection.worker
        ids = [] if worker is None else list(worker.objects)
        start = ids.index(self._obj) + 1 if self._obj in ids else 0
        for obj_id in [i for i in (*ids[start:], *ids[:start]) if i != self._obj]:
            scores = None if worker is None else worker.scores(obj_id)
            if scores is not None and scores["doubtful"].any():
                return obj_id, int(scores.index[scores["doubtful"]][0])
        return None

    # ------------------------------------------------------------------ locks and cuts

    def toggle_lock(self) -> None:
        """Lock the current object on the shown frame, or release it."""
        obj_id, frame = self._obj, self._selection.shown_frame()

        def toggle(worker: SessionWorker, session: VideoSession) -> None:
            if frame in worker.locked(obj_id):
                session.unlock(frame=frame, obj_id=obj_id)
            else:
                session.lock(frame=frame, obj_id=obj_id)

        self._context.submit(lambda worker: worker.change(lambda session: toggle(worker, session), {frame}), "Locking…")

    def lock_seen(self) -> None:
        """Lock the current object on all frames whose present mask the user has looked at."""
        obj_id = self._obj
        self._note_seen()
        self._context.submit(lambda worker: worker.lock_seen(obj_id), "Locking what was seen…")

    def cut(self, side: Side) -> None:
        """End the current object at the shown frame; ``side`` is "above" or "below"."""
        obj_id, frame = self._obj, self._selection.shown_frame()
        self._context.submit(lambda worker: worker.change(lambda session: session.cut(obj_id, frame, side)), "Cutting…")

    # ------------------------------------------------------------------ the view

    def refresh(self) -> None:
        """Show the current object as it is now."""
        self._draw()
        self._show_frame()

    def draw_soon(self) -> None:
        """Something changed in a run; the strip follows a few times a second."""
        if not self._strip.isActive():
            self._strip.start()

    def close(self) -> None:
        """Stop drawing."""
        self._strip.stop()
        self._look.stop()

    @property
    def _obj(self) -> int:
        return self._context.current_object

    def _draw(self) -> None:
        worker = self._selection.worker
        strip = self._panel.strip
        strip.set_frames(1 if worker is None else worker.grid.frame_count)
        self._scores = None if worker is None else worker.scores(self._obj)
        prompted = [] if worker is None or self._scores is None else worker.prompted_frames(self._obj)
        strip.set_scores(self._scores, prompted)

    def _show_frame(self) -> None:
        """Say what can be done with the shown frame."""
        scores, here = self._scores, self._selection.shown_frame()
        known = scores is not None and here in scores.index
        axis = None if self._selection.worker is None else self._selection.worker.grid.frame_axis
        self._panel.strip.set_frame(here)
        self._panel.set_locked(scores is not None and known and bool(scores["locked"].loc[here]))
        other = known and scores is not None and bool(scores["other_contrast"].loc[here])
        self._panel.set_note(
            "This mask was made with another window (contrast limits or gamma); it stays until it is computed anew."
            if other
            else ""
        )
        self._panel.set_enabled(*self._reasons(here, frame_word(axis)))
        call_frames(self._panel, axis)
        self._look.start()

    def _reasons(self, here: int, word: str) -> tuple[str, str, str, str, str]:
        """Return why five buttons are disabled (lock, lock seen, next doubtful, cut above, cut below), else empty."""
        worker, scores = self._selection.worker, self._scores
        if worker is None or scores is None or scores.empty:
            missing = "the current object has no mask yet."
            return missing, missing, missing, missing, missing
        return (
            "" if here in scores.index else "it has no mask here.",
            "" if worker.has_seen(self._obj) else f"no unlocked {word} of it was looked at yet.",
            "" if len(worker.objects) > 1 or scores["doubtful"].any() else f"no {word} of it is doubtful.",
            "" if scores.index.max() > here else f"it has no mask on a {word} of a higher number.",
            "" if scores.index.min() < here else f"it has no mask on a {word} of a lower number.",
        )

    def _note_seen(self) -> None:
        worker = self._selection.worker
        if worker is not None:
            worker.note_seen(self._selection.shown_frame())
            lock_seen = self._reasons(self._selection.shown_frame(), frame_word(worker.grid.frame_axis))[1]
            set_reason(self._panel.lock_seen_button, lock_seen)


def _timer(parent: QObject, name: str, milliseconds: int, then: object) -> QTimer:
    timer = QTimer(parent)
    timer.setObjectName(name)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(then)
    return timer
