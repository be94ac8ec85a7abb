"""The worker's side: a loaded model with the streams, states and tracks of those who use it.

Calls of several users come one at a time, in the order in which they were made, each of one frame of work; so nobody
waits for more than one frame of each other user.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.engine.protocols import ConditioningFrame
from napari_sam2.engine.remote.wire import Answer, LargePlanes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.engine.protocols import CropWindow, Prediction
    from napari_sam2.engine.remote.wire import PackedFrame, Place

_FRAME_BYTES = 2 * 2**30


class Load(Protocol):
    """Loads a model onto a device."""

    def __call__(self, name: str, /, *, device: str) -> Any:
        """Load the model."""
        ...


class FramesNeededError(Exception):
    """Something has to be sent before the call can be answered; it changed nothing, so that it may be made again."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__(list(places))
        self.places = list(places)


class FrameStore:
    """Packed frames by content, within a budget of bytes; the ones not used for longest go first."""

    def __init__(self, budget_bytes: int = _FRAME_BYTES) -> None:
        self._frames: OrderedDict[bytes, PackedFrame] = OrderedDict()
        self._budget = budget_bytes
        self._bytes = 0

    def put(self, frame: PackedFrame) -> None:
        """Keep a frame; the newest is kept whatever its size."""
        if frame.digest not in self._frames:
            self._bytes += len(frame.data)
            self._frames[frame.digest] = frame
        self._frames.move_to_end(frame.digest)
        while self._bytes > self._budget and len(self._frames) > 1:
            _, oldest = self._frames.popitem(last=False)
            self._bytes -= len(oldest.data)

    def get(self, digest: bytes) -> PackedFrame | None:
        """Return a frame, or None."""
        found = self._frames.get(digest)
        if found is not None:
            self._frames.move_to_end(digest)
        return found

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._frames


class _Frames:
    """The frames of one user's stack, as far as they were sent."""

    def __init__(self, count: int, store: FrameStore) -> None:
        self.count = count
        self.digests: dict[Place, bytes] = {}
        self._store = store

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, frame: int) -> NDArray[np.float32]:
        return self._sent(frame)

    def can_tell(self, frame: int) -> bool:
        """Return whether one may ask for the embedding of a frame, without asking for the frame."""
        return self.digests.get(frame, b"") in self._store

    def _sent(self, place: Place) -> NDArray[np.float32]:
        packed = self._store.get(self.digests[place]) if place in self.digests else None
        if packed is None:
            raise FramesNeededError([place])
        return packed.unpack()


class _LargeFrames(_Frames):
    """Frames so large that only parts of them are sent, in the size that is looked at."""

    def __init__(self, count: int, store: FrameStore, planes: LargePlanes) -> None:
        super().__init__(count, store)
        self.frame_shape = planes.shape
        self._factors = planes.factors

    def can_tell(self, frame: int) -> bool:
        return True

    def read_part(self, frame: int, y0: int, x0: int, y1: int, x1: int) -> NDArray[np.float32]:
        return self._sent((frame, 1, (y0, x0, y1, x1)))

    def level_factor(self, reduction: float) -> int:
        return max((f for f in self._factors if f <= reduction), default=1)

    def read_reduced(self, frame: int, factor: int, y0: int, x0: int, y1: int, x1: int) -> NDArray[np.float32]:
        return self._sent((frame, factor, (y0, x0, y1, x1)))


@dataclass
class _Stream:
    frames: _Frames
    stream: Any
    predictions: dict[int, Prediction] = field(default_factory=dict)
    tracks: dict[int, Any] = field(default_factory=dict)


