"""VideoSession: the objects of one volume, their prompts and masks, undo and redo, propagation, and the file.

Whatever the dock widget can do is a method here; nothing in this module knows napari or torch.
"""

from __future__ import annotations

import logging
import platform
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2._version import __version__
from napari_sam2.core.arguments import check_window
from napari_sam2.core.arrays import Parts
from napari_sam2.core.formatting import frame_word
from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import default_window
from napari_sam2.core.masks import check_overlap
from napari_sam2.core.paths import check_file, checked_path
from napari_sam2.core.prompts import PromptSet, make_box, make_mask, make_points
from napari_sam2.core.volume import ImageVolume, check_volume
from napari_sam2.engine.protocols import EncodesAhead, check_model
from napari_sam2.errors import PromptError, SessionBusyError, SessionFileError
from napari_sam2.session import export, quality
from napari_sam2.session import objects as object_table
from napari_sam2.session.exact import MetaPredictor
from napari_sam2.session.exact_run import ExactRun
from napari_sam2.session.history import WHOLE, Step
from napari_sam2.session.objects import ObjectInfo, Side
from napari_sam2.session.propagation import Direction, Run
from napari_sam2.session.records import MaskRecord
from napari_sam2.session.replay import replay
from napari_sam2.session.state import PROMPTING, SessionState
from napari_sam2.session.storage import image_identity
from napari_sam2.session.storage.session_file import SessionFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.masks import Overlap, RunLengthMask
    from napari_sam2.engine.protocols import FrameResult, VideoPredictor, Zoom
    from napari_sam2.session.history import Put
    from napari_sam2.session.records import Accepted

_log = logging.getLogger(__name__)

