"""The input of the peers' networks."""

from __future__ import annotations

import torch

from benchmarks.clips import Clip
from napari_sam2.engine.sam2 import Sam2Model
from napari_sam2.engine.sam2.network.layers import resize_antialiased


def normalised(model: Sam2Model, clip: Clip) -> torch.Tensor:
    """Return the slices as a network sees them, (T, 3, S, S) float32."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (model.config.pixel_mean, model.config.pixel_std))
    pixels, size = torch.from_numpy(clip.array)[:, None], (model.image_size, model.image_size)
    if pixels.shape[-2:] != size:
        pixels = resize_antialiased(pixels, size, "bicubic").clamp(0, 1)
    return (pixels.expand(-1, 3, -1, -1) - mean) / std
