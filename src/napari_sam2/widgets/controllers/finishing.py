"""Finishing the current object: interpolation, checks, the onion skin, limits, memory, and its review."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_sam2.core.formatting import frame_word
from napari_sam2.layers.onion_skin import OnionSkin
from napari_sam2.widgets.views.common import call_frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image, Labels

    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.interaction.session_worker import SessionWorker
    from napari_sam2.interaction.update import Update
    from napari_sam2.session import VideoSession
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.view_protocols import FinishView

_PROGRESS_MS = 100


class Finishing(QObject):
    """Does what the panel to finish an object says.

    Parameters
    ----------
    context
        Knows the session, the current object and the queue.
    panel
        The view.
    labels_to_take
        Lists the Labels layers on the grid of the image, by name, apart from our own.
    """

    def __init__(
        self,
        context: ControllerContext,
        panel: FinishView,
        labels_to_take: Callable[[], list[tuple[str, Labels]]],
    ) -> None:
        super().__init__(context)
        self._context, self._selection, self._panel = context, context.selection, panel
        self._labels_to_take = labels_to_take
        self._skin: OnionSkin | None = None
        self._skin_of: tuple[Image, FrameGrid] | None = None
        self._wants_skin = False
        # Of a check that is under way: it is to end, and it did.
        self._stop: threading.Event | None = None
        self._ended = threading.Event()
        self._progress = (0, 0)
        self._timer = QTimer(self)
        self._timer.setInterval(_PROGRESS_MS)
        self._timer.timeout.connect(lambda: self._panel.set_progress(*self._progress))
        # Not while a layer is being added or removed, which is when the views are refreshed.
        self._skin_timer = QTimer(self)
        self._skin_timer.setSingleShot(True)
        self._skin_timer.timeout.connect(self._show_skin)
        panel.interpolate_clicked.connect(self.interpolate)
        panel.check_clicked.connect(self.check)
        panel.onion_skin_changed.connect(self.set_onion_skin)
        panel.forbid_clicked.connect(self.forbid)
        panel.rule_chosen.connect(self.set_rule)
        panel.reviewed.connect(lambda state, comment: self.review(state, comment))

    # ------------------------------------------------------------------ what the panel asks for

    def interpolate(self) -> None:
        """Set the masks between the accepted frames of the current object."""
        obj_id = self._context.current_object
        self._change(lambda session: session.interpolate(obj_id), "Interpolating…", None)

    def check(self) -> None:
        """Go back from each tracked frame of the current object; while that is under way: end it.

        It makes way for anything else that the user asks for, and goes on with what is left when it is asked for again.
        """
        if self._stop is not None:
            self._stop.set()
            return
        obj_id, stop = self._context.current_object, threading.Event()
        self._progress, self._stop = (0, 0), stop
        self._ended = ended = threading.Event()

        def note(done: int, total: int, stage: str) -> None:
            # Called in the worker; the main thread looks at it now and then.
            self._progress = done, total

        def check(session: VideoSession) -> None:
            scores = session.scores(obj_id)
            unknown = scores.index[scores["back"].isna() & (scores["area_px"] > 0)]
            left = set(unknown) - set(session.accepted_masks(obj_id))
            for _ in session.check(obj_id, sorted(int(f) for f in left) or None, progress=note):
                if stop.is_set() or self._context.work_waits:
                    break

        def work(worker: SessionWorker) -> Update:
            try:
                return worker.change(check, ())
            finally:
                ended.set()

        self._panel.set_checking(True)
        self._timer.start()
        self._context.submit(work, "Checking…")

    def set_onion_skin(self, on: bool) -> None:
        """Outline the nearest accepted frames, or do not."""
        self._wants_skin = on
        self._skin_timer.start(0)

    def set_rule(self, name: str, value: Any) -> None:
        """Change a rule by which objects are tracked: an attribute of the session."""
        self._change(lambda session: setattr(session, name, value), "Setting the rule…")

    def forbid(self, layer: Labels | None) -> None:
        """Let no object be where a layer has anything; None: let them be anywhere."""
        worker = self._selection.worker
        if worker is None:
            return
        where = None if layer is None else np.array(layer.data).reshape(worker.volume.label_shape)
        self._change(lambda session: session.forbid(where), "Setting limits…")

    def review(self, state: str, comment: str, obj_id: int | None = None) -> None:
        """Say what was found of an object, the current one by default; an empty state takes it back."""
        whose = self._context.current_object if obj_id is None else obj_id
        self._change(lambda session: session.review(whose, state or None, comment if state else ""), "Reviewing…")

    def _change(self, call: Callable[[VideoSession], Any], text: str, frames: tuple[int, ...] | None = ()) -> None:
        self._context.submit(lambda worker: worker.change(call, frames), text)

    # ------------------------------------------------------------------ the view

    def refresh(self, no_image: str, busy: str) -> None:
        """Show the rules of the session and the current object as they are now."""
        worker, obj_id = self._selection.worker, self._context.current_object
        session = None if worker is None else worker.session
        axis = None if worker is None else worker.grid.frame_axis
        if self._stop is not None and (self._ended.is_set() or not self._context.working):
            self._end_check(worker, obj_id)
        fresh = no_image or ("" if session is not None else "mark something first.")
        known = session is not None and obj_id in session.objects
        missing = fresh or ("" if known else "the current object has nothing yet.")
        word = frame_word(axis, 2)
        alone = "" if worker is None or axis is not None else "the image is a single one."
        self._panel.set_layers(self._labels_to_take())
        if session is not None:
            self._panel.set_rules(
                neighbours=session.neighbours,
                memory=session.memory,
                click_mask=session.click_mask,
                motion=session.motion,
            )
        found = session.reviews.get(obj_id) if session is not None else None
        self._panel.set_review("" if found is None else found.state, "" if found is None else found.comment)
        self._panel.set_enabled(
            missing or busy or self._why_not_interpolate(session, obj_id, word),
            "" if self._stop is not None else missing or busy or self._why_not_check(session, obj_id, word),
            no_image or alone,
            fresh or busy,
            fresh or busy or ("" if axis == "t" else "the objects are not followed through time."),
            missing,
        )
        self._skin_timer.start(0)
        call_frames(cast("Any", self._panel), axis)

    def close(self) -> None:
        """End a check, and take the onion skin away."""
        self._timer.stop()
        self._skin_timer.stop()
        if self._stop is not None:
            self._stop.set()
        self._drop_skin()

    def _why_not_interpolate(self, session: VideoSession | None, obj_id: int, word: str) -> str:
        accepted = sorted(session.accepted_masks(obj_id)) if session is not None and obj_id in session.objects else []
        if len(accepted) < 2:
            return f"it takes two accepted {word}, and the object has {len(accepted) or 'none'}."
        if accepted[-1] - accepted[0] + 1 == len(accepted):
            return f"no other {word} lie between its accepted {word}."
        return ""

    def _why_not_check(self, session: VideoSession | None, obj_id: int, word: str) -> str:
        if session is None or obj_id not in session.objects:
            return ""
        tracked = set(session.scores(obj_id).index) - set(session.accepted_masks(obj_id))
        return "" if tracked else f"the object has no tracked {word}; propagate it first."

    def _end_check(self, worker: SessionWorker | None, obj_id: int) -> None:
        self._stop = None
        self._timer.stop()
        self._panel.set_checking(False)
        scores = None if worker is None else worker.scores(obj_id)
        back = None if scores is None else scores["back"].dropna()
        if worker is not None and back is not None and len(back):
            word = frame_word(worker.grid.frame_axis)
            done, total = self._progress
            rest = f" {total - done} are left: press Check to go on." if done < total else ""
            self._context.set_last_message(
                f"Checked {len(back)} {frame_word(worker.grid.frame_axis, len(back))}; "
                f"the way back agrees least from {word} {back.idxmin()}: IoU {back.min():.2f}.{rest}"
            )

    def _show_skin(self) -> None:
        image, worker, obj_id = self._selection.image, self._selection.worker, self._context.current_object
        if not self._wants_skin or image is None or worker is None or worker.grid.frame_axis is None:
            self._drop_skin()
            return
        if self._skin is None or self._skin_of != (image, worker.grid):
            self._drop_skin()
            self._skin, self._skin_of = OnionSkin(self._selection.viewer, image, worker.grid), (image, worker.grid)
        session = worker.session
        self._skin.show(session.accepted_masks(obj_id) if session is not None and obj_id in session.objects else {})

    def _drop_skin(self) -> None:
        skin, self._skin, self._skin_of = self._skin, None, None
        if skin is not None:
            skin.close()