DEFAULT_PATIENCE = 5


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
        Reproduce Meta's predictor, for parity tests: its order of frames, its memory, no zoom, no hole filling; see
        docs/parity.md. As there, every call is answered at once, and what follows from a correction is lost with the
        next run.
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
        check_volume(volume)
        check_model(predictor, zoom)
        grid = FrameGrid.of(volume, frame_axis, at, channel)
        levels = default_window(volume, grid) if window is None else check_window(window)
        rule = check_overlap(overlap)
        self._state = SessionState(predictor, volume, grid, levels, None if exact else zoom, rule, exact)
        self._history = self._state.history
        self._lock = self._state.lock
        self._compute = self._state.compute
        self._meta = MetaPredictor(self._state) if exact else None
        self._file: SessionFile | None = None
        self._run: Run | None = None
        self._closed = False

    # ------------------------------------------------------------------ what it is about

    @property
    def predictor(self) -> VideoPredictor:
        """The model."""
        return self._state.predictor

    @property
    def volume(self) -> ImageVolume:
        """The image."""
        return self._state.volume

    @property
    def grid(self) -> FrameGrid:
        """How the volume is cut into frames."""
        return self._state.grid

    @property
    def exact(self) -> bool:
        """Whether Meta's predictor is reproduced."""
        return self._state.exact

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
        return self._state.levels

    def set_window(self, low: float, high: float) -> None:
        """Change the window; masks stay, what is computed from now on sees the new one."""
        window = check_window((low, high))
        # What is being computed was begun with the old one, and has to be kept as such.
        with self._compute, self._lock:
            self._state.levels = window
            self._keep_setting(window=list(window))

    @property
    def overlap(self) -> Overlap:
        """The rule for pixels that two objects claim."""
        return self._state.overlap

    @overlap.setter
    def overlap(self, rule: str) -> None:
        with self._lock:
            self._state.overlap = check_overlap(rule)
            self._keep_setting(overlap=rule)

    def use(self, predictor: VideoPredictor) -> None:
        """Go on with another model, or with the same one on another device.

        Prompts, masks, locks and undo stay. Masks that a model of another name computed count as stale: the next run
        computes them anew, but for those that were edited or locked.

        Raises
        ------
        SessionBusyError
            If a run is under way.
        """
        check_model(predictor, self._state.zoom)
        with self._compute, self._lock:
            self._check_idle()
            self._state.use(predictor)
            self._keep_model()

    # ------------------------------------------------------------------ prompts

    def add_points(
        self, obj_id: int, frame: int, points: Sequence[Sequence[float]], labels: Sequence[int] | None = None
    ) -> None:
        """Append clicks ``(y, x)`` (voxel-centre indices); label 1 is inside, 0 outside, default all inside."""
        new = make_points(points, labels, self.frame_shape)
        if not new:
            raise PromptError("add_points was given no point.")
        with self._prompting():
            self._change_prompts("add_points", obj_id, frame, self._prompts(obj_id, frame).with_points(new))

    def add_box(self, obj_id: int, frame: int, box: Sequence[float]) -> None:
        """Set the box ``(y0, x0, y1, x1)``, half-open in data pixels; it replaces an earlier one of that frame."""
        new = make_box(box, self.frame_shape)
        with self._prompting():
            old = self._prompts(obj_id, frame)
            self._change_prompts("add_box", obj_id, frame, PromptSet(old.points, new, old.mask, (0, *old.calls)))

    def add_mask(self, obj_id: int, frame: int, mask: NDArray[Any]) -> None:
        """Set a mask ``(Y, X)`` that is taken as it is; it replaces points and box of that frame."""
        new = make_mask(mask, self.frame_shape)
        with self._prompting():
            self._change_prompts("add_mask", obj_id, frame, PromptSet(mask=new))

    def add_labels(self, labels: Any, frames: Iterable[int], objects: Iterable[int] | None = None) -> None:
        """Take the objects of a label image on some frames as mask prompts, as one step.

        What is there already as it is in the labels is accepted as it stands: no other frame becomes stale by it.

        Parameters
        ----------
        labels
            Whole numbers on the volume's grid without channels; 0 is background, the others are object ids.
        frames
            The key frames.
        objects
            Which ids to take; default all that are there.

        Raises
        ------
        PromptError
            If the grid differs, nothing of these objects is on these frames, or one of them is locked there with
            another mask.
        """
        if tuple(labels.shape) != self.grid.label_shape:
            raise PromptError(f"The labels have shape {tuple(labels.shape)}, but the volume {self.grid.label_shape}.")
        chosen = self._check_frames(frames)
        parts = Parts(labels, self.grid.label_axes, "The label image")
        pictures = {frame: parts[self.frame_index(frame)] for frame in chosen}
        wanted = None if objects is None else set(objects)
        found = [
            (int(i), frame)
            for frame, picture in pictures.items()
            for i in np.unique(picture)
            if i != 0 and (wanted is None or int(i) in wanted)
        ]
        if not found:
            raise PromptError(f"The labels hold nothing to take on the {self._word}s {chosen}.")
        new = {place: make_mask(pictures[place[1]] == place[0], self.frame_shape) for place in found}
        with self._prompting():
            for (obj_id, frame), mask in list(new.items()):
                self._check(obj_id, frame)
                if self._is_locked_as(obj_id, frame, mask.mask):
                    del new[obj_id, frame]
                else:
                    self._check_unlocked(obj_id, frame)
            with self._history.step("add_labels", frames=chosen) as put:
                for (obj_id, frame), mask in new.items():
                    self._put_prompts(put, obj_id, frame, PromptSet(mask=mask))

    def set_prompts(
        self,
        obj_id: int,
        frame: int,
        points: Sequence[Sequence[float]] = (),
        labels: Sequence[int] | None = None,
        box: Sequence[float] | None = None,
        mask: NDArray[Any] | None = None,
    ) -> None:
        """Replace all prompts of an object on a frame; nothing given clears them, see :meth:`clear_prompts`."""
        new = make_points(points, labels, self.frame_shape)
        prompts = PromptSet(
            new,
            None if box is None else make_box(box, self.frame_shape),
            None if mask is None else make_mask(mask, self.frame_shape),
            (len(new),) if new else (),
        )
        with self._prompting():
            self._change_prompts("set_prompts", obj_id, frame, prompts)

    def clear_prompts(self, obj_id: int, frame: int) -> None:
        """Remove all prompts of an object on a frame; a mask that they corrected comes back.

        A mask that is not their answer stays, and where there are none nothing changes.
        """
        with self._prompting():
            self._change_prompts("clear_prompts", obj_id, frame, PromptSet())

    def clear_several(self, places: Iterable[tuple[int, int]]) -> None:
        """Remove all prompts of several ``(object, frame)`` as one step; none is removed if one is locked."""
        listed = list(places)
        with self._prompting():
            for obj_id, frame in listed:
                self._check(obj_id, frame)
                self._check_object(obj_id)
                self._check_unlocked(obj_id, frame)
            with self._history.step("clear_several", places=[[int(i), int(f)] for i, f in listed]) as put:
                for obj_id, frame in listed:
                    self._put_prompts(put, obj_id, frame, PromptSet())

    def prompts(self, obj_id: int, frame: int) -> PromptSet | None:
        """The prompts of an object on a frame; None where there are none."""
        with self._lock:
            self._check_place(obj_id, frame)
            self._check_object(obj_id)
            found: PromptSet | None = self._history.get("prompts", obj_id, frame)
            return found

    def prompted_frames(self, obj_id: int) -> list[int]:
        """The frames on which an object has prompts, ascending."""
        with self._lock:
            self._check_object(obj_id)
            return sorted(self._history.frames("prompts", obj_id))

    def prompt_window(self, obj_id: int, frame: int) -> tuple[float, float, float, float] | None:
        """The zoom window ``(y0, x0, y1, x1)`` in which the mask was made, edges in pixels from the corner; or None."""
        with self._lock:
            self._check_place(obj_id, frame)
            self._check_object(obj_id)
            record = self._state.mask_record(obj_id, frame)
            if record is None or record.window is None or self._state.zoom is None:
                return None
            w = record.window
            return w.y0, w.x0, w.y1, w.x1

    def _prompts(self, obj_id: int, frame: int) -> PromptSet:
        return self._history.get("prompts", obj_id, frame) or PromptSet()

    def _change_prompts(self, name: str, obj_id: int, frame: int, prompts: PromptSet) -> None:
        self._check(obj_id, frame)
        if not prompts:
            self._check_object(obj_id)
        self._check_unlocked(obj_id, frame)
        if prompts == self._prompts(obj_id, frame):
            return
        with self._history.step(name, obj_id=obj_id, frame=frame) as put:
            self._put_prompts(put, obj_id, frame, prompts)

    @contextmanager
    def _prompting(self) -> Iterator[None]:
        """Hold the log; Meta's predictor answers every call at once, so exact mode holds the network too."""
        if self._meta is None:
            with self._lock:
                yield
            return
        with self._compute, self._lock:
            revision = self._history.revision
            yield
            if self._history.revision != revision:
                self._meta.answer()

    def _put_prompts(self, put: Put, obj_id: int, frame: int, prompts: PromptSet) -> None:
        record, before = self._state.mask_record(obj_id, frame), self._prompts(obj_id, frame)
        base: MaskRecord | None = self._history.get("base", obj_id, frame)
        if prompts == before:
            return
        if prompts:
            object_table.ensure(self._state, put, obj_id)
            object_table.uncut(self._history, put, obj_id, frame)
            if record is not None and record.source != "prompt" and (base is None or base.mask != record.mask):
                # The prompts correct a mask that was tracked (or edited): it is what they are answered upon.
                put("base", obj_id, frame, self._state.base(obj_id, frame))
            elif before.mask is not None and prompts.mask is None:
                # They correct a mask that the user gave, which is as good as one drawn by hand.
                put("base", obj_id, frame, MaskRecord(before.mask.mask, "edit"))
        else:
            if record is not None and record.source == "prompt":
                put("mask", obj_id, frame, None if base is None else replace(base, nearest=None))
            put("base", obj_id, frame, None)
        put("prompts", obj_id, frame, prompts or None)

    # ------------------------------------------------------------------ answers

    def predict_frame(self, frame: int) -> dict[int, NDArray[np.bool_]]:
        """Masks ``(Y, X)`` of the objects prompted on this frame, by object id; they are kept.

        Belongs to the step of the prompt that it answers: undo takes back both.
        """
        with self._compute:
            while True:
                with self._lock:
                    self._check_open()
                    self._check_frame(frame)
                    asked = [i for i in self._state.object_ids() if self._history.get("prompts", i, frame)]
                    if not asked:
                        raise PromptError(
                            f"No object has a prompt on {self._word} {frame}; add a point, a box or a mask there."
                        )
                    if self._meta is not None:
                        self._meta.answer_again(asked, frame)
                        return {i: self._history.get("mask", i, frame).mask.decode() for i in asked}
                    stale = {i: self._state.accepted(i) for i in asked if not self._state.is_answered(i, frame)}
                    if not stale:
                        return {i: self._history.get("mask", i, frame).mask.decode() for i in asked}
                answers = {
                    i: self._state.answered(accepted[frame], self._state.answer(i, accepted, frame))
                    for i, accepted in stale.items()
                }
                with self._lock:
                    self._keep_answers(frame, stale, answers)

    def _keep_answers(
        self, frame: int, asked: Mapping[int, Mapping[int, Accepted]], answers: Mapping[int, MaskRecord]
    ) -> None:
        """Keep the answers to prompts that still stand as they were when they were asked."""
        later = Step("predict_frame", {"frame": frame})
        for obj_id, record in answers.items():
            if self._state.accepted(obj_id).get(frame) == asked[obj_id][frame]:
                with self._history.writing(self._prompting_step(obj_id, frame) or later) as put:
                    put("mask", obj_id, frame, record)

    def _prompting_step(self, obj_id: int, frame: int) -> Step | None:
        """The step that set the prompts of a frame, if nothing but other prompts came after it."""
        for step in reversed(self._history.steps):
            if step.name not in PROMPTING:
                return None
            if any((c.kind, c.obj_id, c.frame) == ("prompts", obj_id, frame) for c in step.changes):
                return step
        return None

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

        A run is one step to undo; what is prompted or edited meanwhile parts it into a step before and a step after.

        Parameters
        ----------
        direction
            "both", "forward" or "backward" from the accepted frames.
        frames
            Which frames to compute; default all. Frames between them and a prompt are passed, not written.
            Exact mode in one direction: exactly these, from the first of them on.
        objects
            Ids to track; default all that are prompted.
        force
            Compute fresh frames again.
        stop_when_gone
            Stop a track after this many frames in a row without the object (no mask, or beyond the last accepted frame
            one of which the model thinks much less than of the first); 0: never. Default 5, for time-lapses never.
        progress
            Called as ``progress(done, total, stage)``.

        Yields
        ------
        FrameResult
            Each finished frame once, already stored in the session. In exact mode once more what Meta answers anew.

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
        elif not isinstance(stop_when_gone, int | np.integer) or stop_when_gone < 0:
            raise PromptError(f"stop_when_gone={stop_when_gone!r} must be a number of {self._word}s, or 0 for never.")
        wanted = self._check_frames(range(self.frame_count) if frames is None else frames)
        with self._lock:
            self._check_open()
            chosen = None if objects is None else [self._check_object(i) for i in _several("objects", objects)]
            if self._meta is None:
                run = Run(self._state, direction, wanted, chosen, force, stop_when_gone, progress)
            else:
                run = ExactRun(self._meta, direction, wanted, chosen, progress, are_chosen=frames is not None)
            if not run.objects():
                raise PromptError("There is nothing to propagate: add a point, a box or a mask to an object first.")
        return self._running(run)

    def _running(self, run: Run) -> Iterator[FrameResult]:
        with self._lock:
            self._check_idle()
            self._run = run
        try:
            yield from run.results()
        finally:
            with self._lock:
                self._run = None

    def count_stale(
        self, direction: Direction = "both", frames: Iterable[int] | None = None, objects: Iterable[int] | None = None
    ) -> tuple[int, int]:
        """How many frames, and how many masks on them, :meth:`propagate` would compute now with these arguments."""
        wanted = self._check_frames(range(self.frame_count) if frames is None else frames)
        with self._lock:
            chosen = None if objects is None else [self._check_object(i) for i in _several("objects", objects)]
            if self._meta is None:
                return Run(self._state, direction, wanted, chosen, False, 0, None).count()
            return ExactRun(self._meta, direction, wanted, chosen, None, are_chosen=frames is not None).count()

    def encode_ahead(
        self,
        frames: Iterable[int] | None = None,
        *,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Make the embeddings of frames that will be wanted; in another thread, it lets all else go first.

        Parameters
        ----------
        frames
            In the order in which to make them; default all.
        cancelled
            Asked between frames; True ends it, and what was made is kept.
        progress
            Called as ``progress(done, total)``.

        Returns
        -------
        int
            How many were made; the others were there already. Always 0 for a model that sees each object through a
            window of its own, which is not known before the object is tracked.
        """
        wanted = list(range(self.frame_count) if frames is None else (self._check_frame(f) for f in frames))
        stream = self._whole_frame_stream()
        return 0 if stream is None else stream.encode_ahead(wanted, cancelled=cancelled, progress=progress)

    def count_encoded(self, frames: Iterable[int] | None = None) -> int:
        """How many frames have an embedding already; 0 where :meth:`encode_ahead` has nothing to do."""
        wanted = self._check_frames(range(self.frame_count) if frames is None else frames)
        stream = self._whole_frame_stream()
        return 0 if stream is None else stream.count_encoded(wanted)

    def _whole_frame_stream(self) -> EncodesAhead | None:
        """The stream, where all objects share one window and so one embedding a frame."""
        with self._compute, self._lock:
            self._check_open()
            stream = self._state.stream()
        return stream if isinstance(stream, EncodesAhead) and stream.sees_whole_frames else None

    # ------------------------------------------------------------------ hand edits, locks

    def edit_mask(self, obj_id: int, frame: int, mask: NDArray[Any]) -> None:
        """Set the mask of a frame by hand; the frame is locked until :meth:`unlock`.

        Takes its pixels from the other objects, except on their locked frames. The mask that is there already is
        accepted as it stands, see :meth:`lock`.
        """
        self.edit_masks(frame, {obj_id: mask})

    def edit_masks(self, frame: int, masks: Mapping[int, NDArray[Any]]) -> None:
        """Set the masks of several objects on a frame by hand, as one step; see :meth:`edit_mask`."""
        new = {obj_id: make_mask(mask, self.frame_shape).mask for obj_id, mask in masks.items()}
        with self._lock:
            self._check_frame(frame)
            for obj_id in new:
                self._check(obj_id, frame)
            with self._history.step("edit_mask", frame=frame, objects=list(new)) as put:
                for obj_id, mask in new.items():
                    if self._is_locked_as(obj_id, frame, mask):
                        continue
                    object_table.ensure(self._state, put, obj_id)
                    object_table.uncut(self._history, put, obj_id, frame)
                    record = self._state.mask_record(obj_id, frame)
                    if record is None or record.mask != mask:
                        put("mask", obj_id, frame, MaskRecord(mask, "edit"))
                    object_table.lock(self._state, put, obj_id, frame)
                    object_table.give_pixels(self._state, put, obj_id, frame, mask.decode())

    def lock(self, frame: int, obj_id: int) -> None:
        """Accept a frame of an object as it stands: no run writes it, and its mask conditions the others.

        That makes no other frame stale; what is computed from then on follows from it too.
        """
        self.lock_frames(obj_id, [frame])

    def lock_frames(self, obj_id: int, frames: Iterable[int]) -> None:
        """Accept several frames of an object at once, as one step; see :meth:`lock`."""
        with self._lock:
            chosen = self._check_frames(frames)
            self._check_object(obj_id)
            for frame in chosen:
                self._check(obj_id, frame)
                if self._history.get("mask", obj_id, frame) is None:
                    raise PromptError(f"Object {obj_id} has no mask on {self._word} {frame} to lock.")
            with self._history.step("lock", obj_id=obj_id, frames=chosen) as put:
                for frame in chosen:
                    object_table.lock(self._state, put, obj_id, frame)

    def unlock(self, frame: int, obj_id: int) -> None:
        """Release a frame; a hand edit on it may be computed over from then on."""
        with self._lock:
            self._check(obj_id, frame)
            self._check_object(obj_id)
            with self._history.step("unlock", obj_id=obj_id, frame=frame) as put:
                put("lock", obj_id, frame, None)
                record = self._state.mask_record(obj_id, frame)
                if record is not None and record.source == "edit":
                    put("mask", obj_id, frame, MaskRecord(record.mask, "track"))

    def cut(self, obj_id: int, frame: int, side: Side) -> None:
        """End an object at a frame: no mask beyond it ("above": higher index; "below"), and no run goes there.

        A prompt or an edit set beyond it later lifts the cut.

        Raises
        ------
        PromptError
            If a locked frame lies beyond.
        """
        if side not in ("above", "below"):
            raise PromptError(f"side={side!r} must be 'above' (higher index) or 'below'.")
        with self._lock:
            self._check_object(obj_id)
            self._check_frame(frame)
            with self._history.step("cut", obj_id=obj_id, frame=frame, side=side) as put:
                object_table.cut(self._history, put, obj_id, frame, side, self.frame_count, self._word)

    # ------------------------------------------------------------------ results

    def labels(self, out: Any | None = None) -> Any:
        """All masks under the overlap rule, ``uint16`` on the volume's grid without channels.

        Written into ``out`` if given. Only the part that the session works on (``at``) is written.
        """
        if out is None:
            out = np.zeros(self.grid.label_shape, dtype=np.uint16)
        elif tuple(out.shape) != self.grid.label_shape:
            raise PromptError(f"out has shape {tuple(out.shape)}, but the labels have {self.grid.label_shape}.")
        largest = max(self._state.object_ids(), default=0)
        if np.issubdtype(out.dtype, np.integer) and np.iinfo(out.dtype).max < largest:
            raise PromptError(f"out is {out.dtype} and cannot hold object {largest}; use uint16.")
        for frame in range(self.frame_count):
            out[self.frame_index(frame)] = self.frame_labels(frame)
        return out

    def frame_labels(self, frame: int) -> NDArray[np.uint16]:
        """The labels ``(Y, X) uint16`` of one frame under the overlap rule."""
        with self._lock:
            return self._state.frame_labels(self._check_frame(frame))

    def frame_index(self, frame: int) -> tuple[int | slice, ...]:
        """Index of a frame in an array on the labels grid."""
        return self.grid.label_index(self._check_frame(frame))

    def mask(self, obj_id: int, frame: int) -> NDArray[np.bool_] | None:
        """The mask ``(Y, X)`` of one object on one frame, before the overlap rule; None if there is none."""
        with self._lock:
            self._check_place(obj_id, frame)
            self._check_object(obj_id)
            record: MaskRecord | None = self._history.get("mask", obj_id, frame)
            return None if record is None else record.mask.decode()

    @property
    def objects(self) -> dict[int, ObjectInfo]:
        """The objects by id, in their order: that in which they came, unless they were moved."""
        with self._lock:
            return {obj_id: object_table.describe(self._state, obj_id) for obj_id in self._state.object_ids()}

    def scores(self, obj_id: int) -> pd.DataFrame:
        """What is known about the quality of each frame with a mask; see :func:`napari_sam2.session.quality.scores`."""
        with self._lock:
            self._check_object(obj_id)
            return quality.scores(self._history, obj_id)

    # ------------------------------------------------------------------ objects

    def reset_object(self, obj_id: int) -> None:
        """Remove all prompts, masks and locks of an object; the object itself stays."""
        with self._changing_object("reset_object", obj_id) as put:
            object_table.clear(self._history, put, obj_id)

    def delete_object(self, obj_id: int) -> None:
        """Remove an object with all that belongs to it."""
        with self._changing_object("delete_object", obj_id) as put:
            object_table.clear(self._history, put, obj_id)
            put("object", obj_id, WHOLE, None)

    def rename_object(self, obj_id: int, name: str) -> None:
        """Give an object another name."""
        with self._changing_object("rename_object", obj_id) as put:
            put("object", obj_id, WHOLE, replace(self._history.get("object", obj_id), name=name))

    def recolor_object(self, obj_id: int, color: Sequence[float]) -> None:
        """Give an object another colour ``(r, g, b)``, each in 0…1."""
        r, g, b = (float(c) for c in color)
        if not all(0 <= c <= 1 for c in (r, g, b)):
            raise PromptError(f"color={tuple(color)!r} must be red, green and blue, each from 0 to 1.")
        with self._changing_object("recolor_object", obj_id) as put:
            put("object", obj_id, WHOLE, replace(self._history.get("object", obj_id), color=(r, g, b)))

    def move_object(self, obj_id: int, position: int) -> None:
        """Give an object another place in the order, 0 the first; the overlap rules go by it."""
        with self._changing_object("move_object", obj_id) as put:
            object_table.reorder(self._state, put, obj_id, position)

    def merge_objects(self, into: int, other: int) -> None:
        """Add the masks of ``other`` to ``into`` and delete ``other``.

        The frames that gain count as drawn by hand and are locked; the others stay as they are.
        """
        if into == other:
            raise PromptError(f"Object {into} cannot be merged with itself.")
        with self._changing_object("merge_objects", into) as put:
            self._check_object(other)
            object_table.merge(self._state, put, into, other)

    @contextmanager
    def _changing_object(self, name: str, obj_id: int) -> Iterator[Put]:
        with self._lock:
            self._check_object(obj_id)
            with self._history.step(name, obj_id=obj_id) as put:
                yield put

    # ------------------------------------------------------------------ undo

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._history.steps)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return bool(self._history.undone)

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

    def replay(self) -> int:
        """Compute every mask of the model again, from the prompts and runs in the log, as one step.

        Returns
        -------
        int
            How many masks came out differently; 0 means that the session can be reproduced.

        Raises
        ------
        SessionFileError
            If the log was shortened to its memory budget and does not tell the whole story any more.
        """
        with self._compute, self._lock:
            self._check_idle()
            return replay(self._state)

    # ------------------------------------------------------------------ the file

    def save(self, path: str | Path) -> None:
        """Write the session to a file and keep it there from now on.

        Every later step and every yielded frame is on disk before the call returns.

        Parameters
        ----------
        path
            The file, by custom ``….sam2``; one that stands there is replaced. To the session's own file only what a
            refused write left out is written.

        Raises
        ------
        SessionFileError
            If the disk refuses, or the file is open in another session. The session goes on as before.
        """
        target = checked_path(path, SessionFileError).resolve()
        with self._lock:
            self._check_idle()
            if self._file is not None and self._file.path == target and target.exists():
                self._history.catch_up()
                self._keep_setting(window=list(self.window), overlap=self.overlap)
                self._keep_model()
                return
            file = SessionFile.create(target, self._settings(), self._history)
            self._bind(file)

    def detach(self) -> None:
        """Go on without the file, which stays as it is; for one that cannot be written any more."""
        with self._lock:
            if self._file is not None:
                self._history.bind(None)
                self._file.abandon()
                self._file = None

    @property
    def path(self) -> Path | None:
        """The session's file, or None."""
        return None if self._file is None else self._file.path

    @classmethod
    def open(
        cls, path: str | Path, predictor: VideoPredictor | None = None, volume: ImageVolume | None = None
    ) -> VideoSession:
        """Go on with a session from its file, also after a crash.

        Parameters
        ----------
        path
            The file.
        predictor
            The model to go on with; default: the one the session was made with.
        volume
            The image; default: read from where it was. Either is compared with the hash in the file.

        Raises
        ------
        SessionFileError
            If the file is damaged, newer, open elsewhere, or its image is missing or another one.
        """
        source = checked_path(path, SessionFileError)
        check_file(source, SessionFileError)
        source = source.resolve()
        file = SessionFile.open(source)
        try:
            settings = file.settings()
            image, how = settings["image"], settings["settings"]
            if volume is None:
                volume = image_identity.find(image, source)
            else:
                image_identity.check(image, volume, source)
            if predictor is None:
                from napari_sam2.engine import load_predictor

                predictor = load_predictor(settings["model"]["name"])
            session = cls(
                predictor,
                volume,
                frame_axis=how["frame_axis"],
                window=how["window"],
                at=how["at"],
                channel=how["channel"] or None,
                zoom=how["zoom"],
                overlap=how["overlap"],
                exact=how["exact"],
            )
            file.load(session._history)
            session._bind(file)
            session._compare_model(settings["model"]["hash"])
        except KeyError as error:
            file.abandon()
            raise SessionFileError(f"{source} is damaged: {error} is missing. It was left as it is.") from error
        except BaseException:
            file.abandon()
            raise
        return session

    def export_prompts(self, path: str | Path) -> None:
        """Write objects, prompts and locks as JSON; see :func:`napari_sam2.session.export.prompts_document`."""
        with self._lock:
            export.write_json(path, export.prompts_document(self._state))

    def export_coco(self, path: str | Path) -> None:
        """Write all masks as a COCO file; see :func:`napari_sam2.session.export.coco_document`."""
        with self._lock:
            export.write_json(path, export.coco_document(self._state))

    def close(self) -> None:
        """End the session and close its file; embeddings stay with the model, within its budget."""
        with self._lock:
            self._check_idle()
            self._closed = True
            self._state.forget_work()
            if self._file is not None:
                self._history.bind(None)
                self._file.close()
                self._file = None

    def release(self) -> None:
        """End the session as :meth:`close` does, also in the middle of a run: what that finishes later is not kept."""
        with self._lock:
            if self._run is None:
                if not self._closed:
                    self.close()
                return
            self._closed = True
            if self._file is not None:
                self._history.bind(None)
                self._file.close()
                self._file = None

    def _settings(self) -> dict[str, Any]:
        grid, state = self.grid, self._state
        return {
            "image": image_identity.describe(self.volume),
            "settings": {
                "frame_axis": grid.frame_axis,
                "at": dict(grid.at),
                "channel": list(grid.channels),
                "zoom": state.zoom,
                "exact": state.exact,
                "window": list(state.levels),
                "overlap": state.overlap,
            },
            "model": self._settings_of_model(),
            "versions": {"napari-sam2": __version__, "python": platform.python_version(), "numpy": np.__version__},
        }

    def _compare_model(self, stored: str | None) -> None:
        ours = self._settings_of_model()["hash"]
        if stored is not None and ours != stored:
            _log.warning(
                "%s was made with other weights than those of %s; its masks stay, new ones and a replay may differ.",
                self.path,
                self.predictor.name,
            )

    def _settings_of_model(self) -> dict[str, Any]:
        return {"name": self.predictor.name, "hash": self.predictor.fingerprint}

    def _keep_model(self) -> None:
        model = self._settings_of_model()
        if self._file is not None and self._file.settings()["model"] != model:
            self._file.set(model=model)

    def _keep_setting(self, **changed: Any) -> None:
        if self._file is not None:
            kept = self._file.settings()["settings"]
            if kept != {**kept, **changed}:
                self._file.set(settings={**kept, **changed})

    def _bind(self, file: SessionFile) -> None:
        if self._file is not None:
            self._file.close()
        file.set(open=True)
        self._file = file
        self._history.bind(file)

    # ------------------------------------------------------------------ checks

    def _check(self, obj_id: int, frame: int) -> None:
        self._check_open()
        self._check_place(obj_id, frame)

    def _check_place(self, obj_id: int, frame: int) -> None:
        self._check_id(obj_id)
        self._check_frame(frame)

    def _check_id(self, obj_id: int) -> None:
        if isinstance(obj_id, bool) or not isinstance(obj_id, int | np.integer) or not 1 <= obj_id <= 65535:
            raise PromptError(f"obj_id={obj_id!r} must be a whole number from 1 to 65535.")

    @property
    def _word(self) -> str:
        """What messages call a frame."""
        return frame_word(self.grid.frame_axis)

    def _check_frame(self, frame: int) -> int:
        whole = isinstance(frame, int | np.integer) and not isinstance(frame, bool)
        if not whole or not 0 <= frame < self.frame_count:
            raise PromptError(
                f"There is no {self._word} {frame!r}: the image has {self._word}s 0 to {self.frame_count - 1}."
            )
        return int(frame)

    def _check_frames(self, frames: Iterable[int]) -> list[int]:
        return sorted({self._check_frame(f) for f in _several("frames", frames)})

    def _check_object(self, obj_id: int) -> int:
        self._check_id(obj_id)
        if self._history.get("object", obj_id) is None:
            known = ", ".join(str(i) for i in self._state.object_ids()) or "none yet"
            raise PromptError(f"There is no object {obj_id!r}; objects: {known}.")
        return obj_id

    def _is_locked_as(self, obj_id: int, frame: int, mask: RunLengthMask) -> bool:
        record = self._state.mask_record(obj_id, frame)
        return bool(self._history.get("lock", obj_id, frame)) and record is not None and record.mask == mask

    def _check_unlocked(self, obj_id: int, frame: int) -> None:
        if self._history.get("lock", obj_id, frame):
            raise PromptError(f"Object {obj_id} is locked on {self._word} {frame}; unlock it before prompting there.")

    def _check_open(self) -> None:
        if self._closed:
            raise SessionBusyError("The session was closed.")

    def _check_idle(self) -> None:
        self._check_open()
        if self._run is not None:
            raise SessionBusyError("A run is under way; stop it first (close its generator).")


def _several(name: str, values: Any) -> list[Any]:
    """A list, or an error that says which argument is none."""
    try:
        return list(values)
    except TypeError as error:
        raise PromptError(f"{name}={values!r} must be several, such as a list or a range.") from error
