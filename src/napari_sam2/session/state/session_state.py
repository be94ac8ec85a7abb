"""The state that the parts of a session share: the log of steps, and the model at work with what it has computed."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.masks import RunLengthMask, compose
from napari_sam2.core.prompts import MaskPrompt, PromptSet
from napari_sam2.engine.options import TrackingOptions
from napari_sam2.engine.protocols import ConditioningFrame, ExactVideoStream
from napari_sam2.errors import NapariSam2Error
from napari_sam2.session.log.history import WHOLE, History
from napari_sam2.session.log.kinds import LOCK, MASK, OBJECT, RANGE
from napari_sam2.session.log.records import META_RULES, ConditioningRecord, MaskRecord, ObjectRecord, Rules, Source
from napari_sam2.session.state.accepted_frames import conditioning_records, is_answer, is_by_other_rules
from napari_sam2.session.state.frame_values import FrameValues
from napari_sam2.session.state.limits import Limits, matters

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.core.frames import FrameGrid
    from napari_sam2.core.intensity_mapping import IntensityMapping
    from napari_sam2.core.intensity_range import IntensityRange
    from napari_sam2.core.masks import Overlap
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.engine.protocols import Prediction, VideoPredictor, VideoStream, Zoom
    from napari_sam2.session.state.tracks import ActiveTrack, PendingMask


class SessionState:
    """The log and the model of one session.

    Two locks: ``lock`` for the log, held briefly; ``compute`` for the network, which works for one caller at a time
    while the log stays free to be changed.
    """

    def __init__(
        self,
        predictor: VideoPredictor,
        volume: ImageVolume,
        grid: FrameGrid,
        mapping: IntensityMapping,
        zoom: Zoom,
        overlap: Overlap,
        exact: bool,
        rules: Rules = META_RULES,
    ) -> None:
        self.predictor = predictor
        self.volume = volume
        self.grid = grid
        self.zoom = zoom
        self.overlap: Overlap = overlap
        self.exact = exact
        self.rules = rules
        self.history = History()
        self._limits = Limits(self.history)
        self.lock = threading.RLock()
        self.compute = threading.RLock()
        # The masks that the user looked at, by object and frame; not part of the log.
        self.seen: dict[tuple[int, int], RunLengthMask] = {}
        self.closed = False
        self.running = False
        # Tracks of the last run and what it computed beyond its last yield, so that a stopped run goes on there.
        self.tracks: dict[tuple[int, int, int], ActiveTrack] = {}
        self.pending: dict[int, dict[int, PendingMask]] = {}
        # By which a run knows that frames it had computed are to be computed again.
        self.times_forgotten = 0
        self._mapping = mapping
        # Whether a run tracked several objects, among which each pixel then belongs to one (see `share_pixels`).
        self._exclusive = False
        self._stream: VideoStream | None = None
        self._exact_stream: ExactVideoStream | None = None
        self._frame_states: dict[
            tuple[int, int], tuple[ConditioningRecord, RunLengthMask | None, IntensityRange | None, Any]
        ] = {}
        self._values = FrameValues(volume, grid)
        self._accepted: dict[int, tuple[int, dict[int, ConditioningRecord]]] = {}

    # ------------------------------------------------------------------ the log

    def object_ids(self) -> list[int]:
        """Return the ids of the objects in their order."""
        return sorted(self.history.objects(OBJECT), key=lambda i: self.object_record(i).rank)

    def has_object(self, obj_id: int) -> bool:
        """Return whether there is an object of this id."""
        return self.history.get(OBJECT, obj_id) is not None

    def object_record(self, obj_id: int) -> ObjectRecord:
        """Return name, colour and rank of an object; KeyError if there is none."""
        return self.history.frames(OBJECT, obj_id)[WHOLE]

    def mask_record(self, obj_id: int, frame: int) -> MaskRecord | None:
        """Return what is kept of an object on a frame, or None."""
        return self.history.get(MASK, obj_id, frame)

    def is_locked(self, obj_id: int, frame: int) -> bool:
        """Return whether an object is locked on a frame."""
        return self.history.get(LOCK, obj_id, frame) is not None

    @property
    def log_times(self) -> bool:
        """Return whether steps keep their time."""
        return self.history.clock is not None

    @log_times.setter
    def log_times(self, log_times: bool) -> None:
        self.history.clock = time.time if log_times else None

    def accepted(self, obj_id: int) -> dict[int, ConditioningRecord]:
        """Return the accepted frames of an object, ascending; do not change it."""
        with self.lock:
            known = self._accepted.get(obj_id)
            if known is None or known[0] != self.history.revision:
                known = self._accepted[obj_id] = (self.history.revision, conditioning_records(self.history, obj_id))
            return known[1]

    def frame_labels(self, frame: int, instead: Mapping[int, RunLengthMask] | None = None) -> NDArray[np.uint16]:
        """Return the labels ``(Y, X) uint16`` of one frame under the overlap rule, with other masks ``instead``."""
        masks = {i: record.mask for i in self.object_ids() if (record := self.mask_record(i, frame)) is not None}
        masks |= instead or {}
        order = self.object_ids()
        records = [(i, masks[i]) for i in (*order, *sorted(set(masks) - set(order))) if i in masks]
        locks = {i: number for i, _ in records if (number := self.history.get(LOCK, i, frame))}
        free = [(i, mask) for i, mask in records if i not in locks]
        locked = sorted(((i, mask) for i, mask in records if i in locks), key=lambda pair: locks[pair[0]])
        return compose(free, self.grid.frame_shape, self.overlap, locked)

    def is_answered(self, obj_id: int, frame: int) -> bool:
        """Return whether the mask of an accepted frame is the answer to what stands there."""
        accepted = self.accepted(obj_id).get(frame)
        record = self.mask_record(obj_id, frame)
        if accepted is None or record is None:
            return False
        if accepted.prompts is None:
            return True
        # A mask that was given is its own answer, also where it was computed within limits and then given back.
        is_held = accepted.prompts.mask_alone == record.mask or (
            record.value_range == self.range_of_answer(obj_id, accepted)
            and not (record.model and is_by_other_rules(record, self.rules))
            and not matters(record.mask, record.limit, self.limit_of_answer(obj_id, accepted))
        )
        return is_held and is_answer(record, accepted.prompts) and self.is_by_this_model(record)

    def base(self, obj_id: int, frame: int) -> MaskRecord | None:
        """Return the mask of a frame as prompts correct it: one without the object knows what it is like nearby."""
        record = self.mask_record(obj_id, frame)
        if record is None or record.mask.area:
            return record
        shown = {f: r.mask for f, r in self.history.frames(MASK, obj_id).items() if r.mask.area}
        nearest = min(shown, key=lambda f: (abs(f - frame), f), default=None)
        return replace(record, nearest=None if nearest is None else shown[nearest])

    def is_by_this_model(self, record: MaskRecord) -> bool:
        """Return whether the present model computed a mask, as far as that is known."""
        return record.model in ("", self.predictor.name)

    def limit_of(self, obj_id: int, frame: int) -> RunLengthMask | None:
        """Return where an object must not be on a frame; None where it is free."""
        with self.lock:
            return self._limits.of(obj_id, frame, self.rules.neighbours)

    def limit_of_answer(self, obj_id: int, asked: ConditioningRecord) -> RunLengthMask | None:
        """Return the limit of the answer to prompts; a mask that the user gave has none."""
        is_given = asked.prompts is None or asked.prompts.mask is not None
        return None if is_given else self.limit_of(obj_id, asked.frame)

    def range_of(self, obj_id: int) -> IntensityRange | None:
        """Return the values that an object may have; None: all."""
        return self.history.get(RANGE, obj_id)

    def range_of_answer(self, obj_id: int, asked: ConditioningRecord) -> IntensityRange | None:
        """Return the values that the answer to prompts may have; a mask that the user gave may have all."""
        is_given = asked.prompts is None or asked.prompts.mask is not None
        return None if is_given else self.range_of(obj_id)

    def forbidden_on(
        self, frame: int, limit: RunLengthMask | None, value_range: IntensityRange | None
    ) -> NDArray[np.bool_] | None:
        """Return where an object must not be on a frame, as a stream takes it; None where it is free."""
        outside = None if limit is None else limit.decode()
        if value_range is not None:
            beyond = ~value_range.contains(self._values[frame])
            outside = beyond if outside is None else outside | beyond
        return outside

    # ------------------------------------------------------------------ the model

    @property
    def mapping(self) -> IntensityMapping:
        """Return the contrast limits and the gamma with which the model sees the image."""
        return self._mapping

    @mapping.setter
    def mapping(self, mapping: IntensityMapping) -> None:
        if mapping != self._mapping:
            self._mapping = mapping
            self.forget_work()

    def use(self, predictor: VideoPredictor) -> None:
        """Compute with another model from now on."""
        if predictor is not self.predictor:
            self.predictor = predictor
            self.forget_work()

    def share_pixels(self) -> None:
        """Let each pixel belong to one object in what is remembered, from now on, where neighbours are a limit."""
        if self.rules.neighbours == "limit" and not self._exclusive:
            self._exclusive = True
            self.forget_work()

    def follow(self, rules: Rules) -> None:
        """Track by other rules from now on."""
        if rules != self.rules:
            self.rules = rules
            self._exclusive = False
            self.forget_work()

    def forget_work(self) -> None:
        """Free everything that the model computed and that can be computed again; the masks stay."""
        self._stream = self._exact_stream = None
        self._frame_states.clear()
        self.tracks.clear()
        self.pending.clear()
        self.times_forgotten += 1

    def forget_tracks(self, obj_ids: Collection[int]) -> None:
        """Free what the model holds of some objects; their masks stay."""
        for key in [k for k in self.tracks if k[0] in obj_ids]:
            del self.tracks[key]
        for place in [p for p in self._frame_states if p[0] in obj_ids]:
            del self._frame_states[place]

    def stream(self) -> VideoStream:
        """Return the model at work on this volume."""
        if self._stream is None:
            frames = WindowedFrames(self.volume, self.grid, self._mapping)
            _, memory, click_mask, motion = self.rules
            options = TrackingOptions(memory, click_mask, motion, self._exclusive, reports_rivals=True)
            self._stream = self.predictor.open(frames, zoom=self.zoom, options=options)
        return self._stream

    def exact_stream(self) -> ExactVideoStream:
        """Return the model at work on this volume as Meta's predictor works; a new one knows nothing of the log."""
        if self._exact_stream is None:
            frames = WindowedFrames(self.volume, self.grid, self._mapping)
            stream = self.predictor.open(frames, zoom=None, exact=True)
            if not isinstance(stream, ExactVideoStream):
                raise NapariSam2Error(
                    f"The model {self.predictor.name!r} cannot work as Meta's predictor does.\n"
                    "Open the session without exact=True, or with one of the SAM 2 models."
                )
            self._exact_stream = stream
        return self._exact_stream

    def predict(self, obj_id: int, accepted: dict[int, ConditioningRecord], frame: int) -> Prediction:
        """Compute the answer to one of the accepted frames of an object and remember its state."""
        asked = accepted[frame]
        prompts = asked.prompts
        if prompts is None:
            assert asked.mask is not None
            prompts = PromptSet(mask=MaskPrompt(asked.mask))
        base = asked.base if asked.is_correction else None
        record = base if base is not None else self.mask_record(obj_id, frame)
        limit, value_range = self.limit_of_answer(obj_id, asked), self.range_of_answer(obj_id, asked)
        prediction = self.stream().predict(
            frame,
            prompts,
            base=None if base is None else base.mask.decode(),
            window=None if record is None else record.window,
            context=[] if base is None else self._context(obj_id, base),
            nearest=None if base is None or base.nearest is None else base.nearest.decode(),
            forbidden=self.forbidden_on(frame, limit, value_range),
        )
        self._frame_states[obj_id, frame] = (asked, limit, value_range, prediction.state)
        return prediction

    def _context(self, obj_id: int, base: MaskRecord) -> list[ConditioningFrame]:
        """Return the accepted frames that a correction is answered with.

        Those that the corrected mask was tracked from, as they were then: so the answer stays what it is when other
        frames are accepted later.
        """
        sources = [s for s in base.computed_from if isinstance(s, Source) and not s.corrects]
        then = {s.frame: ConditioningRecord(s.frame, s.prompts, s.mask) for s in sources}
        return [self._conditioning(obj_id, then, frame) for frame in then]

    def prompt_record(self, obj_id: int, asked: ConditioningRecord, prediction: Prediction) -> MaskRecord:
        """Return the answer of :meth:`predict` to the prompts of a frame, as it is kept."""
        _, limit, value_range, _ = self._frame_states[obj_id, asked.frame]
        asked_for = () if asked.prompts is None else (asked.prompts,)
        return self.to_record("prompt", prediction, asked_for, limit, value_range)

    def to_record(
        self,
        source: Literal["prompt", "track"],
        prediction: Prediction,
        computed_from: tuple[PromptSet, ...] | tuple[Source, ...],
        limit: RunLengthMask | None = None,
        value_range: IntensityRange | None = None,
    ) -> MaskRecord:
        """Return a mask of the model, as it is kept."""
        return MaskRecord(
            prediction.encoded(),
            source,
            prediction.scores,
            prediction.window,
            computed_from,
            self._mapping,
            model=self.predictor.name,
            limit=limit,
            rules=self.rules,
            value_range=value_range,
        )

    def conditioning(self, obj_id: int, accepted: dict[int, ConditioningRecord]) -> list[ConditioningFrame]:
        """Return the accepted frames of an object with their states, computed where they are missing."""
        return [self._conditioning(obj_id, accepted, frame) for frame in accepted]

    def _conditioning(self, obj_id: int, accepted: dict[int, ConditioningRecord], frame: int) -> ConditioningFrame:
        known = self._frame_states.get((obj_id, frame))
        asked = accepted[frame]
        bounds = (self.limit_of_answer(obj_id, asked), self.range_of_answer(obj_id, asked))
        if known is None or known[:3] != (asked, *bounds):
            return ConditioningFrame(frame, self.predict(obj_id, accepted, frame).state)
        return ConditioningFrame(frame, known[3])
