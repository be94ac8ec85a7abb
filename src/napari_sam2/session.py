"""VideoSession: the objects of one volume, their prompts and masks, undo and redo, and propagation.

Whatever the dock widget can do is a method here; nothing in this module knows napari or torch.
"""

from __future__ import annotations

import colorsys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sam2.axes import FrameGrid
from napari_sam2.engine.predictor import Conditioning, FrameResult
from napari_sam2.errors import PromptError, SessionBusyError
from napari_sam2.history import History
from napari_sam2.intensity import WindowedFrames, check_window, default_window
from napari_sam2.masks import Overlap, RunLengthMask, check_overlap, compose
from napari_sam2.prompts import PromptSet, make_box, make_mask, make_points
from napari_sam2.propagation import Follower, Outcome, Run
from napari_sam2.records import Accepted, MaskRecord, ObjectRecord, accepted_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.engine.predictor import Prediction, VideoPredictor, VideoStream, Zoom
    from napari_sam2.history import Step
    from napari_sam2.volume import ImageVolume

Direction = Literal["both", "forward", "backward"]
DEFAULT_PATIENCE = 5
_ALL = -1  # the "frame" of values that belong to a whole object


@dataclass(frozen=True)
class ObjectInfo:
    """One object as shown to the user.

    ``color`` is ``(r, g, b)`` in 0…1, ``state`` "empty", "in progress" or "reviewed" (every frame with a mask is
    locked), ``prompts`` the number of prompted frames, ``frames`` the number of frames with a non-empty mask.
    """

    name: str
    color: tuple[float, float, float]
    state: Literal["empty", "in progress", "reviewed"]
    prompts: int
    frames: int


