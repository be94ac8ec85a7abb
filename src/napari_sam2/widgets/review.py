"""Checking an object frame by frame: the strip, jumps to doubtful frames, locks and cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari_sam2.object_table import Side
    from napari_sam2.session import VideoSession
    from napari_sam2.widgets.controller import SegmentController
    from napari_sam2.widgets.handle import SessionHandle
    from napari_sam2.widgets.review_panel import ReviewPanel

# How long the slider has to rest on a frame before it counts as looked at.
LOOK_MS = 200
# The strip during a run; drawing it costs more than a small frame.
STRIP_MS = 200


class Review(QObject):
    """Keeps the review panel true, and does what its buttons and keys say.

    Parameters
    ----------
    controller
        Knows the session, the current object and the queue.
    panel
        The view.
    """

    def __init__(self, controller: SegmentController, panel: ReviewPanel) -> None:
        super().__init__(controller)
        self._controller = controller
        self._choices = controller.choices
        self._panel = panel
        self._strip = _timer(self, STRIP_MS, self._draw)
        self._look = _timer(self, LOOK_MS, self._note_seen)
        panel.frame_clicked.connect(self._choices.show_frame)
        panel.next_doubtful_clicked.connect(self.next_doubtful)
        panel.lock_clicked.connect(self.toggle_lock)
        panel.lock_seen_clicked.connect(self.lock_seen)
        panel.cut_clicked.connect(self.cut)
        self._choices.frame_changed.connect(self._on_frame)

    # ------------------------------------------------------------------ going somewhere

    def next_doubtful(self) -> None:
        """Show the next frame on which the current object is doubtful, from the first one again after the last."""
        handle = self._choices.handle
        scores = None if handle is None else handle.scores(self._obj)
        doubtful = [] if scores is None else [int(f) for f in scores.index[scores["doubtful"]]]
        if not doubtful:
            self._controller.say(f"Nothing is doubtful about object {self._obj}.")
            return
        here = self._choices.shown_frame()
        self._choices.show_frame(next((f for f in doubtful if f > here), doubtful[0]))

    # ------------------------------------------------------------------ locks and cuts

    def toggle_lock(self) -> None:
        """Lock the current object on the shown frame, or release it."""
        obj, frame = self._obj, self._choices.shown_frame()

        def toggle(handle: SessionHandle, session: VideoSession) -> None:
            if frame in handle.locked(obj):
                session.unlock(frame, obj)
            else:
                session.lock(frame, obj)

        self._controller.editing.take_strokes()
        self._controller.submit(lambda h: h.change(lambda s: toggle(h, s), {frame}), "Locking…")

    def lock_seen(self) -> None:
        """Lock the current object on all frames whose present mask the user has looked at."""
        obj = self._obj
        self._note_seen()
        self._controller.submit(lambda h: h.lock_seen(obj), "Locking what was seen…")

    def cut(self, side: Side) -> None:
        """End the current object at the shown frame; ``side`` is "above" or "below"."""
        obj, frame = self._obj, self._choices.shown_frame()
        self._controller.submit(lambda h: h.change(lambda s: s.cut(obj, frame, side)), "Cutting…")

    # ------------------------------------------------------------------ the view

    def refresh(self, lock_why: str, object_why: str) -> None:
        """Show the current object as it is now; the two texts say why buttons are disabled."""
        self._draw()
        self._look.start()
        handle = self._choices.handle
        here = self._choices.shown_frame()
        self._panel.set_locked(handle is not None and here in handle.locked(self._obj))
        self._panel.set_enabled(lock_why, object_why)

    def tick(self) -> None:
        """Something changed in a run; the strip follows a few times a second."""
        if not self._strip.isActive():
            self._strip.start()

    def close(self) -> None:
        """Stop drawing."""
        self._strip.stop()
        self._look.stop()

    @property
    def _obj(self) -> int:
        return self._controller.tools.obj

    def _draw(self) -> None:
        handle = self._choices.handle
        strip = self._panel.strip
        strip.set_frames(1 if handle is None else handle.grid.frame_count)
        strip.set_frame(self._choices.shown_frame())
        if handle is None or handle.session is None:
            strip.set_scores(None, ())
        else:
            strip.set_scores(handle.scores(self._obj), handle.session.prompted_frames(self._obj))

    def _on_frame(self) -> None:
        self._controller.refresh_review()

    def _note_seen(self) -> None:
        handle = self._choices.handle
        if handle is not None:
            handle.note_seen(self._choices.shown_frame())


def _timer(parent: QObject, milliseconds: int, then: object) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(then)
    return timer
