"""A session as the dock widget uses it: opened late, told what changed, answering with what to draw.

No Qt and no napari. Every method but :meth:`SessionWorker.note` may compute for long and is called in a worker.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_sam2.core.prompts import FramePrompts, rebased
from napari_sam2.errors import PromptError, ReadError, SessionBusyError, SessionFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.drawings import Stroke
    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.masks import Overlap
    from napari_sam2.core.prompts import PromptKey, PromptTable
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.engine.protocols import VideoPredictor
    from napari_sam2.interaction.loaded_model import ModelCache
    from napari_sam2.session import VideoSession
    from napari_sam2.session.objects import ObjectInfo
    from napari_sam2.session.planning import Direction

logger = logging.getLogger(__name__)
Index = tuple[int | slice, ...]
# Prompts before and after, None for none.
Change = tuple["FramePrompts | None", "FramePrompts | None"]


@dataclass(frozen=True)
class Outline:
    """The model's window ``(y0, x0, y1, x1)`` on a frame; None where it sees all of it."""

    frame: int
    window: tuple[float, float, float, float] | None


@dataclass
class Update:
    """What the viewer has to draw after a call."""

    frames: list[tuple[Index, NDArray[np.uint16]]] = field(default_factory=list)
    outline: Outline | None = None
    prompts: PromptTable | None = None
    warnings: list[str] = field(default_factory=list)


class NotLoaded:
    """Stands for a model in a session that only keeps marks."""

    device = "cpu"
    notes: tuple[str, ...] = ()
    fingerprint = None

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self, frames: Any, *, zoom: Any = "auto", exact: bool = False, options: Any = None) -> Any:
        """Refuse: nothing can be computed without a model."""
        raise SessionBusyError(f"The model {self.name} is not loaded; this session only keeps marks.")

    def unload(self) -> None:
        """Nothing is loaded."""