class ModelActor:
    """A model for several users; see :class:`~napari_sam2.engine.remote.predictor.RemotePredictor`.

    Parameters
    ----------
    load
        Loads a model by name or path: :func:`napari_sam2.load_predictor`.
    name
        Name or path of the model on this computer.
    device
        Device of this computer.
    """

    def __init__(self, load: Load, name: str, device: str) -> None:
        self._predictor = load(name, device=device)
        self._store = FrameStore()
        self._streams: dict[str, _Stream] = {}
        self._tokens = itertools.count(1)

    def describe(self) -> dict[str, Any]:
        """Return name, device, notes and fingerprint of the model."""
        model = self._predictor
        return {
            "name": model.name,
            "device": model.device,
            "notes": list(model.notes),
            "fingerprint": model.fingerprint,
        }

    # ------------------------------------------------------------------ frames

    def lacking(self, stream: str, digests: Mapping[Place, bytes]) -> list[Place]:
        """Say which content some frames, or parts of them, have; return those of them that must be sent."""
        frames = self._streams[stream].frames
        frames.digests.update(digests)
        return [place for place, digest in digests.items() if digest not in self._store]

    def put(self, packed: Sequence[PackedFrame]) -> None:
        """Take frames, or parts of them."""
        for frame in packed:
            self._store.put(frame)

    # ------------------------------------------------------------------ streams

    def open(self, stream: str, count: int, first: PackedFrame | LargePlanes, options: Mapping[str, Any]) -> bool:
        """Begin work on a stack of frames; return whether embeddings can be made ahead of need.

        ``first`` is the first frame, or says what there is to know of planes that are too large to be sent.
        """
        from napari_sam2.engine.protocols import EncodesAhead

        if isinstance(first, LargePlanes):
            frames: _Frames = _LargeFrames(count, self._store, first)
        else:
            frames = _Frames(count, self._store)
            self._store.put(first)
            frames.digests[0] = first.digest
        opened = self._predictor.open(frames, **options)
        self._streams[stream] = _Stream(frames, opened)
        return isinstance(opened, EncodesAhead)

    def ask(self, stream: str, gone: Sequence[int], method: str, arguments: Sequence[Any]) -> Any:
        """Forget predictions and tracks that nobody holds any more, and call a method for a stream."""
        known = self._streams[stream]
        for token in gone:
            known.predictions.pop(token, None)
            known.tracks.pop(token, None)
        return getattr(self, method)(stream, *arguments)

    def close(self, stream: str) -> None:
        """Forget a stack with all that belongs to it."""
        self._streams.pop(stream, None)

    def sees_whole_frames(self, stream: str) -> bool:
        """Return whether all objects share one window."""
        seen: bool = self._streams[stream].stream.sees_whole_frames
        return seen

    def encode_ahead(self, stream: str, frames: Sequence[int], window: CropWindow | None) -> int:
        """Make embeddings; return how many."""
        made: int = self._streams[stream].stream.encode_ahead(frames, window)
        return made

    def count_encoded(self, stream: str, frames: Sequence[int]) -> int:
        """Return how many of the frames have an embedding; of frames that were not sent, none has."""
        known = self._streams[stream]
        here = [f for f in frames if known.frames.can_tell(f)]
        count: int = known.stream.count_encoded(here)
        return count

    def predict(
        self,
        stream: str,
        frame: int,
        prompts: PromptSet,
        masks: Mapping[str, RunLengthMask | None],
        context: Sequence[tuple[int, int]],
        options: Mapping[str, Any],
    ) -> Answer:
        """Answer prompts; `masks` are arguments that are arrays, `context` frames with the tokens of their states."""
        known = self._streams[stream]
        arrays = {name: None if mask is None else mask.decode() for name, mask in masks.items()}
        found = known.stream.predict(frame, prompts, context=self._conditioning(known, context), **arrays, **options)
        return self._answer(known, found)

    def track(
        self, stream: str, owner: tuple[int, int], context: Sequence[tuple[int, int]], step: Literal[1, -1]
    ) -> tuple[int, CropWindow]:
        """Make a track; return its token and its window."""
        known = self._streams[stream]
        track = known.stream.track(*self._conditioning(known, [owner]), self._conditioning(known, context), step)
        token = next(self._tokens)
        known.tracks[token] = track
        return token, track.window

    def advance(
        self, stream: str, tokens: Sequence[int], forbidden: Sequence[RunLengthMask | None] | None = None
    ) -> list[tuple[Answer, CropWindow]]:
        """Move tracks one frame on."""
        known = self._streams[stream]
        tracks = [known.tracks[token] for token in tokens]
        if forbidden is None:
            found = known.stream.advance(tracks)
        else:
            limits = [None if mask is None else mask.decode() for mask in forbidden]
            found = known.stream.advance(tracks, forbidden=limits)
        return [(self._answer(known, p), t.window) for p, t in zip(found, tracks, strict=True)]

    def logits(self, stream: str, token: int) -> NDArray[np.float32]:
        """Return the logits ``(Y, X) float32`` of a prediction."""
        return self._streams[stream].predictions[token].logits

    def _conditioning(self, known: _Stream, context: Sequence[tuple[int, int]]) -> list[ConditioningFrame]:
        return [ConditioningFrame(frame, known.predictions[token].state) for frame, token in context]

    def _answer(self, known: _Stream, prediction: Prediction) -> Answer:
        token = next(self._tokens)
        known.predictions[token] = prediction
        return Answer(prediction.encoded(), prediction.scores, prediction.window, token)