class VideoSession:
    """Segment objects of a volume with a video model.

    Parameters
    ----------
    predictor
        From :func:`napari_sam2.load_predictor`.
    volume
        The image.
    frame_axis
        Letter of the axis along which to propagate; default: time, else the coarsest spacing, else the first.
    window
        ``(low, high)`` in the volume's values that the model sees as black and white; default: the volume's own.
    at
        Fixed index of each further axis of a 4-D volume, such as ``{"t": 3}``.
    channel
        Index of the channel to use, or up to three for RGB.
    zoom
        ``"auto"``: as the model's card says; None: the whole frame; a number: window side over object side.
    overlap
        ``"keep"`` (the earlier object keeps a pixel), ``"overwrite"`` (the later takes it), or ``"score"``.
    exact
        Reproduce Meta's predictor, for parity tests: its order of frames, its memory, no zoom, no hole filling.
    """

    def __init__(
        self,
        predictor: VideoPredictor,
        volume: ImageVolume,
        frame_axis: str | None = None,
        window: tuple[float, float] | None = None,
        at: Mapping[str, int] | None = None,
        channel: int | Sequence[int] | None = None,
        zoom: Zoom = "auto",
        overlap: str = "keep",
        exact: bool = False,
    ) -> None:
        self.predictor = predictor
        self.volume = volume
        self.grid = FrameGrid.of(volume, frame_axis, at, channel)
        self._window = default_window(volume, self.grid) if window is None else check_window(window)
        self._zoom: Zoom = None if exact else zoom
        self.exact = exact
        self._overlap = check_overlap(overlap)
        self._history = History()
        self._stream: VideoStream | None = None
        self._states: dict[tuple[int, int], tuple[Accepted, Any]] = {}
        # Tracks of the last run, so that a run that was stopped goes on where it was.
        self._followers: dict[tuple[int, int, int], Follower] = {}
        self._waiting: dict[int, dict[int, Outcome]] = {}
        self._lock = threading.RLock()
        # The network works for one caller at a time; the state stays free to be changed meanwhile.
        self._compute = threading.RLock()
        self._run: Run | None = None
        self._closed = False

    # ------------------------------------------------------------------ what it is about

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return self.grid.frame_count

    @property
    def frame_shape(self) -> tuple[int, int]:
        """``(Y, X)`` of a frame."""
        return self.grid.frame_shape

    @property
    def window(self) -> tuple[float, float]:
        """The values that the model sees as black and white."""
        return self._window

    def set_window(self, low: float, high: float) -> None:
        """Change the window; masks stay, what is computed from now on sees the new one."""
        window = check_window((low, high))
        with self._lock:
            if window != self._window:
                self._window = window
                self._stream = None
                self._states.clear()
                self._followers.clear()
                self._waiting.clear()

    @property
    def overlap(self) -> Overlap:
        """The rule for pixels that two objects claim."""
        return self._overlap

    @overlap.setter
    def overlap(self, rule: str) -> None:
        self._overlap = check_overlap(rule)

    # ------------------------------------------------------------------ prompts

    def add_points(
        self, obj_id: int, frame: int, points: Sequence[Sequence[float]], labels: Sequence[int] | None = None
    ) -> None:
        """Append clicks ``(y, x)`` (voxel-centre indices); label 1 is inside, 0 outside, default all inside."""
        new = make_points(points, labels, self.frame_shape)
        if not new:
            raise PromptError("add_points was given no point.")
        with self._lock:
            self._change_prompts("add_points", obj_id, frame, self._prompts(obj_id, frame).with_points(new))

    def add_box(self, obj_id: int, frame: int, box: Sequence[float]) -> None:
        """Set the box ``(y0, x0, y1, x1)``, half-open in data pixels; it replaces an earlier one of that frame."""
        new = make_box(box, self.frame_shape)
        with self._lock:
            old = self._prompts(obj_id, frame)
            self._change_prompts("add_box", obj_id, frame, PromptSet(old.points, new, old.mask, (0, *old.calls)))

    def add_mask(self, obj_id: int, frame: int, mask: NDArray[Any]) -> None:
        """Set a mask ``(Y, X)`` that is taken as it is; it replaces points and box of that frame."""
        new = make_mask(mask, self.frame_shape)
        with self._lock:
            self._change_prompts("add_mask", obj_id, frame, PromptSet(mask=new))

    def set_prompts(
        self,
        obj_id: int,
        frame: int,
        points: Sequence[Sequence[float]] = (),
        labels: Sequence[int] | None = None,
        box: Sequence[float] | None = None,
        mask: NDArray[Any] | None = None,
    ) -> None:
        """Replace all prompts of an object on a frame; nothing given clears them."""
        new = make_points(points, labels, self.frame_shape)
        prompts = PromptSet(
            new,
            None if box is None else make_box(box, self.frame_shape),
            None if mask is None else make_mask(mask, self.frame_shape),
            (len(new),) if new else (),
        )
        with self._lock:
            self._change_prompts("set_prompts", obj_id, frame, prompts)

    def clear_prompts(self, obj_id: int, frame: int) -> None:
        """Remove all prompts of an object on a frame; a mask that they corrected comes back."""
        with self._lock:
            self._change_prompts("clear_prompts", obj_id, frame, PromptSet())

    def prompts(self, obj_id: int, frame: int) -> PromptSet | None:
        """The prompts of an object on a frame, or None."""
        with self._lock:
            found: PromptSet | None = self._history.get("prompts", obj_id, frame)
            return found

    def prompted_frames(self, obj_id: int) -> list[int]:
        """The frames on which an object has prompts, ascending."""
        with self._lock:
            return sorted(self._history.frames("prompts", obj_id))

    def prompt_window(self, obj_id: int, frame: int) -> tuple[float, float, float, float] | None:
        """The zoom window ``(y0, x0, y1, x1)`` in which the mask was made, edges in pixels from the corner; or None."""
        with self._lock:
            record: MaskRecord | None = self._history.get("mask", obj_id, frame)
            if record is None or record.window is None or self._zoom is None:
                return None
            w = record.window
            return w.y0, w.x0, w.y1, w.x1

    def _prompts(self, obj_id: int, frame: int) -> PromptSet:
        return self._history.get("prompts", obj_id, frame) or PromptSet()

    def _change_prompts(self, name: str, obj_id: int, frame: int, prompts: PromptSet) -> None:
        self._check(obj_id, frame)
        if self._history.get("lock", obj_id, frame):
            raise PromptError(f"Frame {frame} of object {obj_id} is locked; unlock it before prompting there.")
        step = self._history.begin(name, obj_id=obj_id, frame=frame, prompts=prompts)
        if prompts:
            self._ensure_object(step, obj_id)
        record: MaskRecord | None = self._history.get("mask", obj_id, frame)
        if prompts and record is not None and record.source != "prompt" and not self._prompts(obj_id, frame):
            # The prompts correct a mask that was tracked (or edited): it is what they are answered upon.
            self._history.put(step, "base", obj_id, frame, record)
        if not prompts:
            self._history.put(step, "mask", obj_id, frame, self._history.get("base", obj_id, frame))
            self._history.put(step, "base", obj_id, frame, None)
        self._history.put(step, "prompts", obj_id, frame, prompts or None)
        self._history.drop_if_empty(step)
        if self.exact and prompts:
            # Meta answers every call at once, upon the answer to the call before.
            self._store_prediction(step, obj_id, frame, self._answer(obj_id, frame))

    # ------------------------------------------------------------------ answers

    def predict_frame(self, frame: int) -> dict[int, NDArray[np.bool_]]:
        """Masks ``(Y, X)`` of the objects prompted on this frame, by object id; they are kept.

        Belongs to the step of the prompt that it answers: undo takes back both.
        """
        with self._compute:
            with self._lock:
                self._check_open()
                self._check_frame(frame)
                asked = [i for i in self._object_ids() if self._history.get("prompts", i, frame)]
                if not asked:
                    raise PromptError(f"No object has a prompt on frame {frame}; add a point, a box or a mask there.")
                stale = [i for i in asked if not self._is_answered(i, frame)]
            answers = {i: self._answer(i, frame) for i in stale}
            with self._lock:
                if answers:
                    last = self._history.steps[-1] if self._history.steps else None
                    amend = last is not None and "prompts" in last.arguments and last.arguments["frame"] == frame
                    step = last if amend and last is not None else self._history.begin("predict_frame", frame=frame)
                    for obj_id, prediction in answers.items():
                        self._store_prediction(step, obj_id, frame, prediction)
                return {i: self._history.get("mask", i, frame).mask.decode() for i in asked}

    def _is_answered(self, obj_id: int, frame: int) -> bool:
        """Whether the mask of an accepted frame is the answer to what stands there."""
        accepted = accepted_frames(self._history, obj_id).get(frame)
        record: MaskRecord | None = self._history.get("mask", obj_id, frame)
        if accepted is None or record is None:
            return False
        if accepted.mask is not None:
            return True
        return record.source == "prompt" and record.computed_from == (accepted.prompts,)

    def _answer(self, obj_id: int, frame: int) -> Prediction:
        """Compute the answer to an accepted frame and remember its state."""
        accepted = accepted_frames(self._history, obj_id)[frame]
        stream = self._open_stream()
        prompts = accepted.prompts or PromptSet(mask=make_mask(_decoded(accepted), self.frame_shape))
        base = accepted.base if accepted.is_correction else None
        context = self._conditioning(obj_id, originals_only=True, but=frame) if base is not None else []
        record: MaskRecord | None = self._history.get("mask", obj_id, frame)
        prediction = stream.predict(
            frame,
            prompts,
            base=None if base is None else base.mask.decode(),
            window=base.window if base is not None else record.window if record is not None else None,
            context=context,
        )
        self._states[obj_id, frame] = (accepted, prediction.state)
        return prediction

    def _store_prediction(self, step: Step, obj_id: int, frame: int, prediction: Prediction) -> None:
        prompts = self._history.get("prompts", obj_id, frame)
        if prompts is None:
            return
        record = MaskRecord(
            RunLengthMask.encode(prediction.mask), "prompt", prediction.scores, prediction.window, (prompts,)
        )
        self._history.put(step, "mask", obj_id, frame, record)

    def _conditioning(self, obj_id: int, *, originals_only: bool = False, but: int = -1) -> list[Conditioning]:
        """The accepted frames of an object with their states, computed where they are missing."""
        out = []
        for frame, accepted in accepted_frames(self._history, obj_id).items():
            if frame == but or (originals_only and accepted.is_correction):
                continue
            known = self._states.get((obj_id, frame))
            if known is None or known[0] != accepted:
                self._answer(obj_id, frame)
                known = self._states[obj_id, frame]
            out.append(Conditioning(frame, known[1]))
        return out

    def _open_stream(self) -> VideoStream:
        if self._stream is None:
            frames = WindowedFrames(self.volume, self.grid, self._window)
            self._stream = self.predictor.open(frames, zoom=self._zoom, exact=self.exact)
        return self._stream

    # ------------------------------------------------------------------ propagation

    def propagate(
        self,
        direction: Direction = "both",
        frames: Iterable[int] | None = None,
        *,
        objects: Iterable[int] | None = None,
        force: bool = False,
        stop_when_gone: int | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> Iterator[FrameResult]:
        """Track the prompted objects through the stack; a generator that may be left at any yield.

        Parameters
        ----------
        direction
            "both", "forward" or "backward" from the accepted frames.
        frames
            Which frames to compute; default all. Frames between them and a prompt are passed, not written.
        objects
            Ids to track; default all that are prompted.
        force
            Compute fresh frames again.
        stop_when_gone
            Stop a track after this many frames without the object; 0: never. Default 5, for time-lapses never.
        progress
            Called as ``progress(done, total, stage)``.

        Yields
        ------
        FrameResult
            Each finished frame once, already stored in the session.

        Raises
        ------
        PromptError
            If nothing is prompted.
        SessionBusyError
            If a run is under way.
        """
        if direction not in ("both", "forward", "backward"):
            raise PromptError(f"direction={direction!r} must be 'both', 'forward' or 'backward'.")
        if stop_when_gone is None:
            stop_when_gone = 0 if self.exact or self.grid.frame_axis == "t" else DEFAULT_PATIENCE
        wanted = sorted({self._check_frame(f) for f in (range(self.frame_count) if frames is None else frames)})
        with self._lock:
            self._check_open()
            chosen = self._object_ids() if objects is None else list(objects)
            chosen = [i for i in chosen if accepted_frames(self._history, i)]
            if not chosen:
                raise PromptError("There is nothing to propagate: add a point, a box or a mask to an object first.")
        run = Run(self, direction, wanted, chosen, force, stop_when_gone, progress)
        return self._running(run)

    def _running(self, run: Run) -> Iterator[FrameResult]:
        with self._lock:
            self._check_idle()
            self._run = run
            step = self._history.begin("propagate", direction=run.direction, objects=tuple(run.objects))
        try:
            yield from run.results(step)
        finally:
            with self._lock:
                self._run = None
                if not step.changes:
                    self._history.drop_if_empty(step)

    # ------------------------------------------------------------------ hand edits, locks

    def edit_mask(self, obj_id: int, frame: int, mask: NDArray[Any]) -> None:
        """Set the mask of a frame by hand; the frame is locked until :meth:`unlock`.

        Takes its pixels from the other objects, except on their locked frames.
        """
        new = make_mask(mask, self.frame_shape).mask
        with self._lock:
            self._check(obj_id, frame)
            step = self._history.begin("edit_mask", obj_id=obj_id, frame=frame)
            self._ensure_object(step, obj_id)
            self._history.put(step, "mask", obj_id, frame, MaskRecord(new, "edit"))
            self._history.put(step, "lock", obj_id, frame, True)
            taken = new.decode()
            for other in self._object_ids():
                record: MaskRecord | None = self._history.get("mask", other, frame)
                if other == obj_id or record is None or self._history.get("lock", other, frame):
                    continue
                left = RunLengthMask.encode(record.mask.decode() & ~taken)
                if left != record.mask:
                    reduced = MaskRecord(left, record.source, record.scores, record.window, record.computed_from)
                    self._history.put(step, "mask", other, frame, reduced)

    def lock(self, frame: int, obj_id: int) -> None:
        """Accept a frame of an object: no run writes it, and its mask conditions the others."""
        with self._lock:
            self._check(obj_id, frame)
            if self._history.get("mask", obj_id, frame) is None:
                raise PromptError(f"Object {obj_id} has no mask on frame {frame} to lock.")
            step = self._history.begin("lock", obj_id=obj_id, frame=frame)
            self._history.put(step, "lock", obj_id, frame, True)
            self._history.drop_if_empty(step)

    def unlock(self, frame: int, obj_id: int) -> None:
        """Release a frame; a hand edit on it may be computed over from then on."""
        with self._lock:
            self._check(obj_id, frame)
            step = self._history.begin("unlock", obj_id=obj_id, frame=frame)
            self._history.put(step, "lock", obj_id, frame, None)
            record: MaskRecord | None = self._history.get("mask", obj_id, frame)
            if record is not None and record.source == "edit":
                self._history.put(step, "mask", obj_id, frame, MaskRecord(record.mask, "track"))
            self._history.drop_if_empty(step)

    # ------------------------------------------------------------------ results

    def labels(self, out: Any | None = None) -> Any:
        """All masks under the overlap rule, ``uint16`` on the volume's grid without channels.

        Written into ``out`` if given. Only the part that the session works on (``at``) is written.
        """
        if out is None:
            out = np.zeros(self.grid.label_shape, dtype=np.uint16)
        elif tuple(out.shape) != self.grid.label_shape:
            raise PromptError(f"out has shape {tuple(out.shape)}, but the labels have {self.grid.label_shape}.")
        for frame in range(self.frame_count):
            out[self.frame_index(frame)] = self.frame_labels(frame)
        return out

    def frame_labels(self, frame: int) -> NDArray[np.uint16]:
        """The labels ``(Y, X) uint16`` of one frame under the overlap rule."""
        with self._lock:
            records = [(i, self._history.get("mask", i, frame)) for i in self._object_ids()]
            masks = [(i, record.mask) for i, record in records if record is not None]
            return compose(masks, self.frame_shape, self._overlap)

    def frame_index(self, frame: int) -> tuple[int | slice, ...]:
        """Index of a frame in an array on the labels grid."""
        return self.grid.label_index(frame)

    def mask(self, obj_id: int, frame: int) -> NDArray[np.bool_] | None:
        """The mask ``(Y, X)`` of one object on one frame, before the overlap rule; None if there is none."""
        with self._lock:
            record: MaskRecord | None = self._history.get("mask", obj_id, frame)
            return None if record is None else record.mask.decode()

    @property
    def objects(self) -> dict[int, ObjectInfo]:
        """The objects by id, in the order in which they came."""
        with self._lock:
            out = {}
            for obj_id in self._object_ids():
                record: ObjectRecord = self._history.get("object", obj_id, _ALL)
                masks = self._history.frames("mask", obj_id)
                filled = [f for f, m in masks.items() if m.mask.area]
                prompts = len(self._history.frames("prompts", obj_id))
                locked = self._history.frames("lock", obj_id)
                state: Literal["empty", "in progress", "reviewed"] = "empty"
                if filled or prompts:
                    state = "reviewed" if filled and all(f in locked for f in filled) else "in progress"
                out[obj_id] = ObjectInfo(record.name, record.color, state, prompts, len(filled))
            return out

    def scores(self, obj_id: int) -> pd.DataFrame:
        """``iou``, ``object_score``, ``area_px``, ``locked``, ``doubtful`` of each frame with a mask, by frame.

        Doubtful: predicted IoU under 0.6, or an area that changes by more than the factor 1.8 from a neighbour.
        """
        import pandas as pd

        with self._lock:
            self._check_object(obj_id)
            masks: dict[int, MaskRecord] = self._history.frames("mask", obj_id)
            areas = {f: m.mask.area for f, m in masks.items()}
            locked = self._history.frames("lock", obj_id)
            rows = []
            for frame in sorted(masks):
                scores, area = masks[frame].scores, areas[frame]
                near = [areas[f] for f in (frame - 1, frame + 1) if areas.get(f)]
                jumps = area > 0 and any(max(area, a) > 1.8 * min(area, a) for a in near)
                doubtful = area > 0 and frame not in locked and (scores.iou < 0.6 or jumps)
                rows.append((frame, scores.iou, scores.object_score, area, frame in locked, bool(doubtful)))
        columns = ["frame", "iou", "object_score", "area_px", "locked", "doubtful"]
        return pd.DataFrame(rows, columns=columns).set_index("frame")

    # ------------------------------------------------------------------ objects

    def reset_object(self, obj_id: int) -> None:
        """Remove all prompts, masks and locks of an object; the object itself stays."""
        with self._lock:
            self._check_object(obj_id)
            step = self._history.begin("reset_object", obj_id=obj_id)
            self._clear(step, obj_id)
            self._history.drop_if_empty(step)

    def delete_object(self, obj_id: int) -> None:
        """Remove an object with all that belongs to it."""
        with self._lock:
            self._check_object(obj_id)
            step = self._history.begin("delete_object", obj_id=obj_id)
            self._clear(step, obj_id)
            self._history.put(step, "object", obj_id, _ALL, None)

    def rename_object(self, obj_id: int, name: str) -> None:
        """Give an object another name."""
        with self._lock:
            self._check_object(obj_id)
            step = self._history.begin("rename_object", obj_id=obj_id, name=name)
            record: ObjectRecord = self._history.get("object", obj_id, _ALL)
            self._history.put(step, "object", obj_id, _ALL, ObjectRecord(name, record.color))
            self._history.drop_if_empty(step)

    def _clear(self, step: Step, obj_id: int) -> None:
        for kind in ("prompts", "base", "mask", "lock"):
            for frame in list(self._history.frames(kind, obj_id)):
                self._history.put(step, kind, obj_id, frame, None)

    # ------------------------------------------------------------------ undo

    def undo(self) -> bool:
        """Take back the last step, prompts and masks together; False if there is none."""
        with self._lock:
            self._check_idle()
            return self._history.undo() is not None

    def redo(self) -> bool:
        """Do the step again that was undone last; False if there is none."""
        with self._lock:
            self._check_idle()
            return self._history.redo() is not None

    def close(self) -> None:
        """End the session and free its embeddings."""
        with self._lock:
            self._check_idle()
            self._closed = True
            self._stream = None
            self._states.clear()
            self._followers.clear()
            self._waiting.clear()

    # ------------------------------------------------------------------ checks

    def _object_ids(self) -> list[int]:
        return self._history.objects("object")

    def _ensure_object(self, step: Step, obj_id: int) -> None:
        if self._history.get("object", obj_id, _ALL) is None:
            record = ObjectRecord(f"object {obj_id}", _color(obj_id))
            self._history.put(step, "object", obj_id, _ALL, record)

    def _check(self, obj_id: int, frame: int) -> None:
        self._check_open()
        if not isinstance(obj_id, int | np.integer) or not 1 <= obj_id <= 65535:
            raise PromptError(f"obj_id={obj_id!r} must be a whole number from 1 to 65535.")
        self._check_frame(frame)

    def _check_frame(self, frame: int) -> int:
        if not isinstance(frame, int | np.integer) or not 0 <= frame < self.frame_count:
            raise PromptError(f"Frame {frame!r} does not exist: the stack has frames 0 to {self.frame_count - 1}.")
        return int(frame)

    def _check_object(self, obj_id: int) -> None:
        if self._history.get("object", obj_id, _ALL) is None:
            known = ", ".join(str(i) for i in self._object_ids()) or "none yet"
            raise PromptError(f"There is no object {obj_id!r}; objects: {known}.")

    def _check_open(self) -> None:
        if self._closed:
            raise SessionBusyError("The session was closed.")

    def _check_idle(self) -> None:
        self._check_open()
        if self._run is not None:
            raise SessionBusyError("A run is under way; stop it first (close its generator).")


def _decoded(accepted: Accepted) -> NDArray[np.bool_]:
    assert accepted.mask is not None
    return accepted.mask.decode()


def _color(obj_id: int) -> tuple[float, float, float]:
    """Well separated hues, by the golden ratio."""
    return colorsys.hsv_to_rgb((0.02 + obj_id * 0.618034) % 1.0, 0.75, 0.95)