class SessionWorker:
    """One way of seeing one image as a video, with the session behind it.

    Parameters
    ----------
    volume
        The image.
    grid
        Its frames.
    window
        ``(low, high)`` in the image's values; None leaves it to the session.
    model_cache
        Where the model comes from.
    autosave
        Gives a session that has something in it a file.
    session
        The session, where it is open already.
    """

    def __init__(
        self,
        volume: ImageVolume,
        grid: FrameGrid,
        window: tuple[float, float] | None,
        model_cache: ModelCache,
        autosave: Callable[[VideoSession], None] | None = None,
        session: VideoSession | None = None,
    ) -> None:
        self.volume = volume
        self.grid = grid
        self.window = window
        self.session = session
        self.closed = False
        self.seen: PromptTable = {}
        self._autosave = autosave
        self._overlap: Overlap | None = None
        self._model_cache = model_cache
        # How often something was noted, and what of it the session was not told yet: each time with its number.
        self.noted = 0
        self._pending: list[tuple[int, dict[PromptKey, Change]]] = []
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ on the main thread

    def note(self, changes: Iterable[tuple[PromptKey, FramePrompts | None]]) -> None:
        """Remember how prompts differ from those in :attr:`seen`, which are these from now on, until :meth:`sync`."""
        noted = {key: (self.seen.get(key), prompts or None) for key, prompts in changes}
        now = {**self.seen, **{key: after for key, (_, after) in noted.items()}}
        self.seen = {key: prompts for key, prompts in now.items() if prompts}
        if noted:
            with self._lock:
                self.noted += 1
                self._pending.append((self.noted, noted))

    @property
    def waits(self) -> bool:
        """Whether the session has not been told of all marks yet."""
        return bool(self._pending)

    def with_pending(self, table: PromptTable) -> dict[PromptKey, FramePrompts]:
        """The session's prompts with the changes that it has not been told yet, which build on these from now on.

        What was drawn while an undo or a reset was on its way does not bring back what that took away.
        """
        merged = dict(table)
        with self._lock:
            for _, noted in self._pending:
                for key, (before, after) in noted.items():
                    now = merged.pop(key, None)
                    new = rebased(before, after, now)
                    noted[key] = now, new
                    if new is not None:
                        merged[key] = new
        return merged

    def note_seen(self, frame: int) -> None:
        """Remember that the user looked at the masks of a frame."""
        if self.session is not None:
            self.session.note_seen(frame)

    def has_seen(self, obj: int) -> bool:
        """Return whether the user looked at a mask of an object that is not locked."""
        session = self.session
        return session is not None and bool(session.seen_frames(obj, changed=True))

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
            window=self.window,
            at=dict(self.grid.at),
            channel=self.grid.channels or None,
            overlap=self._overlap or "keep",
        )

    def sync(self, preview: bool, noted: int | None = None) -> Update:
        """Tell the session what changed and, if wanted, ask for the masks of the frames concerned.

        ``noted`` is the value of :attr:`noted` up to which it is told; default: all.
        """
        if self.session is None and not any(self._net(self._told(noted))[0].values()):
            # Marks that came and went before there was a session need none, and no model.
            self._take(noted)
            return Update()
        session = self.open()
        update = Update()
        changes = self._tell(session, noted, update)
        touched = {frame for _, frame in changes}
        for frame in touched if preview else ():
            if any(session.prompts(obj, frame) for obj in session.objects):
                with self._going_on(update):
                    session.predict_frame(frame)
        update.frames = _frames(session, touched)
        if changes:
            obj, frame = next(reversed(changes))
            window = session.prompt_window(obj, frame) if obj in session.objects else None
            update.outline = Outline(frame, window)
        return self._kept(update)

    def tell_the_rest(self) -> Update:
        """Tell the session what it was not told yet, before it is closed; without a model, should none be loaded."""
        update = Update()
        if not self.waits:
            return update
        if self.session is None:
            self.session = self._new_session(NotLoaded(self._model_cache.choice.name))
        self._tell(self.session, None, update)
        return self._kept(update)

    def _tell(self, session: VideoSession, noted: int | None, update: Update) -> dict[PromptKey, FramePrompts | None]:
        """Tell the session what changed, and return it."""
        changes, together = self._take(noted)
        # What was moved and moved back is as the session knows it.
        known = self.table()
        changes = {key: prompts for key, prompts in changes.items() if _marks(prompts) != _marks(known.get(key))}
        groups = {key: group for group in together for key in group}
        gone: set[PromptKey] = set()
        for (obj, frame), prompts in changes.items():
            group = [key for key in sorted(groups.get((obj, frame), ())) if key in changes]
            group = [key for key in group if not changes[key] and key not in gone]
            if not prompts and len(group) > 1 and self._clear_group(session, group, update):
                gone.update(group)
            if (obj, frame) in gone:
                continue
            try:
                with self._going_on(update):
                    if prompts:
                        session.set_prompts(obj, frame, list(prompts.points), list(prompts.labels), prompts.box)
                    else:
                        session.clear_prompts(obj, frame)
            except PromptError as error:
                update.warnings.append(str(error))
                # The mark that was refused goes away again.
                update.prompts = self.table()
        return changes

    def _told(self, noted: int | None) -> list[dict[PromptKey, Change]]:
        """What was noted up to a number."""
        with self._lock:
            return [changes for number, changes in self._pending if noted is None or number <= noted]

    def _take(self, noted: int | None) -> tuple[dict[PromptKey, FramePrompts | None], list[set[PromptKey]]]:
        """Take what was noted from the waiting changes, and say what it comes to; see :meth:`_net`."""
        told = self._told(noted)
        with self._lock:
            self._pending = self._pending[len(told) :]
        return self._net(told)

    def _net(
        self, told: list[dict[PromptKey, Change]]
    ) -> tuple[dict[PromptKey, FramePrompts | None], list[set[PromptKey]]]:
        """What changes come to by key, the latest last; and the keys that went with one hand."""
        found: dict[PromptKey, Change] = {}
        for changes in told:
            for key, (before, after) in changes.items():
                found[key] = found.pop(key, (before,))[0], after
        # A mark that came and went before anyone looked is none.
        result = {key: after for key, (before, after) in found.items() if before != after}
        gone = [{key for key, (_, after) in changes.items() if after is None and key in result} for changes in told]
        return result, [group for group in gone if len(group) > 1]

    def _clear_group(self, session: VideoSession, group: list[PromptKey], update: Update) -> bool:
        """Take marks away that went together, as one step; False where one of them is locked."""
        try:
            with self._going_on(update):
                session.clear_several(group)
        except PromptError:
            return False  # Each by itself then says which it is, and the others go.
        return True

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
        prompts = self.table()
        touched = _masked_frames(session) if frames is None else set(frames)
        with self._going_on(update):
            call(session)
        if frames is None:
            touched |= _masked_frames(session)
        update.frames = _frames(session, touched)
        now = self.table()
        update.prompts = now if now != prompts else None
        return self._kept(update)

    def step(self, back: bool) -> Update:
        """Undo or redo one step; the update says what the markers are now."""
        return self.change(lambda session: session.undo() if back else session.redo())

    def answer(self, frame: int) -> Update:
        """Ask for the masks of one frame, where something is marked there."""
        update = self.sync(preview=False)
        answered = self.change(lambda session: session.predict_frame(frame), {frame})
        answered.warnings = update.warnings + answered.warnings
        answered.frames = update.frames + answered.frames
        return answered

    def reset(self, obj: int) -> Update:
        """Remove all prompts and masks of one object."""
        return self.change(lambda session: session.reset_object(obj) if obj in session.objects else None)

    def rename(self, obj: int, name: str) -> Update:
        """Give an object another name."""
        return self.change(lambda session: session.rename_object(obj, name) if obj in session.objects else None, ())

    def edit(self, stroke: Stroke) -> Update:
        """Take what was painted and erased on a frame as a hand edit, one step."""
        return self.change(lambda session: session.paint(stroke.frame, stroke.painted, stroke.erased), {stroke.frame})

    def fill(self, obj: int, frame: int, mask: NDArray[np.bool_], inside: bool) -> Update:
        """Take a filled outline as the prompt of a frame; on a locked frame it is a hand edit.

        An outline of what lies outside is a hand edit that takes its pixels away.
        """
        self.open()
        return self.change(lambda session: session.fill(obj, frame, mask, inside=inside), {frame})

    def lock_seen(self, obj: int) -> Update:
        """Lock an object on the frames whose mask is still the one that was looked at."""
        return self.change(lambda session: session.lock_seen(obj), ())

    def take_labels(self, labels: Any, frames: list[int], objects: list[int] | None) -> Update:
        """Take a label image as mask prompts on some frames."""

        def take(session: VideoSession) -> None:
            session.add_labels(labels, frames, objects)
            for frame in frames:
                if any(session.prompts(obj, frame) for obj in session.objects):
                    session.predict_frame(frame)

        self.open()
        return self.change(take, frames)

    def set_window(self, low: float, high: float) -> Update:
        """Change the values that the model sees as black and white."""
        self.window = (low, high)
        update = Update()
        if self.session is not None:
            with self._going_on(update):
                self.session.set_window(low, high)
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
    ) -> Iterator[tuple[Index, NDArray[np.uint16]]]:
        """Propagate; yields the labels of each finished frame, and ends after the frame in which ``stop`` is set."""
        if self.closed:
            return
        session = self.open()
        refused: SessionFileError | None = None
        while True:
            results: Any = session.propagate(direction=direction, frames=frames, progress=progress)
            try:
                for result in results:
                    yield session.frame_index(result.frame), session.frame_labels(result.frame)
                    if stop.is_set():
                        break
                break
            except SessionFileError as error:
                # The frame stands in memory; so will those to come.
                if session.path is None:
                    raise
                refused = error
                session.detach()
            finally:
                # Closing it ends the run as one undo step, and frees the session for the next one.
                results.close()
        if refused is not None:
            yield from _frames(session, set(frames))
            raise refused

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
        """The objects by id; none before the session is open."""
        return {} if self.session is None else self.session.objects

    @property
    def overlap(self) -> Overlap:
        """The rule for pixels that two objects claim."""
        return self._overlap or "keep" if self.session is None else self.session.overlap

    def scores(self, obj: int) -> pd.DataFrame | None:
        """What is known of the quality of an object's masks, by frame; None where there is no such object."""
        session = self.session
        return session.scores(obj) if session is not None and obj in session.objects else None

    def prompted_frames(self, obj: int) -> list[int]:
        """The frames on which an object is prompted."""
        session = self.session
        return session.prompted_frames(obj) if session is not None and obj in session.objects else []

    def locked(self, obj: int) -> set[int]:
        """The locked frames of an object."""
        scores = self.scores(obj)
        return set() if scores is None else {int(f) for f in scores.index[scores["locked"]]}

    def table(self) -> dict[PromptKey, FramePrompts]:
        """Return the session's prompts as the markers should show them."""
        session = self.session
        found: dict[PromptKey, FramePrompts] = {}
        if session is None:
            return found
        for obj in session.objects:
            for frame in session.prompted_frames(obj):
                prompts = session.prompts(obj, frame)
                if prompts is None:
                    continue
                box = prompts.box
                marks = FramePrompts(
                    tuple((p.y, p.x) for p in prompts.points),
                    tuple(int(p.positive) for p in prompts.points),
                    None if box is None else (box.y0, box.x0, box.y1, box.x1),
                )
                if marks:
                    found[obj, frame] = marks
        return found

    @contextmanager
    def _going_on(self, update: Update) -> Iterator[None]:
        """Let the work go on where the image cannot be read, and in memory where the session's file refuses.

        The next step tries a new file.
        """
        try:
            yield
        except ReadError as error:
            update.warnings.append(str(error))
        except SessionFileError as error:
            if self.session is None or self.session.path is None:
                raise
            update.warnings.append(str(error))
            self.session.detach()

    def _kept(self, update: Update) -> Update:
        """Give the session a file, if it needs one; and pass on what the model has to say."""
        update.warnings += self._model_cache.news()
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


def _marks(prompts: FramePrompts | None) -> Any:
    """Return the marks of a frame in a form to compare; the order of clicks makes no difference."""
    prompts = prompts or FramePrompts()
    return sorted(zip(prompts.points, prompts.labels, strict=True)), prompts.box


def _frames(session: VideoSession, frames: set[int]) -> list[tuple[Index, NDArray[np.uint16]]]:
    return [(session.frame_index(f), session.frame_labels(f)) for f in sorted(frames)]


def _masked_frames(session: VideoSession) -> set[int]:
    return {int(f) for obj in session.objects for f in session.scores(obj).index}
