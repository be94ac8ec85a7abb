"""Image embeddings of (frame, window) crops of one stack: made in batches, found again in the network's store."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import TYPE_CHECKING

import torch

from napari_sam2.engine.protocols import ReadsLevels, ReadsParts
from napari_sam2.engine.sam2.network.layers import resize_antialiased
from napari_sam2.engine.sam2.tracking import crop_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.engine.protocols import CropWindow, FrameSource
    from napari_sam2.engine.sam2.network.model import ImageFeatures, Sam2Model
    from napari_sam2.engine.sam2.tracking.embedding_store import EmbeddingStore
    from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer

# A frame; the box that is read, None for all of it; and by how much it is reduced.
_Place = tuple[int, tuple[int, int, int, int] | None, int]
_AHEAD = 2  # frames encoded ahead in one go: the user's own request waits that long at most


class EmbeddingCache:
    """Embeddings by (frame, window); safe to use from several threads.

    Parameters
    ----------
    model
        The network.
    frames
        Frames in 0…1. They must not change while the cache lives: a frame is read and its checksum made once.
    store
        Where embeddings are kept.
    batch_sizer
        How many frames go through the encoder at once.
    """

    def __init__(self, model: Sam2Model, frames: FrameSource, store: EmbeddingStore, batch_sizer: BatchSizer) -> None:
        self._model = model
        self._frames = frames
        self._store = store
        self._batch_sizer = batch_sizer
        self._parts = frames if isinstance(frames, ReadsParts) and _is_large(frames.frame_shape) else None
        self._digests: dict[_Place, bytes] = {}
        self._pictures: dict[_Place, NDArray[np.float32]] = {}  # read for their checksum, and wanted again at once
        self._urgent = 0
        self._count = threading.Lock()
        self.encoder_passes = 0

    def get(self, requests: Sequence[tuple[int, CropWindow]]) -> list[ImageFeatures]:
        """Embeddings of these crops, each of batch 1 and on the network's device, in the order asked."""
        with self._count:
            self._urgent += 1
        try:
            return self._get(requests)
        finally:
            with self._count:
                self._urgent -= 1

    def _get(self, requests: Sequence[tuple[int, CropWindow]]) -> list[ImageFeatures]:
        with self._store.encoding:
            found: dict[tuple[int, CropWindow], ImageFeatures] = {}
            missing: list[tuple[int, CropWindow]] = []
            for request in dict.fromkeys(requests):
                features = self._store.get((self._digest(*request), request[1]))
                if features is None:
                    missing.append(request)
                else:
                    found[request] = features
            for request, features in zip(missing, self._batch_sizer.encode(self._encode, missing), strict=True):
                found[request] = features
            self._pictures.clear()
            return [found[request] for request in requests]

    def encode_once(self, requests: Sequence[tuple[int, CropWindow]]) -> list[ImageFeatures]:
        """Return embeddings of crops that nobody will ask for again: they are not kept."""
        with self._store.encoding:
            for place in {self._place(*request) for request in requests}:
                self._pictures[place] = self._read(place)
            made = self._batch_sizer.encode(self._compute, requests)
            self._pictures.clear()
        return made

    def _encode(self, requests: Sequence[tuple[int, CropWindow]]) -> list[ImageFeatures]:
        for place in {self._place(*request) for request in requests}:
            self._pictures[place] = self._read(place)
        made = self._compute(requests)
        for (frame, window), features in zip(requests, made, strict=True):
            self._store.put((self._digest(frame, window), window), features)
        return made

    def _compute(self, requests: Sequence[tuple[int, CropWindow]]) -> list[ImageFeatures]:
        batch = self._model.encode_image(torch.cat([self._pixels(*request) for request in requests]))
        self.encoder_passes += len(requests)
        # Copies, because a slice would keep the whole batch in memory.
        return [batch] if len(requests) == 1 else [batch.copy_of(i) for i in range(len(requests))]

    @torch.inference_mode()
    def encode_ahead(
        self,
        frames: Iterable[int],
        window: CropWindow,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Make the embeddings of frames that will be wanted; meant for a thread in the background.

        Every few frames it lets requests of other threads go first.

        Parameters
        ----------
        frames
            Indices, in the order in which to make them.
        window
            The window through which the frames will be seen.
        cancelled
            Asked between frames; True ends it.
        progress
            Called with the frames done and to do.

        Returns
        -------
        int
            How many were made; the others were there already.
        """
        wanted, made = list(frames), 0
        for start in range(0, len(wanted), _AHEAD):
            if cancelled is not None and cancelled():
                break
            while self._urgent:
                time.sleep(0.002)
            part = wanted[start : start + _AHEAD]
            with self._store.encoding:
                missing = [(f, window) for f in part if (self._digest(f, window), window) not in self._store]
                made += len(self._batch_sizer.encode(self._encode, missing))
                self._pictures.clear()
            if progress is not None:
                progress(start + len(part), len(wanted))
        return made

    def count(self, frames: Iterable[int], window: CropWindow) -> int:
        """Count the frames that have an embedding in this window already, of those that were read before."""
        places = [self._place(frame, window) for frame in frames]
        known = [self._digests[place] for place in places if place in self._digests]
        return sum((digest, window) in self._store for digest in known)

    def _place(self, frame: int, window: CropWindow) -> _Place:
        """Return what is read for a crop."""
        if self._parts is None:
            return frame, None, 1
        size = self._model.config.image_size
        y0, x0, y1, x1 = crop_window.region(window, self._parts.frame_shape, size)
        if not isinstance(self._parts, ReadsLevels):
            return frame, (y0, x0, y1, x1), 1
        factor = self._parts.level_factor(min(window.height, window.width) / size)
        return frame, (y0 // factor, x0 // factor, -(-y1 // factor), -(-x1 // factor)), factor

    def _read(self, place: _Place) -> NDArray[np.float32]:
        frame, box, factor = place
        if place in self._pictures:
            return self._pictures[place]
        if box is None or self._parts is None:
            return self._frames[frame]
        if factor > 1 and isinstance(self._parts, ReadsLevels):
            return self._parts.read_reduced(frame, factor, *box)
        return self._parts.read_part(frame, *box)

    def _digest(self, frame: int, window: CropWindow) -> bytes:
        """Return the checksum of what the network sees of a frame, so of its data, channel and contrast."""
        place = self._place(frame, window)
        if place not in self._digests:
            self._pictures[place] = self._read(place)
            self._digests[place] = _digest_of(self._pictures[place])
        return self._digests[place]

    def _pixels(self, frame: int, window: CropWindow) -> torch.Tensor:
        """Return the network's input for a crop, ``(1, 3, S, S)``, normalised."""
        config, device = self._model.config, self._model.device
        place = self._place(frame, window)
        picture = torch.from_numpy(self._read(place)).to(device, non_blocking=True).permute(2, 0, 1)
        shape = (picture.shape[1], picture.shape[2]) if self._parts is None else self._parts.frame_shape
        is_whole = window == crop_window.whole_frame(shape)
        if place[1] is not None:
            window = crop_window.within_part(window, place[1][0], place[1][1], place[2])
        size = config.image_size
        if is_whole:
            # Bicubic with antialiasing is what Meta's loader gets from PIL.
            if picture.shape[1:] == (size, size):
                image = picture[None]
            else:
                image = resize_antialiased(picture[None], (size, size), "bicubic").clamp(0, 1)
        else:
            image = crop_window.crop(picture, window, size)
        normal = torch.tensor((config.pixel_mean, config.pixel_std)).to(device, non_blocking=True)
        mean, std = normal.view(2, 1, 3, 1, 1).unbind()
        return (image.expand(-1, 3, -1, -1) - mean) / std


def _is_large(shape: tuple[int, int]) -> bool:
    return shape[0] * shape[1] > crop_window.LARGE_PIXELS


def _digest_of(picture: NDArray[np.float32]) -> bytes:
    digest = hashlib.blake2b(repr(picture.shape).encode(), digest_size=16)
    digest.update(picture.data if picture.flags.c_contiguous else picture.tobytes())
    return digest.digest()
