"""A session as the dock widget uses it: opened when it is first needed, and answering with what to draw.

No Qt and no napari. The methods of :class:`SessionWorker` may compute for long and are called in a worker thread.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from napari_sam2.errors import ReadError, SessionBusyError, SessionFileError
from napari_sam2.interaction import runs
from napari_sam2.interaction.loaded_model import UnloadedModel
from napari_sam2.interaction.pending_prompts import PendingPrompts
from napari_sam2.interaction.session_prompts import prompt_table, tell
from napari_sam2.interaction.update import Outline, Update, draw_frames, errors_as_warnings, masked_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.drawings import Stroke
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.intensity_mapping import ContrastLimits
    from napari_sam2.core.masks import Overlap
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.interaction.loaded_model import ModelCache
    from napari_sam2.interaction.update import DrawnFrame
    from napari_sam2.session import VideoSession
    from napari_sam2.session.objects.objects import ObjectInfo
    from napari_sam2.session.tracking.planning import Direction

logger = logging.getLogger(__name__)


class SessionWorker:
    """One way of seeing one image as a video, with the session behind it.

    Parameters
    ----------
    volume
        The image.
    grid
        Its frames.
    contrast_limits
        ``(low, high)`` in the image's values, or one such pair for each channel; None leaves it to the session.
    model_cache
        Where the model comes from.
    gamma
        Exponent after the contrast limits, as in napari.
    autosave
        Gives a session that has something in it a file.
    session
        The session, where it is open already.
    """

    def __init__(
        self,
        volume: ImageVolume,
        grid: FrameGrid,
        contrast_limits: ContrastLimits | None,
        model_cache: ModelCache,
        autosave: Callable[[VideoSession], None] | None = None,
        session: VideoSession | None = None,
        gamma: float = 1.0,
    ) -> None:
        self.volume = volume
        self.grid = grid
        self.contrast_limits = contrast_limits
        self.gamma = gamma
        self.session = session
        self.closed = False
        self.pending = PendingPrompts()
        self._autosave = autosave
        self._overlap: Overlap | None = None
        self._model_cache = model_cache
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ on the main thread

    def set_volume(self, volume: ImageVolume) -> None:
        """Measure and save with the spacing and the place of this volume, whose values are the same."""
        self.volume = volume
        if self.session is not None:
            self.session.set_geometry(volume)

    def set_grid(self, grid: FrameGrid) -> None:
        """Use another description of the same frames, such as that of their layers."""
        self.grid = grid

    def note_seen(self, frame: int) -> None:
        """Remember that the user looked at the masks of a frame."""
        if self.session is not None:
            self.session.note_seen(frame)

    def has_seen(self, obj_id: int) -> bool:
        """Return whether the user looked at a mask of an object that is not locked."""
        session = self.session
        return session is not None and bool(session.seen_frames(obj_id, changed=True))

    # ------------------------------------------------------------------ in a worker

    def open(self) -> VideoSession:
        """Return the session, made on first use, with the chosen model loaded."""
        predictor = self._model_cache.get()
        if self.session is not None:
            if self.session.predictor is not predictor:
                self.session.use(predictor)
            return self.session
        session = self._new_session(predictor)
        with self._lock:
            if self.closed:
                # While the model was being loaded; whoever closed it kept the marks.
                raise SessionBusyError("The session was closed.")
            self.session = session
        return session

    def _new_session(self, predictor: VideoPredictor) -> VideoSession:
        from napari_sam2.session import VideoSession

        return VideoSession(
            predictor,
            self.volume,
            frame_axis=self.grid.frame_axis,
            window=self.contrast_limits,
            gamma=self.gamma,
            at=dict(self.grid.at),
            channel=self.grid.channels or None,
            overlap=self._overlap or "keep",
        )

    def sync(self, preview: bool, up_to: int | None = None) -> Update:
        """Tell the session which prompts changed.

        Parameters
        ----------
        preview
            Compute the masks of the frames concerned.
        up_to
            Number of the last change that it is told, see :attr:`PendingPrompts.last_number`; default all.
        """
        if self.session is None and not any(self.pending.peek(up_to).prompts.values()):
            # Marks that came and went before there was a session need none, and no model.
            self.pending.take(up_to)
            return Update()
        session = self.open()
        update = Update()
        changes = tell(session, self.pending.take(up_to), update)
        touched = {frame for _, frame in changes}
        for frame in touched if preview else ():
            if any(session.prompts(obj_id, frame) for obj_id in session.objects):
                with errors_as_warnings(session, update):
                    session.predict_frame(frame)
        update.frames = draw_frames(session, touched)
        if changes:
            obj_id, frame = next(reversed(changes))
            window = session.prompt_window(obj_id, frame) if obj_id in session.objects else None
            update.outline = Outline(frame, window)
        return self._finish(update)

    def sync_before_closing(self) -> Update:
        """Tell the session which prompts changed, without a model if none is loaded."""
        update = Update()
        if not self.pending:
            return update
        if self.session is None:
            self.session = self._new_session(UnloadedModel(self._model_cache.choice.name))
        tell(self.session, self.pending.take(), update)
        return self._finish(update)

    def change(self, call: Callable[[VideoSession], Any], frames: Iterable[int] | None = None) -> Update:
        """Do something with the session.

        Parameters
        ----------
        call
            Called with the session.
        frames
            Which frames it changes at most; None: not known beforehand.
        """
        session = self.session or self.open()
        update = Update()
        prompts = prompt_table(session)
        touched = masked_frames(session) if frames is None else set(frames)
        with errors_as_warnings(session, update):
            call(session)
        if frames is None:
            touched |= masked_frames(session)
        update.frames = draw_frames(session, touched)
        now = prompt_table(session)
        update.prompts = now if now != prompts else None
        return self._finish(update)

    def undo(self) -> Update:
        """Take the last step back; the update says which prompts there are then."""
        return self.change(lambda session: session.undo())

    def redo(self) -> Update:
        """Repeat the last step that was taken back; the update says which prompts there are then."""
        return self.change(lambda session: session.redo())

    def predict(self, frame: int) -> Update:
        """Compute the masks of one frame from its prompts, also from those that the session was not told yet."""
        told = self.sync(preview=False)
        update = self.change(lambda session: session.predict_frame(frame), {frame})
        update.warnings = told.warnings + update.warnings
        update.frames = told.frames + update.frames
        return update

    def reset(self, obj_id: int) -> Update:
        """Remove all prompts and masks of one object."""
        return self.change(lambda session: session.reset_object(obj_id) if obj_id in session.objects else None)

    def rename(self, obj_id: int, name: str) -> Update:
        """Give an object another name."""
        return self.change(
            lambda session: session.rename_object(obj_id, name) if obj_id in session.objects else None, ()
        )

    def paint(self, stroke: Stroke) -> Update:
        """Take what was painted and erased on a frame as a hand edit, one step."""
        return self.change(lambda session: session.paint(stroke.frame, stroke.painted, stroke.erased), {stroke.frame})

    def fill(self, obj_id: int, frame: int, mask: NDArray[np.bool_], inside: bool) -> Update:
        """Take a filled outline as the prompt of a frame; on a locked frame it is a hand edit.

        Parameters
        ----------
        obj_id, frame
            Where it was drawn.
        mask
            The pixels inside the outline, ``(Y, X) bool``.
        inside
            Whether the outline is around the object. One around what does not belong to it is a hand edit that takes
            these pixels away.
        """
        self.open()
        return self.change(lambda session: session.fill(obj_id, frame, mask, inside=inside), {frame})

    def lock_seen(self, obj_id: int) -> Update:
        """Lock an object on the frames whose mask is still the one that was looked at."""
        return self.change(lambda session: session.lock_seen(obj_id), ())

    def take_labels(self, labels: Any, frames: list[int], objects: list[int] | None) -> Update:
        """Take a label image as mask prompts, and compute the masks of their frames.

        Parameters
        ----------
        labels
            On the labels grid of the volume.
        frames
            The frames to take.
        objects
            The labels to take; None: all.
        """

        def take(session: VideoSession) -> None:
            session.add_labels(labels, frames, objects)
            for frame in frames:
                if any(session.prompts(obj_id, frame) for obj_id in session.objects):
                    session.predict_frame(frame)

        self.open()
        return self.change(take, frames)

    def set_contrast_limits(self, low: float, high: float, gamma: float = 1.0) -> Update:
        """Change the values that the model sees as black and white, and the exponent after them."""
        self.contrast_limits, self.gamma = (low, high), gamma
        update, session = Update(), self.session
        if session is not None:
            with errors_as_warnings(session, update):
                session.set_contrast_limits(low, high)
                session.gamma = gamma
        return update

    def set_overlap(self, rule: Overlap) -> Update:
        """Change the rule for pixels that two objects claim."""
        self._overlap = rule
        if self.session is None:
            return Update()

        def change(session: VideoSession) -> None:
            session.overlap = rule

        return self.change(change)

    def run(
        self,
        direction: Direction,
        frames: range,
        stop: threading.Event,
        progress: Callable[[int, int, str], None],
    ) -> Iterator[DrawnFrame]:
        """Track all prompted objects, unless it was closed; see :func:`napari_sam2.interaction.runs.propagate`."""
        if self.closed:
            return
        session = self.open()
        had_file = session.path is not None
        try:
            yield from runs.propagate(session, direction, frames, stop, progress)
        finally:
            if had_file and session.path is None:
                # The run went on in memory; what it computed may be all that is done before the window is closed.
                self._keep(Update())

    def close(self) -> None:
        """End the session, also in the middle of a run; what it computed stays in the labels layer."""
        with self._lock:
            self.closed = True
            session, self.session = self.session, None
        if session is not None:
            try:
                session.release()
            except SessionFileError as error:
                logger.warning("%s", error)

    # ------------------------------------------------------------------ state

    @property
    def objects(self) -> Mapping[int, ObjectInfo]:
        """Return the objects by id; none before the session is open."""
        return {} if self.session is None else self.session.objects

    @property
    def overlap(self) -> Overlap:
        """Return the rule for pixels that two objects claim."""
        return self._overlap or "keep" if self.session is None else self.session.overlap

    def scores(self, obj_id: int) -> pd.DataFrame | None:
        """Return :meth:`VideoSession.scores` of an object; None where there is no such object."""
        session = self.session
        return session.scores(obj_id) if session is not None and obj_id in session.objects else None

    def prompted_frames(self, obj_id: int) -> list[int]:
        """Return the frames on which an object is prompted."""
        session = self.session
        return session.prompted_frames(obj_id) if session is not None and obj_id in session.objects else []

    def locked(self, obj_id: int) -> set[int]:
        """Return the locked frames of an object."""
        scores = self.scores(obj_id)
        return set() if scores is None else {int(f) for f in scores.index[scores["locked"]]}

    def _finish(self, update: Update) -> Update:
        """Give the session a file, if it needs one, and add the new notes of the model to the warnings."""
        update.warnings += self._model_cache.new_notes()
        return self._keep(update)

    def _keep(self, update: Update) -> Update:
        """Give the session a file, if it needs one."""
        session = self.session
        if self._autosave is None or session is None or session.path is not None or not session.objects:
            return update
        try:
            self._autosave(session)
        except SessionBusyError:
            pass  # A run is under way; there will be another step after it.
        except (SessionFileError, ReadError) as error:
            self._autosave = None
            update.warnings.append(f"The session is kept in memory only: {error}")
        return update
