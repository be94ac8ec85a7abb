"""What one frame takes on this machine, measured with the work of a few frames on a synthetic stack.

Encoding, and steps of tracking with a full memory for one and for two objects. Both cost the same on every frame.
"""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import psutil
import torch

from napari_sam2.core.masks import RunLengthMask
from napari_sam2.core.prompts import PromptSet, make_box
from napari_sam2.engine.device import release_memory
from napari_sam2.engine.protocols import ConditioningFrame
from napari_sam2.engine.sam2.tracking.embedding_store import Budget, EmbeddingStore
from napari_sam2.engine.sam2.tracking.frame_state import Sam2Track
from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from napari_sam2.engine.sam2.tracking.video_stream import Sam2VideoStream
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_sam2.engine.protocols import VideoPredictor

_SAMPLE_S = 0.002
_MOST_CALLS, _LONGEST_S = 9, 0.5
_TOO_LONG_S = 6.0  # a call of so many seconds is not done again only to be more exact


@dataclass(frozen=True)
class Calibration:
    """Time and memory of one frame on this machine.

    Attributes
    ----------
    encode_s : float
        Seconds to encode one frame.
    step_s, object_s : float
        Seconds of a step of tracking: the first for a step with one object, the second for each further one.
    encode_bytes : int
        Working memory of encoding one frame.
    step_bytes, object_bytes : int
        Working memory of a step of tracking, in the same way.
    embedding_bytes : int
        Of one frame, kept.
    track_bytes : int
        What one object's memory of its past holds, in one direction.
    """

    encode_s: float
    step_s: float
    object_s: float
    encode_bytes: int
    step_bytes: int
    object_bytes: int
    embedding_bytes: int
    track_bytes: int


class _Synthetic:
    """A disc on ground that differs from frame to frame."""

    def __init__(self, shape: tuple[int, int]) -> None:
        y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
        self._shape = shape
        radius = min(shape) / 4
        self.box = (shape[0] / 2 - radius, shape[1] / 2 - radius, shape[0] / 2 + radius, shape[1] / 2 + radius)
        self._disc = ((y - shape[0] / 2) ** 2 + (x - shape[1] / 2) ** 2 < radius**2).astype(np.float32) / 2

    def __len__(self) -> int:
        return 64

    def __getitem__(self, frame: int) -> NDArray[np.float32]:
        noise = np.random.default_rng(frame).random(self._shape, dtype=np.float32)
        picture: NDArray[np.float32] = self._disc + np.float32(0.5) * noise
        return picture[..., None]


class _Peak:
    """The most memory that was taken on a device since `__enter__`, above what was taken then."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self.bytes = 0

    def __enter__(self) -> _Peak:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._start = torch.cuda.memory_allocated(self._device)
        else:
            # Neither a CPU nor MPS keeps a peak, so another thread looks again and again.
            release_memory(str(self._device))
            self._start, self._most, self._over = self._now(), 0, threading.Event()
            self._watch = threading.Thread(target=self._look, daemon=True)
            self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self._device) - self._start
        else:
            self._over.set()
            self._watch.join()
            self.bytes = max(self._most - self._start, 0)

    def _now(self) -> int:
        if self._device.type == "mps":
            return int(torch.mps.driver_allocated_memory())
        return int(psutil.Process().memory_info().rss)

    def _look(self) -> None:
        while not self._over.is_set():
            self._most = max(self._most, self._now())
            time.sleep(_SAMPLE_S)


def _measured(device: str, work: Callable[[], object]) -> tuple[float, int]:
    """Seconds and working memory of ``work``.

    The first call, which warms up, tells the memory; the median of some more, but for slow work of one more, the time.
    """
    times: list[float] = []

    def timed() -> None:
        start = time.perf_counter()
        work()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(torch.device(device))
        times.append(time.perf_counter() - start)

    with _Peak(device) as peak:
        timed()
    while len(times) < _MOST_CALLS and sum(times) < (_LONGEST_S if len(times) > 1 else _TOO_LONG_S):
        timed()
    return statistics.median(times[1:] or times), peak.bytes


def can_calibrate(predictor: VideoPredictor) -> TypeGuard[Sam2VideoPredictor]:
    """Return whether a model is of a family whose use of time and memory is known."""
    return isinstance(predictor, Sam2VideoPredictor)


def calibrate(
    predictor: Sam2VideoPredictor,
    frame_shape: tuple[int, int] = (512, 512),
    cancelled: Callable[[], bool] = lambda: False,
) -> Calibration:
    """Measure what one frame takes: some encoder passes and steps of tracking, on a synthetic stack.

    Parameters
    ----------
    predictor : Sam2VideoPredictor
        Its cache of embeddings is not touched.
    frame_shape : (int, int)
        ``(Y, X)`` of the frames of the run.
    cancelled
        Asked between the measurements, of which there are three.

    Raises
    ------
    NapariSam2Error
        If it was cancelled.
    """
    model, device = predictor.model, predictor.device
    frames = _Synthetic(frame_shape)

    def measured(work: Callable[[], object]) -> tuple[float, int]:
        if cancelled():
            raise NapariSam2Error("The model's speed is not known: its measurement was cancelled.")
        return _measured(device, work)

    store = EmbeddingStore(model.device, Budget(ram=4 * 1024**3, disk=0))
    stream = Sam2VideoStream(model, frames, model.config.zoom, store, BatchSizer(model.device, store))
    prompts = PromptSet(box=make_box(frames.box, frame_shape))
    first = stream.predict(0, prompts)  # also the warm-up
    tracks = [_full_track(stream, first.state) for _ in range(2)]
    window = first.window

    # In pairs, as a run encodes: one frame on each side of the prompt.
    pairs = iter(range(20, len(frames) - 1, 2))

    def encode() -> None:
        pair = next(pairs)
        stream.embeddings.get([(pair, window), (pair + 1, window)])

    pair_s, pair_bytes = measured(encode)
    kept = sum(store.used().values()) // len(store)

    def step(count: int) -> tuple[float, int]:
        """Seconds and working memory of a step with so many objects."""
        stream.embeddings.get([(17, window)])

        def advance() -> None:
            for track in tracks[:count]:
                track.frame, track.window = 16, window
            for prediction in stream.advance(tracks[:count]):
                RunLengthMask.encode(prediction.mask)

        return measured(advance)

    one, one_bytes = step(1)
    two, two_bytes = step(2)
    return Calibration(
        encode_s=pair_s / 2,
        step_s=one,
        object_s=max(two - one, 0.1 * one),
        encode_bytes=max(pair_bytes // 2 - kept, 0),
        step_bytes=one_bytes,
        object_bytes=max(two_bytes - one_bytes, 0),
        embedding_bytes=kept,
        track_bytes=_track_bytes(tracks[0]),
    )


def _full_track(stream: Sam2VideoStream, state: object) -> Sam2Track:
    """Return a track that remembers as much as it ever will: the memories of its past are copies of the first one."""
    track = stream.track(ConditioningFrame(0, state), (), 1)
    memory = track.bank.conditioning[0]
    for frame in range(1, 17):
        track.bank.remember(frame, memory, 1)
    track.frame = 16
    return track


def _track_bytes(track: Sam2Track) -> int:
    memory = next(iter(track.bank.conditioning.values()))
    maps = (len(track.bank.tracked) + len(track.bank.conditioning)) * memory.features.nbytes
    return maps + len(track.bank.pointers) * memory.pointer.nbytes + track.last_logits.nbytes
