"""VideoSession: the objects of one volume, their prompts and masks, undo and redo, propagation, and the file.

Whatever the dock widget can do is a method here; nothing in this module knows napari or torch.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_sam2.core.deprecation import formerly_positional
from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.masks import check_overlap
from napari_sam2.core.paths import checked_path
from napari_sam2.core.volume import ImageVolume, check_volume
from napari_sam2.engine.protocols import check_model
from napari_sam2.errors import SessionFileError, VolumeError
from napari_sam2.session import settings
from napari_sam2.session.masks import edits, follow_up, interpolating, operations, tracked_masks
from napari_sam2.session.objects import division, lineage, not_here, prompting, proposals, reviewing, value_ranges
from napari_sam2.session.objects import objects as object_table
from napari_sam2.session.objects.proposals import accept as accept_proposals
from napari_sam2.session.results import effort, export, results
from napari_sam2.session.state import checks
from napari_sam2.session.state.session_state import SessionState
from napari_sam2.session.storage import file_link
from napari_sam2.session.tracking import going_back, runs
from napari_sam2.session.tracking.exact import MetaPredictor
from napari_sam2.session.tracking.replay import replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from napari_sam2.core.intensity_mapping import ContrastLimits, IntensityMapping
    from napari_sam2.core.intensity_range import IntensityRange
    from napari_sam2.core.masks import Overlap
    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.engine.options import ClickMask, MemoryRule
    from napari_sam2.engine.protocols import FrameResult, VideoPredictor, Zoom
    from napari_sam2.session.log.records import Neighbours, Review
    from napari_sam2.session.objects.objects import ObjectInfo, Side
    from napari_sam2.session.objects.proposals import FrameProposal
    from napari_sam2.session.results.effort import Effort
    from napari_sam2.session.results.results import SessionStep
    from napari_sam2.session.tracking.planning import Direction


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
    contrast_limits
        ``(low, high)`` in the volume's values that the model sees as black and white, or one such pair for each
        channel; default: the volume's own.
    at
        Fixed index of each further axis of a 4-D or 5-D volume, such as ``{"t": 3}``.
    channel
        Index of the channel to use, or up to three, which the model sees as red, green and blue.
    zoom
        ``"auto"``: as the model's card says; None: the whole frame; a number: window side over object side.
    overlap
        ``"keep"`` (the earlier object keeps a pixel), ``"overwrite"`` (the later takes it), or ``"score"``.
    exact
        Reproduce Meta's predictor, for parity tests: its order of frames, its memory, no zoom, no hole filling; see
        docs/parity.md. As there, every call is answered at once, and what follows from a correction is lost with the
        next run.
    neighbours
        ``"limit"`` (no object grows into the locked masks of others) or ``"free"``, see :attr:`neighbours`; default:
        a limit in volumes, free along time and in exact mode.
    memory
        Which past frames the model remembers: ``"meta"``, ``"selected"`` or ``"distractor"``, see :attr:`memory`.
    click_mask
        Which of the model's masks answers clicks: ``"surest"``, ``"single"`` or ``"first"``, see :attr:`click_mask`.
    motion
        Whether the motion of an object through time has a say, see :attr:`motion`.
    log_times
        Whether steps keep the time at which they were made, see :attr:`log_times`.
    window
        Another name of ``contrast_limits``.
    gamma
        Exponent after the contrast limits, as in napari; 1 is linear.
    """

    def __init__(
        self,
        predictor: VideoPredictor,
        volume: ImageVolume,
        frame_axis: str | None = None,
        contrast_limits: ContrastLimits | IntensityMapping | None = None,
        at: Mapping[str, int] | None = None,
        channel: int | Sequence[int] | None = None,
        zoom: Zoom = "auto",
        overlap: str = "keep",
        exact: bool = False,
        *,
        neighbours: str | None = None,
        memory: str = "meta",
        click_mask: str = "surest",
        motion: bool = False,
        log_times: bool = True,
        window: ContrastLimits | None = None,
        gamma: float = 1.0,
    ) -> None:
        check_volume(volume)
        check_model(predictor, zoom)
        grid = FrameGrid.of(volume, frame_axis, at, channel)
        rule = check_overlap(overlap)
        if neighbours is None:
            neighbours = settings.default_neighbours(grid, exact)
        rules = settings.check_rules(grid, exact, neighbours, memory, click_mask, motion)
        mapping = settings.mapping_of(volume, grid, contrast_limits, window, gamma)
        self._state = SessionState(predictor, volume, grid, mapping, None if exact else zoom, rule, exact, rules)
        self._state.log_times = log_times
        self._lock = self._state.lock
        self._compute = self._state.compute
        self._meta = MetaPredictor(self._state) if exact else None
        self._link = file_link.FileLink(self._state)

    # ------------------------------------------------------------------ what it is about

    @property
    def predictor(self) -> VideoPredictor:
        """Return the model."""
        return self._state.predictor

    @property
    def volume(self) -> ImageVolume:
        """Return the image."""
        return self._state.volume

    @property
    def grid(self) -> FrameGrid:
        """Return how the volume is cut into frames."""
        return self._state.grid

    @property
    def frame_axis_reason(self) -> str:
        """Return why frames follow each other along :attr:`grid`'s axis, in words that follow "along z:".

        Examples
        --------
        >>> session.grid.frame_axis, session.frame_axis_reason
        ('z', 'coarsest spacing, 3')
        """
        return results.frame_axis_reason(self._state)

    @property
    def exact(self) -> bool:
        """Return whether Meta's predictor is reproduced."""
        return self._state.exact

    @property
    def zoom(self) -> Zoom:
        """Return how the model sees an object: ``"auto"``, None (the whole frame), or window side over object side."""
        return self._state.zoom

    @property
    def frame_count(self) -> int:
        """Return the number of frames."""
        return self.grid.frame_count

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Return ``(Y, X)``, the height and width of a frame in pixels."""
        return self.grid.frame_shape

    @property
    def contrast_limits(self) -> ContrastLimits:
        """Return ``(low, high)``, the values that the model sees as black and white; or one such pair per channel."""
        limits = self._state.mapping.contrast_limits
        return limits[0] if len(limits) == 1 else limits

    def set_contrast_limits(self, low: float, high: float, channel: int | None = None) -> None:
        """Change the contrast limits; masks stay, what is computed from now on sees the new ones.

        Parameters
        ----------
        low
            Value of the volume that the model sees as black.
        high
            Value that it sees as white.
        channel
            Index of the channel, one of those that the session shows; default: all of them.

        Raises
        ------
        VolumeError
            If these are not two finite numbers, the lower one first, or if there is no such channel.
        """
        settings.set_contrast_limits(self._state, self._link, low, high, channel)

    @property
    def mapping(self) -> IntensityMapping:
        """Return contrast limits and gamma as one value, which :class:`VideoSession` takes as ``contrast_limits``."""
        return self._state.mapping

    window = contrast_limits
    set_window = set_contrast_limits

    @property
    def gamma(self) -> float:
        """Return the exponent after the contrast limits; set it as :meth:`set_contrast_limits` sets those.

        Examples
        --------
        >>> session.gamma = 0.5
        >>> session.gamma
        0.5
        """
        return self._state.mapping.gamma

    @gamma.setter
    def gamma(self, gamma: float) -> None:
        settings.set_gamma(self._state, self._link, gamma)

    @property
    def overlap(self) -> Overlap:
        """Return the rule for pixels that two objects claim: "keep", "overwrite" or "score"."""
        return self._state.overlap

    @overlap.setter
    def overlap(self, rule: str) -> None:
        settings.set_overlap(self._state, self._link, rule)

    @property
    def neighbours(self) -> Neighbours:
        """Return whether other objects bound a mask: "limit" or "free".

        With "limit", what is locked of the other objects on a frame is no place for an object: neither the mask nor
        what the model remembers of it reaches there. Among the objects of one run, each pixel counts as one of them in
        what is remembered. A mask that the user gave is never cut. What :meth:`forbid` says holds with both.

        Locking a neighbour makes a tracked mask stale where it has pixels that are locked now, and with it what was
        tracked from there on; unlocking, where it touches what became free. Changing the setting makes stale what
        another object touches.
        """
        return self._state.rules.neighbours

    @neighbours.setter
    def neighbours(self, rule: str) -> None:
        settings.set_rules(self._state, self._link, neighbours=rule)

    @property
    def memory(self) -> MemoryRule:
        """Return which past frames the model remembers: "meta", "selected" or "distractor".

        See :class:`napari_sam2.engine.options.TrackingOptions`. Frames that were tracked by another rule are stale.
        """
        return self._state.rules.memory

    @memory.setter
    def memory(self, rule: str) -> None:
        settings.set_rules(self._state, self._link, memory=rule)

    @property
    def click_mask(self) -> ClickMask:
        """Return which of the model's masks answers a click: "surest", "single" or "first".

        See :class:`napari_sam2.engine.options.TrackingOptions`. Answers to clicks without a box that were made by
        another rule are stale, and so is what was tracked from them.
        """
        return self._state.rules.click_mask

    @click_mask.setter
    def click_mask(self, rule: str) -> None:
        settings.set_rules(self._state, self._link, click_mask=rule)

    @property
    def motion(self) -> bool:
        """Return whether the motion of an object through time has a say in which mask it is.

        See :class:`napari_sam2.engine.options.TrackingOptions`. Only along time; frames that were tracked with another
        setting are stale.
        """
        return self._state.rules.motion

    @motion.setter
    def motion(self, motion: bool) -> None:
        settings.set_rules(self._state, self._link, motion=motion)

    @property
    def log_times(self) -> bool:
        """Return whether new steps keep their time, in the log and in the file; it is sent nowhere."""
        return self._state.log_times

    @log_times.setter
    def log_times(self, log_times: bool) -> None:
        settings.set_log_times(self._state, self._link, log_times)

    def use(self, predictor: VideoPredictor) -> None:
        """Go on with another model, or with the same one on another device.

        Prompts, masks, locks and undo stay. Masks that a model of another name computed count as stale: the next run
        computes them anew, but for those that were edited or locked.

        Parameters
        ----------
        predictor
            From :func:`napari_sam2.load_predictor`.

        Raises
        ------
        SessionBusyError
            If the session was closed, or if a run is under way.
        """
        settings.use(self._state, self._link, predictor)

    def set_geometry(self, volume: ImageVolume) -> None:
        """Measure from now on with the spacing, the unit and the place of another description of the same image.

        Steps that were made stay as they are, and so does what the file says of the image.

        Parameters
        ----------
        volume
            Of the axes and the shape of the session's.

        Raises
        ------
        VolumeError
            If it is of other axes, or of another shape.
        """
        check_volume(volume)
        now = self.volume
        if (volume.axes, volume.shape) != (now.axes, now.shape):
            raise VolumeError(
                f"A volume of {volume.shape} voxels along {volume.axes!r} does not say where one of {now.shape} along "
                f"{now.axes!r} lies."
            )
        with self._lock:
            self._state.volume = replace(now, spacing=volume.spacing, units=volume.units, affine=volume.affine)

    # ------------------------------------------------------------------ prompts

    def add_points(
        self, obj_id: int, frame: int, points: Sequence[Sequence[float]], labels: Sequence[int] | None = None
    ) -> None:
        """Append clicks to the prompts of an object on a frame.

        Parameters
        ----------
        obj_id
            Id of the object, 1 to 65535.
        frame
            Index of the frame.
        points
            ``(n, 2)``, ``(y, x)`` voxel-centre indices.
        labels
            ``(n,)`` of 1 (inside) or 0 (outside); default: all inside.

        Raises
        ------
        PromptError
            If a point lies outside the frame, the labels do not fit, or the object is locked on the frame.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_points(1, 7, [(6, 8), (20, 20)], labels=[1, 0])
        >>> session.prompts(1, 7).labels.tolist()
        [1, 0]
        """
        prompting.add_points(self._state, self._meta, obj_id, frame, points, labels)

    def add_box(self, obj_id: int, frame: int, box: Sequence[float]) -> None:
        """Set the box of an object on a frame; it replaces an earlier one, points stay.

        Parameters
        ----------
        obj_id
            Id of the object, 1 to 65535.
        frame
            Index of the frame.
        box
            ``(y0, x0, y1, x1)``, half-open in data pixels; what lies outside the frame is clipped.

        Raises
        ------
        PromptError
            If nothing of the box lies within the frame, or if the object is locked on the frame.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> session.prompts(1, 7).box
        BoxPrompt(y0=4.0, x0=5.0, y1=10.0, x1=12.0)
        """
        prompting.add_box(self._state, self._meta, obj_id, frame, box)

    def add_mask(self, obj_id: int, frame: int, mask: NDArray[Any]) -> None:
        """Set a mask that is taken as it is; it replaces points and box of that frame.

        Parameters
        ----------
        obj_id
            Id of the object, 1 to 65535.
        frame
            Index of the frame.
        mask
            ``(Y, X)``; anything but zero is inside.

        Raises
        ------
        PromptError
            If the mask has another shape than the frame, or if the object is locked on the frame.
        SessionBusyError
            If the session was closed.
        """
        prompting.add_mask(self._state, self._meta, obj_id, frame, mask)

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
        prompting.add_labels(self._state, self._meta, labels, frames, objects)

    def set_prompts(
        self,
        obj_id: int,
        frame: int,
        points: Sequence[Sequence[float]] = (),
        labels: Sequence[int] | None = None,
        box: Sequence[float] | None = None,
        mask: NDArray[Any] | None = None,
    ) -> None:
        """Replace all prompts of an object on a frame; nothing given clears them, see :meth:`clear_prompts`.

        Parameters
        ----------
        obj_id
            Id of the object, 1 to 65535.
        frame
            Index of the frame.
        points
            ``(n, 2)``, ``(y, x)`` voxel-centre indices.
        labels
            ``(n,)`` of 1 (inside) or 0 (outside); default: all inside.
        box
            ``(y0, x0, y1, x1)``, half-open in data pixels.
        mask
            ``(Y, X)``; anything but zero is inside.

        Raises
        ------
        PromptError
            If a prompt does not fit the frame, or if the object is locked on the frame.
        SessionBusyError
            If the session was closed.
        """
        prompting.set_prompts(self._state, self._meta, obj_id, frame, points, labels, box, mask)

    def clear_prompts(self, obj_id: int, frame: int) -> None:
        """Remove all prompts of an object on a frame; a mask that they corrected comes back.

        A mask that is not their answer stays, and where there are none nothing changes.

        Parameters
        ----------
        obj_id
            Id of the object.
        frame
            Index of the frame.

        Raises
        ------
        PromptError
            If there is no such object or frame, or if the object is locked there.
        SessionBusyError
            If the session was closed.
        """
        prompting.clear(self._state, self._meta, obj_id, frame)

    def clear_several(self, places: Iterable[tuple[int, int]]) -> None:
        """Remove prompts on several places as one step; none is removed if one place is locked.

        Parameters
        ----------
        places
            Several ``(obj_id, frame)``.

        Raises
        ------
        PromptError
            If there is no such object or frame, or if an object is locked on its frame.
        SessionBusyError
            If the session was closed.
        """
        prompting.clear_several(self._state, self._meta, places)

    def prompts(self, obj_id: int, frame: int) -> PromptSet | None:
        """Return the prompts of an object on a frame; None where there are none.

        Parameters
        ----------
        obj_id
            Id of the object.
        frame
            Index of the frame.

        Raises
        ------
        PromptError
            If there is no such object or frame.
        """
        return results.prompts(self._state, obj_id, frame)

    def prompted_frames(self, obj_id: int) -> list[int]:
        """Return the frames on which an object has prompts, ascending.

        Parameters
        ----------
        obj_id
            Id of the object.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        return results.prompted_frames(self._state, obj_id)

    def prompt_window(self, obj_id: int, frame: int) -> tuple[float, float, float, float] | None:
        """Return the zoom window in which a mask was made.

        Parameters
        ----------
        obj_id
            Id of the object.
        frame
            Index of the frame.

        Returns
        -------
        tuple or None
            ``(y0, x0, y1, x1)``, edges in pixels from the corner; None where the model saw the whole frame.

        Raises
        ------
        PromptError
            If there is no such object or frame.
        """
        return results.prompt_window(self._state, obj_id, frame)

    def add_line(self, obj_id: int, frame: int, ends: Sequence[Sequence[float]]) -> None:
        """Append the clicks of a line across an object, such as its long axis in RECIST 1.1, as one step.

        A click in its middle, and one beside each end, a tenth of the way inwards.

        Parameters
        ----------
        obj_id
            Id of the object, 1 to 65535.
        frame
            Index of the frame.
        ends
            ``(2, 2)``, ``(y, x)`` voxel-centre indices, on the edge of the object.

        Raises
        ------
        PromptError
            If these are not two ends on the frame, a pixel or more apart, or if the object is locked on the frame.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_line(1, 7, [(4, 10), (14, 10)])
        >>> [(p.y, p.x) for p in session.prompts(1, 7).points]
        [(5.0, 10.0), (9.0, 10.0), (13.0, 10.0)]
        """
        prompting.add_line(self._state, self._meta, obj_id, frame, ends)

    def forbid(self, labels: Any | None) -> None:
        """Say where no object may be, whatever :attr:`neighbours` is; it replaces what was said before.

        Neither what the model computes nor what it remembers reaches there; a mask that the user gave is not cut.

        Parameters
        ----------
        labels
            On the volume's grid without channels; anything but zero is forbidden. None: nothing is.

        Raises
        ------
        PromptError
            If the shape is another, or in exact mode.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> import numpy as np
        >>> where = np.zeros(session.grid.label_shape, np.uint8)
        >>> where[:, :, 20:] = 1
        >>> session.forbid(where)
        >>> bool(session.forbidden(7)[0, 20])
        True
        """
        not_here.forbid(self._state, labels)

    def forbidden(self, frame: int) -> NDArray[np.bool_] | None:
        """Return where :meth:`forbid` forbids a frame, ``(Y, X) bool``; None where nothing is forbidden.

        Parameters
        ----------
        frame
            Index of the frame.

        Raises
        ------
        PromptError
            If there is no such frame.
        """
        return not_here.forbidden(self._state, frame)

    # ------------------------------------------------------------------ answers

    def predict_frame(self, frame: int) -> dict[int, NDArray[np.bool_]]:
        """Answer the prompts of a frame, and keep the masks.

        The answer belongs to the step of the prompt: undo takes back both.

        Parameters
        ----------
        frame
            Index of the frame.

        Returns
        -------
        dict
            Masks ``(Y, X) bool`` of the objects prompted on the frame, by object id.

        Raises
        ------
        PromptError
            If there is no such frame, or if nothing is prompted on it.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> masks = session.predict_frame(7)
        >>> masks[1].shape == session.frame_shape
        True
        """
        return prompting.predict_frame(self._state, self._meta, frame)

    def propose(
        self,
        frame: int,
        spacing_px: float | None = None,
        *,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[FrameProposal]:
        """Find the objects of a frame without prompts, by a grid of clicks; those that are there already are left out.

        Nothing changes before :meth:`accept`.

        Parameters
        ----------
        frame
            Index of the frame.
        spacing_px
            Pixels from click to click; default: 16 clicks along the shorter side, and half the spacing, up to twice,
            where the objects that were found are smaller than it.
        cancelled
            Asked now and then; True ends it, and what was found is returned.
        progress
            Called as ``progress(done, total)``, in clicks.

        Returns
        -------
        list of FrameProposal
            The best first, each with its ``mask`` ``(Y, X) bool``, the predicted ``iou``, the ``frame`` and the click
            ``point`` that it answers.

        Raises
        ------
        PromptError
            If there is no such frame, or if the model finds no objects by itself.
        SessionBusyError
            If the session was closed.
        """
        return proposals.propose(self._state, frame, spacing_px, cancelled, progress)

    def accept(self, proposals: Iterable[FrameProposal]) -> list[int]:
        """Make an object of each proposal, with its mask as the prompt, as one step.

        Parameters
        ----------
        proposals
            Those of :meth:`propose` that are wanted, of one frame or several.

        Returns
        -------
        list of int
            The ids of the new objects, in the order of the proposals.

        Raises
        ------
        PromptError
            If there is none, or one comes from elsewhere.
        SessionBusyError
            If the session was closed.
        """
        return accept_proposals(self._state, self._meta, proposals)

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
        chunk: int | Literal["auto"] | None = "auto",
        gone_after_mm: float | None = None,
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
            one of which the model thinks much less than of the first); 0: never. Default 5; for time-lapses never.
        progress
            Called as ``progress(done, total, stage)``.
        chunk
            The most objects to track at once; what the model holds grows with them. ``"auto"``: as many as it says
            that fit; None: all. Exact mode always takes all.
        gone_after_mm
            The same as ``stop_when_gone``, as the length of the gap in millimetres.

        Yields
        ------
        FrameResult
            Each finished frame once, with all objects, already stored in the session. Where there are more objects
            than ``chunk``, they are tracked chunk by chunk, each through all frames, and a frame comes once for each
            chunk, with all that is known of it by then. In exact mode once more what Meta answers anew.

        Raises
        ------
        PromptError
            If nothing is prompted, or if there is no such direction, frame or object.
        VolumeError
            If a gap is given in millimetres, and the frames are not a known distance apart.
        SessionBusyError
            If the session was closed, or if a run is under way.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> [result.frame for result in session.propagate(frames=range(5, 10), direction="forward")]
        [7, 8, 9]
        """
        return runs.propagate(
            self._state, self._meta, direction, frames, objects, force, stop_when_gone, progress, chunk, gone_after_mm
        )

    def count_stale(
        self, direction: Direction = "both", frames: Iterable[int] | None = None, objects: Iterable[int] | None = None
    ) -> tuple[int, int]:
        """Return how many frames, and how many masks on them, :meth:`propagate` would compute now.

        Parameters
        ----------
        direction
            "both", "forward" or "backward" from the accepted frames.
        frames
            Which frames to compute; default all.
        objects
            Ids to track; default all that are prompted.

        Raises
        ------
        PromptError
            If there is no such frame or object.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> session.count_stale(frames=range(5, 10))
        (5, 5)
        """
        return runs.count_stale(self._state, self._meta, direction, frames, objects)

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

        Raises
        ------
        PromptError
            If there is no such frame.
        SessionBusyError
            If the session was closed.
        """
        return runs.encode_ahead(self._state, frames, cancelled, progress)

    def count_encoded(self, frames: Iterable[int] | None = None) -> int:
        """Return how many frames have an embedding already; 0 where :meth:`encode_ahead` has nothing to do.

        Parameters
        ----------
        frames
            Which frames to look at; default all.

        Raises
        ------
        PromptError
            If there is no such frame.
        SessionBusyError
            If the session was closed.
        """
        return runs.count_encoded(self._state, frames)

    # ------------------------------------------------------------------ hand edits, locks

    def edit_mask(self, obj_id: int, frame: int, mask: NDArray[Any]) -> None:
        """Set the mask of a frame by hand; the frame is locked until :meth:`unlock`.

        Takes its pixels from the other objects, except on their locked frames. The mask that is there already is
        accepted as it stands, see :meth:`lock`.

        Parameters
        ----------
        obj_id
            Id of the object, 1 to 65535.
        frame
            Index of the frame.
        mask
            ``(Y, X)``; anything but zero is inside.

        Raises
        ------
        PromptError
            If there is no such frame, or if the mask has another shape than the frame.
        SessionBusyError
            If the session was closed.
        """
        edits.edit_masks(self._state, frame, {obj_id: mask})

    def edit_masks(self, frame: int, masks: Mapping[int, NDArray[Any]]) -> None:
        """Set the masks of several objects on a frame by hand, as one step; see :meth:`edit_mask`.

        Parameters
        ----------
        frame
            Index of the frame.
        masks
            ``(Y, X)`` by object id; anything but zero is inside.

        Raises
        ------
        PromptError
            If there is no such frame, or if a mask has another shape than the frame.
        SessionBusyError
            If the session was closed.
        """
        edits.edit_masks(self._state, frame, masks)

    def paint(
        self, frame: int, painted: Mapping[int, NDArray[Any]], erased: Mapping[int, NDArray[Any]] | None = None
    ) -> None:
        """Add pixels to masks of a frame and take pixels away from them by hand, as one step.

        The frame is then locked for these objects, see :meth:`edit_mask`.

        Parameters
        ----------
        frame
            Index of the frame.
        painted
            Pixels ``(Y, X)`` to add, by object id; an object that is new is made.
        erased
            Pixels ``(Y, X)`` to take away, by object id; one without a mask on the frame is passed over.

        Raises
        ------
        PromptError
            If there is no such frame, or if an array has another shape than the frame.
        """
        edits.paint(self._state, frame, painted, erased or {})

    def fill(self, obj_id: int, frame: int, mask: NDArray[Any], *, inside: bool = True) -> None:
        """Take a filled outline as what the user says of an object on a frame.

        On a frame that is not locked it becomes the only prompt, and is answered at once; on a locked one it replaces
        the mask as a hand edit. An outline of what lies outside takes its pixels away, a hand edit as well; without a
        mask on the frame it does nothing.

        Parameters
        ----------
        obj_id
            Id of the object, 1 to 65535.
        frame
            Index of the frame.
        mask
            The pixels ``(Y, X)`` within the outline.
        inside
            Whether they belong to the object.

        Raises
        ------
        PromptError
            If there is no such frame, or if the mask has another shape than the frame.
        """
        edits.fill(self._state, self._meta, obj_id, frame, mask, inside)

    @formerly_positional("frame", "obj_id")
    def lock(self, *, obj_id: int, frame: int) -> None:
        """Accept a frame of an object as it stands: no run writes it, and its mask conditions the others.

        That makes no other frame stale; what is computed from then on follows from it too.

        Parameters
        ----------
        obj_id
            Id of the object.
        frame
            Index of the frame.

        Raises
        ------
        PromptError
            If there is no such object or frame, or if the object has no mask there.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> masks = session.predict_frame(7)
        >>> session.lock(obj_id=1, frame=7)
        >>> session.objects[1].state
        'reviewed'
        """
        edits.lock(self._state, obj_id, [frame])

    def lock_frames(self, obj_id: int, frames: Iterable[int]) -> None:
        """Accept several frames of an object at once, as one step; see :meth:`lock`.

        Parameters
        ----------
        obj_id
            Id of the object.
        frames
            Indices of the frames.

        Raises
        ------
        PromptError
            If there is no such object or frame, or if the object has no mask on one of them.
        SessionBusyError
            If the session was closed.
        """
        edits.lock(self._state, obj_id, frames)

    def note_seen(self, frame: int) -> None:
        """Remember that the user looked at the masks of a frame, for :meth:`lock_seen`; files do not keep it.

        Parameters
        ----------
        frame
            Index of the frame.

        Raises
        ------
        PromptError
            If there is no such frame.
        """
        edits.note_seen(self._state, frame)

    def seen_frames(self, obj_id: int, *, changed: bool = False) -> list[int]:
        """Return the frames on which an object is not locked and its mask is the one that was looked at, ascending.

        Parameters
        ----------
        obj_id
            Id of the object.
        changed
            Whether frames whose mask has changed since count too.

        Raises
        ------
        PromptError
            If no object can have this id.
        """
        return edits.seen_frames(self._state, obj_id, changed)

    def lock_seen(self, obj_id: int) -> None:
        """Lock an object on all :meth:`seen_frames`, as one step; see :meth:`lock`.

        Parameters
        ----------
        obj_id
            Id of the object.

        Raises
        ------
        PromptError
            If there is no such frame to lock.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> masks = session.predict_frame(7)
        >>> session.note_seen(7)
        >>> session.lock_seen(1)
        >>> session.scores(1)["locked"].tolist()
        [True]
        """
        edits.lock_seen(self._state, obj_id)

    @formerly_positional("frame", "obj_id")
    def unlock(self, *, obj_id: int, frame: int) -> None:
        """Release a frame; a hand edit on it may be computed over from then on.

        Parameters
        ----------
        obj_id
            Id of the object.
        frame
            Index of the frame.

        Raises
        ------
        PromptError
            If there is no such object or frame.
        SessionBusyError
            If the session was closed.
        """
        edits.unlock(self._state, obj_id, frame)

    def cut(self, obj_id: int, frame: int, side: Side) -> None:
        """End an object at a frame: no mask beyond it, and no run goes there.

        A prompt or an edit set beyond it later lifts the cut.

        Parameters
        ----------
        obj_id
            Id of the object.
        frame
            Index of the last frame of the object on that side.
        side
            "above" (higher index) or "below".

        Raises
        ------
        PromptError
            If there is no such object or frame, or if a locked frame lies beyond.
        """
        edits.cut(self._state, obj_id, frame, side)

    def interpolate(self, obj_id: int, frames: Iterable[int] | None = None) -> list[int]:
        """Set the masks between accepted frames from the outlines on both sides, as one step.

        They count as tracked and can be corrected or locked as those. They are fresh as long as the accepted frames on
        both sides stand: no run writes them before, unless with ``force``.
        See :func:`napari_sam2.analysis.interpolation.interpolate_masks`.

        Parameters
        ----------
        obj_id
            Id of the object.
        frames
            Which frames to fill; default all. Those that are accepted, or not between two accepted ones, are left out.

        Returns
        -------
        list of int
            The frames that were filled.

        Raises
        ------
        PromptError
            If there is no such object or frame, none of them lies between two accepted frames, a prompt beside them
            has no answer yet, or in exact mode.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_mask(1, 4, session.frame_labels(4) == 0)
        >>> session.add_mask(1, 7, session.frame_labels(7) == 0)
        >>> masks = session.predict_frame(4), session.predict_frame(7)
        >>> session.interpolate(1)
        [5, 6]
        """
        return interpolating.interpolate(self._state, obj_id, frames)

    def take_tracked(self, labels: Any) -> list[int]:
        """Replace the masks that were tracked by those of a label image, as one step.

        The new masks count as tracked from the accepted frames beside them: they are fresh as long as these stand, and
        a correction lets the next run compute them anew. Prompted, edited and locked frames stay as they are, and
        beyond the cuts of an object nothing comes. Such labels are those of :func:`napari_sam2.fuse_axes`.

        Parameters
        ----------
        labels
            Whole numbers on the volume's grid without channels; 0 is background, the others are object ids.

        Returns
        -------
        list of int
            The frames on which a mask changed.

        Raises
        ------
        PromptError
            If the grid differs, or in exact mode.
        SessionBusyError
            If the session was closed, or if a run is under way.

        Examples
        --------
        >>> session.add_box(1, 4, (4, 5, 10, 12))
        >>> steps = list(session.propagate())
        >>> labels = session.labels()
        >>> labels[7, :6] = 0
        >>> session.take_tracked(labels)
        [7]
        """
        return tracked_masks.take_tracked(self._state, labels)

    def apply(
        self,
        operation: str,
        obj_id: int | Iterable[int] | None = None,
        frames: Iterable[int] | None = None,
        **values: Any,
    ) -> list[int]:
        """Apply an operation to the masks of objects, as one step.

        What it changes counts as drawn by hand: no run computes it again, also with ``force``, until :meth:`unlock`
        releases the frame, or the prompts on it change. It is not locked (but in exact mode), so the next operation may
        change it. A locked frame is changed only where ``frames`` names it. The operation sees the whole object; only
        ``frames`` are written.

        Parameters
        ----------
        operation
            A name of :data:`napari_sam2.analysis.mask_operations.OPERATIONS`, such as "smooth".
        obj_id
            Id of the object, or several; default all objects.
        frames
            Which frames to write; default all that are not locked.
        **values
            The parameters of the operation, lengths and volumes in the unit of the volume; another object, as
            ``other``, by its id. Along time an operation works frame by frame.

        Returns
        -------
        list of int
            The ids of the objects that were made; only "split" makes some.

        Raises
        ------
        NapariSam2Error
            If there is no such operation, or a parameter is missing or out of range.
        PromptError
            If there is no such object or frame, or if nothing but locked frames would change.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> before = session.predict_frame(7)[1].sum()
        >>> session.apply("grow", obj_id=1, radius=0.7, dimensions=2)
        []
        >>> int(session.mask(1, 7).sum() - before)
        26
        """
        return operations.apply(self._state, operation, obj_id, frames, values)

    def preview(
        self,
        operation: str,
        obj_id: int | Iterable[int] | None = None,
        frames: Iterable[int] | None = None,
        **values: Any,
    ) -> dict[int, NDArray[np.uint16]]:
        """Return the labels that :meth:`apply` would make of the same arguments, and change nothing.

        Parameters
        ----------
        operation
            A name of :data:`napari_sam2.analysis.mask_operations.OPERATIONS`.
        obj_id
            Id of the object, or several; default all objects.
        frames
            Which frames would be written; default all that are not locked.
        **values
            The parameters of the operation.

        Returns
        -------
        dict
            The labels ``(Y, X) uint16`` of each frame that would change, as of :meth:`frame_labels`.

        Raises
        ------
        NapariSam2Error
            As :meth:`apply`.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> masks = session.predict_frame(7)
        >>> grown = session.preview("grow", radius=0.7, dimensions=2)
        >>> int((grown[7] == 1).sum() - masks[1].sum())
        26
        """
        return operations.preview(self._state, operation, obj_id, frames, values)

    # ------------------------------------------------------------------ results

    def labels(self, out: Any | None = None, overlap: str | None = None) -> Any:
        """Return all masks under the overlap rule, or each object by itself.

        Parameters
        ----------
        out
            Array on the grid of the labels to write into; only the part that the session works on (``at``) is written.
            Default: a new one.
        overlap
            None: the rule of the session. ``"layers"``: the objects may share pixels, each has a layer of its own;
            ``write_labels(path, layers, volume, objects=list(session.objects))`` writes them.

        Returns
        -------
        array
            ``out``, or ``uint16`` on the grid of the volume without channels; 0 is background. As layers
            ``(n_objects, …) bool`` in the order of :attr:`objects`.

        Raises
        ------
        PromptError
            If ``out`` has another shape, or cannot hold the largest id, or if there is no such ``overlap``.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> masks = session.predict_frame(7)
        >>> int(session.labels()[7, 6, 8])
        1
        """
        return results.labels(self._state, out, overlap)

    def frame_labels(self, frame: int) -> NDArray[np.uint16]:
        """Return the labels ``(Y, X) uint16`` of one frame under the overlap rule.

        Parameters
        ----------
        frame
            Index of the frame.

        Raises
        ------
        PromptError
            If there is no such frame.
        """
        return results.frame_labels(self._state, frame)

    def frame_index(self, frame: int) -> tuple[int | slice, ...]:
        """Return the index of a frame in an array on the grid of the labels.

        Parameters
        ----------
        frame
            Index of the frame.

        Raises
        ------
        PromptError
            If there is no such frame.
        """
        return self.grid.label_index(checks.check_frame(self._state, frame))

    def mask(self, obj_id: int, frame: int) -> NDArray[np.bool_] | None:
        """Return the mask ``(Y, X) bool`` of an object on a frame, before the overlap rule; None if there is none.

        Parameters
        ----------
        obj_id
            Id of the object.
        frame
            Index of the frame.

        Raises
        ------
        PromptError
            If there is no such object or frame.
        """
        return results.mask(self._state, obj_id, frame)

    @property
    def objects(self) -> dict[int, ObjectInfo]:
        """Return the objects by id, in their order: that in which they came, unless they were moved."""
        return object_table.describe_all(self._state)

    def scores(self, obj_id: int) -> pd.DataFrame:
        """Return what is known about the quality of each frame with a mask.

        See :func:`napari_sam2.session.results.quality.scores` for the columns.

        Parameters
        ----------
        obj_id
            Id of the object.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        return results.scores(self._state, obj_id)

    def accepted_masks(self, obj_id: int) -> Mapping[int, NDArray[np.bool_]]:
        """Return the masks ``(Y, X) bool`` of an object on its accepted frames, ascending, each decoded when asked for.

        Parameters
        ----------
        obj_id
            Id of the object.

        Raises
        ------
        PromptError
            If there is no such object.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> masks = session.predict_frame(7)
        >>> list(session.accepted_masks(1))
        [7]
        """
        return results.accepted_masks(self._state, obj_id)

    def check(
        self,
        obj_id: int,
        frames: Iterable[int] | None = None,
        *,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> Iterator[tuple[int, float]]:
        """Judge tracked masks by going back from each to the accepted frame that it comes from; a generator.

        No mask changes. The scores stand in the column ``back`` of :meth:`scores`, until the mask changes; below 0.6
        the frame is doubtful. It may be left at any yield; what was found is kept, as one step.

        Parameters
        ----------
        obj_id
            Id of the object.
        frames
            Which frames to check; default all. Accepted ones have nothing to check and are left out.
        progress
            Called as ``progress(done, total, stage)``.

        Yields
        ------
        frame : int
        back : float
            IoU of what came back with the mask of the accepted frame; NaN for an empty mask.

        Raises
        ------
        PromptError
            If there is no such object or frame, no tracked mask on them, the model cannot go back, or in exact mode.
        SessionBusyError
            If the session was closed.
        """
        return going_back.check(self._state, obj_id, frames, progress)

    def frames_of_other_contrast(self, obj_id: int) -> list[int]:
        """Return the frames whose mask the model made with other contrast limits or another gamma, ascending.

        Such masks stay; ``propagate(frames=…, force=True)`` makes them again.

        Parameters
        ----------
        obj_id
            Id of the object.

        Raises
        ------
        PromptError
            If there is no such object.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> masks = session.predict_frame(7)
        >>> session.set_contrast_limits(0, 5000)
        >>> session.frames_of_other_contrast(1)
        [7]
        """
        return results.frames_of_other_contrast(self._state, obj_id)

    # ------------------------------------------------------------------ objects

    def reset_object(self, obj_id: int) -> None:
        """Remove all prompts, masks and locks of an object; the object itself stays.

        Parameters
        ----------
        obj_id
            Id of the object.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        object_table.reset(self._state, obj_id)

    def delete_object(self, obj_id: int) -> None:
        """Remove an object with all that belongs to it.

        Parameters
        ----------
        obj_id
            Id of the object.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        object_table.delete(self._state, obj_id)

    def rename_object(self, obj_id: int, name: str) -> None:
        """Give an object another name.

        Parameters
        ----------
        obj_id
            Id of the object.
        name
            The new name.

        Raises
        ------
        PromptError
            If there is no such object.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> session.rename_object(1, "liver")
        >>> session.objects[1].name
        'liver'
        """
        object_table.rename(self._state, obj_id, name)

    def recolor_object(self, obj_id: int, color: Sequence[float]) -> None:
        """Give an object another colour.

        Parameters
        ----------
        obj_id
            Id of the object.
        color
            ``(r, g, b)``, each in 0…1.

        Raises
        ------
        PromptError
            If there is no such object, or if a number is out of range.
        """
        object_table.recolor(self._state, obj_id, color)

    def move_object(self, obj_id: int, position: int) -> None:
        """Give an object another place in the order, by which the overlap rules go.

        Parameters
        ----------
        obj_id
            Id of the object.
        position
            The place, 0 the first.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        object_table.move(self._state, obj_id, position)

    def merge_objects(self, into: int, other: int) -> None:
        """Add the masks of ``other`` to ``into`` and delete ``other``.

        The frames that gain count as drawn by hand and are locked; the others stay as they are.

        Parameters
        ----------
        into
            Id of the object that stays.
        other
            Id of the object that goes.

        Raises
        ------
        PromptError
            If there is no such object, or if both are the same.
        """
        object_table.merge(self._state, into, other)

    def review(self, obj_id: int, state: str | None, comment: str = "") -> None:
        """Say what you found of an object; it stands in :attr:`objects` and in the exports.

        Parameters
        ----------
        obj_id
            Id of the object.
        state
            "accepted", "rejected" or "needs edit"; None takes the review back.
        comment
            A few words.

        Raises
        ------
        PromptError
            If there is no such object or state.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> session.review(1, "needs edit", "lower pole")
        >>> session.reviews[1]
        Review(state='needs edit', comment='lower pole')
        """
        reviewing.review(self._state, obj_id, state, comment)

    @property
    def reviews(self) -> dict[int, Review]:
        """Return the reviews of the objects that have one, by id."""
        return reviewing.reviews(self._state)

    def divide(self, obj_id: int, frame: int, marks: Sequence[Sequence[float]]) -> list[int]:
        """Divide an object: it ends on the frame before, and a daughter begins at each mark; as one step.

        The daughters are new objects, each with a click as its prompt, called "cell 3.1" and "cell 3.2" after
        "cell 3". See :attr:`lineage`.

        Parameters
        ----------
        obj_id
            Id of the object that divides.
        frame
            The first frame on which the daughters are apart.
        marks
            ``(n, 2)``, ``(y, x)`` voxel-centre indices: at least two, one in each daughter.

        Returns
        -------
        list of int
            The ids of the daughters, in the order of the marks.

        Raises
        ------
        PromptError
            If there is no such object or frame, nothing of the object is before that frame, it is locked from there
            on, or the marks are no two places within the frame.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> session.divide(1, 12, [(6, 8), (18, 20)])
        [2, 3]
        >>> session.lineage
        {2: 1, 3: 1}
        """
        return division.divide(self._state, self._meta, obj_id, frame, marks)

    @property
    def lineage(self) -> dict[int, int]:
        """Return which object each daughter came from by division, ``{daughter: parent}``.

        An object that is deleted leaves daughters without a parent; of two that are merged, the one that stays takes
        over the daughters.
        """
        with self._lock:
            return lineage.parents(self._state.history)

    def set_intensity_range(self, obj_id: int, low: float | None, high: float | None) -> None:
        """Limit an object to a range of the image's values; a step.

        What the model computes of it from then on has only such voxels, and it remembers no others. Masks that it
        computed before stay, but are stale. What the user gave or drew (mask prompts, edits) is not cut.

        Parameters
        ----------
        obj_id
            Id of the object.
        low
            Lowest value, of the first channel that is shown; None for no limit.
        high
            Highest value; None for no limit. None and None turn it off.

        Raises
        ------
        VolumeError
            If these are no finite numbers, or in the wrong order.
        PromptError
            If there is no such object, or in exact mode.
        SessionBusyError
            If the session was closed.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> session.set_intensity_range(1, 5600, None)
        >>> masks = session.predict_frame(7)
        >>> bool(masks[1][6, 6]), bool(masks[1][8, 6])
        (False, True)
        """
        value_ranges.set_range(self._state, obj_id, low, high)

    def intensity_range(self, obj_id: int) -> IntensityRange:
        """Return the values to which an object is limited, ``low`` and ``high``, each None for no limit.

        Parameters
        ----------
        obj_id
            Id of the object.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        return value_ranges.range_of(self._state, obj_id)

    def suggest_intensity_range(self, obj_id: int, frame: int) -> IntensityRange:
        """Return a range for :meth:`set_intensity_range`, taken from the values inside the mask of a frame.

        See :func:`napari_sam2.core.intensity_range.range_inside`.

        Parameters
        ----------
        obj_id
            Id of the object.
        frame
            Index of the frame.

        Raises
        ------
        PromptError
            If there is no such object or frame, or if the object has no mask there.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> masks = session.predict_frame(7)
        >>> session.suggest_intensity_range(1, 7)
        IntensityRange(low=5401.0, high=5783.0)
        """
        return value_ranges.suggest(self._state, obj_id, frame)

    # ------------------------------------------------------------------ undo

    @property
    def steps(self) -> tuple[SessionStep, ...]:
        """Return the steps that stand, oldest first: those that undo takes back, the last one first.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> session.rename_object(1, "liver")
        >>> [step.name for step in session.steps]
        ['add_box', 'rename_object']
        """
        return results.steps(self._state)

    def effort(self) -> Effort:
        """Return how many interactions the log tells of, and for how long the user was at work.

        Steps that were undone and then replaced by others are in no log any more and do not count.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> session.effort().interactions
        1
        """
        return effort.effort(self._state)

    @property
    def can_undo(self) -> bool:
        """Return whether there is a step to take back."""
        return bool(self._state.history.steps)

    @property
    def can_redo(self) -> bool:
        """Return whether there is a step to do again."""
        return bool(self._state.history.undone)

    def undo(self) -> bool:
        """Take back the last step, prompts and masks together.

        Returns
        -------
        bool
            False if there is no step.

        Raises
        ------
        SessionBusyError
            If the session was closed, or if a run is under way.

        Examples
        --------
        >>> session.add_box(1, 7, (4, 5, 10, 12))
        >>> session.undo()
        True
        >>> session.objects
        {}
        """
        with self._lock:
            checks.check_idle(self._state)
            return self._state.history.undo() is not None

    def redo(self) -> bool:
        """Do the step again that was undone last.

        Returns
        -------
        bool
            False if there is no such step.

        Raises
        ------
        SessionBusyError
            If the session was closed, or if a run is under way.
        """
        with self._lock:
            checks.check_idle(self._state)
            return self._state.history.redo() is not None

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
        SessionBusyError
            If the session was closed, or if a run is under way.
        """
        with self._compute, self._lock:
            checks.check_idle(self._state)
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
        SessionBusyError
            If the session was closed, or if a run is under way.
        """
        target = checked_path(path, SessionFileError).resolve()
        with self._lock:
            checks.check_idle(self._state)
            self._link.save(target)

    def detach(self) -> None:
        """Go on without the file, which stays as it is; for one that cannot be written any more."""
        with self._lock:
            self._link.detach()

    @property
    def path(self) -> Path | None:
        """Return the session's file, or None."""
        return self._link.path

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
        with file_link.opening(path) as file:
            session = cls(**file_link.arguments_of(file, predictor, volume))
            session._link.take_up(file)
        return session

    @classmethod
    def open_copy(cls, path: str | Path, predictor: VideoPredictor, volume: ImageVolume | None = None) -> VideoSession:
        """Open what a session file holds, in memory alone: the file is only read, and what is done is not kept in it.

        Parameters
        ----------
        path
            The file.
        predictor
            The model of the copy.
        volume
            The image; default: read from where it was.

        Raises
        ------
        SessionFileError
            As :meth:`open`.
        """
        with file_link.opening(path) as file:
            session = cls(**file_link.arguments_of(file, predictor, volume))
            file.load(session._state.history)
        file.abandon()
        return session

    def open_follow_up(
        self, volume_next: ImageVolume, registration: str = "frame", *, predictor: VideoPredictor | None = None
    ) -> VideoSession:
        """Begin a session on a later image of the same patient, with the objects of this one to be checked.

        Each object comes with masks on up to three key frames, resampled through the space of the patient. They are
        shown but count for nothing before you accept them: :meth:`lock` them, correct them with clicks, or draw. Until
        then the object is reviewed as "needs edit". All of it is one step of the new session.

        Parameters
        ----------
        volume_next
            The later image, of three spatial axes.
        registration
            ``"frame"``: both images share a frame of reference. ``"rigid"``: register them first.
        predictor
            The model of the new session; default: that of this one.

        Returns
        -------
        VideoSession
            Along the same axis, with the settings of this one.

        Raises
        ------
        VolumeError
            If the images have different frames of reference, or cannot be registered.
        PromptError
            If there is no object, or none of them lies within the later image.
        """
        state = self._state
        checks.check_open(state)
        check_volume(volume_next)
        limits = self.contrast_limits if volume_next.is_hu and self.volume.is_hu else None
        later = VideoSession(
            predictor or state.predictor,
            volume_next,
            state.grid.frame_axis,
            limits,
            zoom=state.zoom,
            overlap=state.overlap,
            neighbours=state.rules.neighbours,
            memory=state.rules.memory,
            click_mask=state.rules.click_mask,
            log_times=state.log_times,
        )
        with self._lock:
            masks = follow_up.carried_masks(state, volume_next, later.grid, registration)
            follow_up.take_over(later._state, state, masks)
        return later

    def export_prompts(self, path: str | Path) -> None:
        """Write objects, prompts and locks as JSON.

        See :func:`napari_sam2.session.results.export.prompts_document` for the format.

        Parameters
        ----------
        path
            The file; one that stands there is replaced.

        Raises
        ------
        WriteError
            If the disk refuses.
        """
        with self._lock:
            export.write_json(path, export.prompts_document(self._state))

    def export_coco(self, path: str | Path) -> None:
        """Write all masks as a COCO file.

        See :func:`napari_sam2.session.results.export.coco_document` for the format.

        Parameters
        ----------
        path
            The file; one that stands there is replaced.

        Raises
        ------
        WriteError
            If the disk refuses.
        """
        with self._lock:
            export.write_json(path, export.coco_document(self._state))

    def free_memory(self) -> None:
        """Free what the model remembers of the frames; masks and steps stay, and what is needed is computed again.

        Raises
        ------
        SessionBusyError
            If the session was closed, or if a run is under way.
        """
        with self._compute, self._lock:
            checks.check_idle(self._state)
            self._state.forget_work()

    def close(self) -> None:
        """End the session and close its file; embeddings stay with the model, within its budget.

        Raises
        ------
        SessionBusyError
            If the session was closed, or if a run is under way.
        """
        with self._lock:
            checks.check_idle(self._state)
            self._state.closed = True
            self._state.forget_work()
            self._link.close()

    def release(self) -> None:
        """End the session as :meth:`close` does, also in the middle of a run.

        What the run finishes later is not kept.
        """
        with self._lock:
            if self._state.running:
                self._state.closed = True
                self._link.close()
            elif not self._state.closed:
                self.close()
