"""Image embeddings of (frame, window) crops: computed in batches, kept within a byte budget."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import torch

from napari_sam2.engine.sam2.layers import resize_antialiased
from napari_sam2.engine.sam2.windows import crop, whole_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.engine.predictor import FrameSource, Window
    from napari_sam2.engine.sam2.model import ImageFeatures, Sam2Model

DEFAULT_BUDGET = 2 * 1024**3
_BATCH = 8


class EmbeddingCache:
    """Embeddings by (frame, window), least recently used ones dropped first.

    Parameters
    ----------
    model
        The network.
    frames
        Frames in 0…1.
    budget
        Bytes to keep at most; what the current step needs is kept whatever it takes.
    """

    def __init__(self, model: Sam2Model, frames: FrameSource, budget: int = DEFAULT_BUDGET) -> None:
        self._model = model
        self._frames = frames
        self._budget = budget
        self._kept: OrderedDict[tuple[int, Window], ImageFeatures] = OrderedDict()
        self._bytes = 0
        self.encoder_passes = 0

    def get(self, requests: Sequence[tuple[int, Window]]) -> list[ImageFeatures]:
        """Embeddings of these crops, each of batch 1, in the order asked."""
        found: dict[tuple[int, Window], ImageFeatures] = {}
        missing: list[tuple[int, Window]] = []
        for key in dict.fromkeys(requests):
            if key in self._kept:
                self._kept.move_to_end(key)
                found[key] = self._kept[key]
            else:
                missing.append(key)
        for start in range(0, len(missing), _BATCH):
            keys = missing[start : start + _BATCH]
            features = self._model.encode_image(torch.cat([self._pixels(*key) for key in keys]))
            self.encoder_passes += len(keys)
            for i, key in enumerate(keys):
                found[key] = features.select([i])
                self._keep(key, found[key])
        return [found[key] for key in requests]

    def _keep(self, key: tuple[int, Window], features: ImageFeatures) -> None:
        self._kept[key] = features
        self._bytes += features.nbytes
        while self._bytes > self._budget and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes

    def _pixels(self, frame: int, window: Window) -> torch.Tensor:
        """The network's input for a crop, ``(1, 3, S, S)``, normalised."""
        config, device = self._model.config, self._model.device
        picture = torch.from_numpy(self._frames[frame]).to(device).permute(2, 0, 1)
        size = config.image_size
        if window == whole_frame((picture.shape[1], picture.shape[2])):
            # Bicubic with antialiasing is what Meta's loader gets from PIL.
            if picture.shape[1:] == (size, size):
                image = picture[None]
            else:
                image = resize_antialiased(picture[None], (size, size), "bicubic").clamp(0, 1)
        else:
            image = crop(picture, window, size)
        mean = image.new_tensor(config.pixel_mean).view(1, 3, 1, 1)
        std = image.new_tensor(config.pixel_std).view(1, 3, 1, 1)
        return (image.expand(-1, 3, -1, -1) - mean) / std
