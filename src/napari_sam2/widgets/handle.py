"""A session as the dock widget uses it: opened late, told what changed, answering with what to draw.

No Qt and no napari. Every method but :meth:`SessionHandle.note` may compute for long and is called in a worker.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_sam2.errors import PromptError
from napari_sam2.layers.prompts import FramePrompts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.axes import FrameGrid
    from napari_sam2.engine.predictor import VideoPredictor
    from napari_sam2.layers.prompts import PromptKey, PromptTable
    from napari_sam2.object_table import ObjectInfo
    from napari_sam2.propagation import Direction
    from napari_sam2.session import VideoSession
    from napari_sam2.volume import ImageVolume

Index = tuple[int | slice, ...]


class ModelChoice(NamedTuple):
    """Which model on which device: what ``load_predictor`` takes."""

    name: str
    device: str


@dataclass(frozen=True)
class Outline:
    """The model's window ``(y0, x0, y1, x1)`` on a frame; None where it sees all of it."""

    frame: int
    window: tuple[float, float, float, float] | None


@dataclass
class Update:
    """What the viewer has to draw after a call."""

    frames: list[tuple[Index, NDArray[np.uint16]]] = field(default_factory=list)
    objects: Mapping[int, ObjectInfo] = field(default_factory=dict)
    outline: Outline | None = None
    prompts: PromptTable | None = None
    warnings: list[str] = field(default_factory=list)


class PredictorShelf:
    """Keeps the one model that was loaded last."""

    def __init__(self, load: Callable[[str, str], VideoPredictor]) -> None:
        self._load = load
        self._choice: ModelChoice | None = None
        self._predictor: VideoPredictor | None = None
        self._lock = threading.Lock()

    def get(self, choice: ModelChoice) -> VideoPredictor:
        """Load a model, or hand out the one that is loaded; the first call imports torch."""
        with self._lock:
            if self._predictor is None or self._choice != choice:
                self._predictor = self._load(choice.name, choice.device)
                self._choice = choice
            return self._predictor


class SessionHandle:
    """One way of seeing one image as a video, with the session behind it.

    Parameters
    ----------
    volume
        The image.
    grid
        Its frames.
    choice
        The model.
    window
        ``(low, high)`` in the image's values; None leaves it to the session.
    shelf
        Where the model comes from.
    """

    def __init__(
        self,
        volume: ImageVolume,
        grid: FrameGrid,
        choice: ModelChoice,
        window: tuple[float, float] | None,
        shelf: PredictorShelf,
    ) -> None:
        self.volume = volume
        self.grid = grid
        self.choice = choice
        self.window = window
        self.session: VideoSession | None = None
        self.seen: PromptTable = {}
        self._shelf = shelf
        self._pending: dict[PromptKey, FramePrompts | None] = {}
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ on the main thread

    def note(self, changes: Iterable[tuple[PromptKey, FramePrompts | None]]) -> None:
        """Remember changed prompts until :meth:`sync`; a later change of the same frame and object replaces it."""
        with self._lock:
            self._pending.update(changes)

    # ------------------------------------------------------------------ in a worker

    def open(self) -> VideoSession:
        """Return the session, made on first use."""
        if self.session is None:
            from napari_sam2.session import VideoSession

            predictor = self._shelf.get(self.choice)
            self.session = VideoSession(
                predictor, self.volume, frame_axis=self.grid.frame_axis, window=self.window, at=dict(self.grid.at)
            )
        return self.session

    def sync(self, preview: bool) -> Update:
        """Tell the session what changed and, if wanted, ask for the masks of the frames concerned."""
        session = self.open()
        with self._lock:
            changes, self._pending = self._pending, {}
        update = Update()
        touched: set[int] = set()
        for (obj, frame), prompts in changes.items():
            try:
                if prompts:
                    session.set_prompts(obj, frame, list(prompts.points), list(prompts.labels), prompts.box)
                else:
                    session.clear_prompts(obj, frame)
                touched.add(frame)
            except PromptError as error:
                update.warnings.append(str(error))
        if preview:
            for frame in touched:
                if any(session.prompts(obj, frame) for obj in session.objects):
                    session.predict_frame(frame)
        update.frames = _frames(session, touched)
        update.objects = session.objects
        if changes:
            obj, frame = next(reversed(changes))
            update.outline = Outline(frame, session.prompt_window(obj, frame))
        return update

    def step(self, back: bool) -> Update:
        """Undo or redo one step; the update says what the markers are now."""
        session = self.open()
        return self._compare(session, session.undo if back else session.redo)

    def reset(self, obj: int) -> Update:
        """Remove all prompts and masks of one object."""
        session = self.open()
        if obj not in session.objects:
            return Update(objects=session.objects, prompts=self.table())
        return self._compare(session, lambda: session.reset_object(obj))

    def rename(self, obj: int, name: str) -> Update:
        """Give an object another name."""
        session = self.open()
        if obj in session.objects:
            session.rename_object(obj, name)
        return Update(objects=session.objects)

    def set_window(self, low: float, high: float) -> Update:
        """Change the values that the model sees as black and white."""
        self.window = (low, high)
        if self.session is not None:
            self.session.set_window(low, high)
        return Update(objects=self.objects)

    def run(
        self,
        direction: Direction,
        frames: range,
        stop: threading.Event,
        progress: Callable[[int, int, str], None],
    ) -> Iterator[tuple[Index, NDArray[np.uint16]]]:
        """Propagate; yields the labels of each finished frame, and ends after the frame in which ``stop`` is set."""
        session = self.open()
        results: Any = session.propagate(direction=direction, frames=frames, progress=progress)
        try:
            for result in results:
                yield session.frame_index(result.frame), session.frame_labels(result.frame)
                if stop.is_set():
                    return
        finally:
            # Closing it ends the run as one undo step, and frees the session for the next one.
            results.close()

    def close(self) -> None:
        """End the session; what it computed stays in the labels layer."""
        if self.session is not None:
            self.session.close()
            self.session = None

    # ------------------------------------------------------------------ state

    @property
    def objects(self) -> Mapping[int, ObjectInfo]:
        """The objects by id; none before the session is open."""
        return {} if self.session is None else self.session.objects

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
                found[obj, frame] = FramePrompts(
                    tuple((p.y, p.x) for p in prompts.points),
                    tuple(int(p.positive) for p in prompts.points),
                    None if box is None else (box.y0, box.x0, box.y1, box.x1),
                )
        return found

    def _compare(self, session: VideoSession, change: Callable[[], Any]) -> Update:
        before = _masked_frames(session)
        change()
        frames = before | _masked_frames(session)
        return Update(
            _frames(session, frames),
            session.objects,
            prompts=self.table(),
        )


def _frames(session: VideoSession, frames: set[int]) -> list[tuple[Index, NDArray[np.uint16]]]:
    return [(session.frame_index(f), session.frame_labels(f)) for f in sorted(frames)]


def _masked_frames(session: VideoSession) -> set[int]:
    return {int(f) for obj in session.objects for f in session.scores(obj).index}
