"""A stack of frames at a remote model: what is asked goes there, and what is lost with a worker is made anew."""

from __future__ import annotations

import math
import threading
import uuid
import weakref
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sam2.engine.protocols import LARGE_PIXELS, Prediction, ReadsLevels, ReadsParts
from napari_sam2.engine.remote.held import Moves, RemotePrediction, RemoteState, RemoteTrack, TrackRecipe, encoded
from napari_sam2.engine.remote.model_actor import FramesNeededError
from napari_sam2.engine.remote.wire import LargePlanes, PackedFrame, WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.engine.protocols import ConditioningFrame, CropWindow, FrameSource
    from napari_sam2.engine.remote.caller import Caller
    from napari_sam2.engine.remote.wire import Place

_AHEAD = 2  # frames encoded in one call, so that other users do not wait for long
_SENT_AT_ONCE = 8  # frames along a track: each parcel takes two more calls
_ATTEMPTS = 4  # workers that may die during one call


class RemoteStream:
    """A model on a worker, at work on one stack of frames of ours.

    Parameters
    ----------
    predictor
        The model.
    frames
        The stack.
    options
        Of the model's `open`.
    """

    def __init__(self, predictor: Caller, frames: FrameSource, options: Mapping[str, Any]) -> None:
        self._predictor = predictor
        self._frames = frames
        self._options = dict(options)
        self._key = uuid.uuid4().hex
        self._generation = -1
        self._planes: ReadsParts | None = None
        if isinstance(frames, ReadsParts) and math.prod(frames.frame_shape) > LARGE_PIXELS:
            self._planes = frames
        self._sent: dict[Place, bytes] = {}
        # Of very large planes, the parts of each frame that the worker asked for.
        self._asked: dict[int, list[Place]] = {}
        self._dropped: deque[int] = deque()
        self._can_encode_ahead = False
        self._whole: bool | None = None
        self._lock = threading.RLock()
        self._moves = Moves(self)
        self.do(lambda: None)
        # Nothing is asked while memory is being freed, which may be in any thread: the worker is told later.
        weakref.finalize(self, predictor.forget, self._key).atexit = False

    # ------------------------------------------------------------------ the protocol

    def predict(
        self,
        frame: int,
        prompts: PromptSet,
        *,
        context: Sequence[ConditioningFrame] = (),
        window: CropWindow | None = None,
        base: NDArray[np.bool_] | None = None,
        nearest: NDArray[np.bool_] | None = None,
        forbidden: NDArray[np.bool_] | None = None,
        **options: Any,
    ) -> RemotePrediction:
        """Answer prompts; see :class:`~napari_sam2.engine.protocols.VideoStream`."""
        masks = {"base": encoded(base), "nearest": encoded(nearest)}
        if forbidden is not None:
            masks["forbidden"] = encoded(forbidden)
        state = RemoteState(self, frame, prompts, masks, tuple(context), {"window": window, **options})
        prediction: RemotePrediction = self.do(state.answered)
        return prediction

    def track(
        self, owner: ConditioningFrame, context: Sequence[ConditioningFrame], step: Literal[1, -1]
    ) -> RemoteTrack:
        """Make a track; see :class:`~napari_sam2.engine.protocols.VideoStream`."""
        track = RemoteTrack(owner, TrackRecipe(owner, tuple(context), step))
        self.do(lambda: self._moves.ensure(track))
        return track

    def advance(
        self, tracks: Sequence[RemoteTrack], *, forbidden: Sequence[NDArray[np.bool_] | None] | None = None
    ) -> list[Prediction]:
        """Move tracks one frame on; see :class:`~napari_sam2.engine.protocols.VideoStream`."""
        limits = None if forbidden is None else [encoded(mask) for mask in forbidden]

        def move() -> list[tuple[RemotePrediction, CropWindow]]:
            tokens = [self._moves.ensure(track) for track in tracks]
            self._send_on_the_way(tracks)
            found = self.ask("advance", tokens, limits)
            # The session keeps states of prompted frames only: an accepted tracked frame is given as a mask.
            return [(RemotePrediction(self, answer, None), window) for answer, window in found]

        moved = self.do(move)
        self._moves.note(tracks, limits)
        for track, (_, window) in zip(tracks, moved, strict=True):
            track.frame += track.step
            track.window = window
        return [prediction for prediction, _ in moved]

    @property
    def sees_whole_frames(self) -> bool:
        """Return whether all objects share one window, the whole frame."""
        if self._whole is None:
            self._whole = bool(self.do(lambda: self.ask("sees_whole_frames")))
        return self._whole

    def encode_ahead(
        self,
        frames: Iterable[int],
        window: CropWindow | None = None,
        *,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Make embeddings that will be wanted; see :class:`~napari_sam2.engine.protocols.EncodesAhead`."""
        wanted, made = list(frames), 0
        for start in range(0, len(wanted) if self._can_encode_ahead else 0, _AHEAD):
            if cancelled is not None and cancelled():
                break
            some = wanted[start : start + _AHEAD]

            def encode(some: Sequence[int] = some) -> int:
                self.send(some)
                return int(self.ask("encode_ahead", list(some), window))

            made += self.do(encode)
            if progress is not None:
                progress(start + len(some), len(wanted))
        return made

    def count_encoded(self, frames: Iterable[int]) -> int:
        """Return how many of these frames have an embedding of the whole frame already."""
        if not self._can_encode_ahead:
            return 0
        return int(self.do(lambda: self.ask("count_encoded", list(frames))))

    # ------------------------------------------------------------------ calls

    @property
    def generation(self) -> int:
        """Return which worker the stream is open at; tokens of earlier ones are lost."""
        return self._generation

    def do(self, work: Callable[[], Any]) -> Any:
        """Do something at the worker; once more at another one if it dies meanwhile."""
        for left in reversed(range(_ATTEMPTS)):
            try:
                with self._lock:
                    self._open()
                    return work()
            except WorkerLostError:
                if not left:
                    raise
        raise AssertionError("unreachable")

    def _open(self) -> None:
        if self._generation == self._predictor.generation:
            return
        self._sent.clear()
        self._asked.clear()
        self._dropped.clear()
        first = self._packed(0) if self._planes is None else LargePlanes.of(self._planes)
        generation = self._predictor.generation
        self._can_encode_ahead = self._predictor.call(
            lambda actor: actor.open(self._key, len(self._frames), first, self._options)
        )
        if isinstance(first, PackedFrame):
            self._sent[0] = first.digest
        self._generation = generation

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the actor for this stream, and send it what it turns out to need of the frames.

        The actor is told in the same call what nobody holds any more.
        """
        gone = [self._dropped.popleft() for _ in range(len(self._dropped))]
        times: Counter[Place] = Counter()
        while max(times.values(), default=0) < _ATTEMPTS:
            try:
                return self._predictor.call(lambda actor: actor.ask(self._key, gone, method, arguments))
            except FramesNeededError as needed:
                times.update(needed.places)
                for place in needed.places:
                    self._sent.pop(place, None)
                    if not isinstance(place, int):
                        self._asked.setdefault(place[0], []).append(place)
                self.send(needed.places)
        raise RuntimeError("the worker asks for the same frame again and again")

    def send(self, places: Iterable[Place]) -> None:
        """Send what the worker does not have yet, each once; of very large planes no more than parts."""
        new = {place: self._packed(place) for place in dict.fromkeys(places) if self._is_new(place)}
        if not new:
            return
        digests = {place: packed.digest for place, packed in new.items()}
        lacking = self._predictor.call(lambda actor: actor.lacking(self._key, digests))
        if lacking:
            parcels = [new[place] for place in lacking]
            self._predictor.bytes_sent += sum(len(p.data) for p in parcels)
            self._predictor.call(lambda actor: actor.put(parcels))
        self._sent.update(digests)

    def _send_on_the_way(self, tracks: Sequence[RemoteTrack]) -> None:
        """Send the next frame of each track, and with one that is new some of those behind it, in one parcel.

        Of very large planes, the parts that were asked for on the frame where the track is: it mostly stays there.
        """
        for track in tracks:
            following = range(track.frame + track.step, track.frame + (_SENT_AT_ONCE + 1) * track.step, track.step)
            if self._planes is not None:
                parts = [place[1:] for place in self._asked.get(track.frame, ()) if not isinstance(place, int)]
                self.send((frame, factor, box) for frame in following for factor, box in parts)
            elif following[0] not in self._sent:
                self.send(following)

    def _is_new(self, place: Place) -> bool:
        frame, is_whole = (place, True) if isinstance(place, int) else (place[0], False)
        is_wanted = not is_whole or self._planes is None
        return is_wanted and place not in self._sent and 0 <= frame < len(self._frames)

    def _packed(self, place: Place) -> PackedFrame:
        if isinstance(place, int):
            return PackedFrame.of(np.asarray(self._frames[place], dtype=np.float32))
        frame, factor, box = place
        assert self._planes is not None
        if factor > 1 and isinstance(self._planes, ReadsLevels):
            return PackedFrame.of(self._planes.read_reduced(frame, factor, *box))
        return PackedFrame.of(self._planes.read_part(frame, *box))

    def drop(self, generation: int, token: int) -> None:
        """Note that nobody holds a prediction or track any more; the worker is told with the next call."""
        if generation == self._generation:
            self._dropped.append(token)
