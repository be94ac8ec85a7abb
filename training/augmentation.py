"""Augment clips with what a scanner or a microscope, and the user's contrast, do to them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.noise import smooth_noise
from training.volumes import LabelledVolume, ObjectBox

# Level and width in HU of the windows that users choose, and how often.
_CT_WINDOWS = (((40.0, 400.0), 0.5), ((50.0, 1000.0), 0.2), ((-500.0, 1500.0), 0.12), ((400.0, 1800.0), 0.18))


def draw_window(volume: LabelledVolume, obj: int, frame: int, rng: np.random.Generator) -> tuple[float, float]:
    """Draw contrast limits in the volume's own values.

    For a CT one of the usual windows that shows the object apart from what is around it, else its percentiles.

    Parameters
    ----------
    volume
        With the object on the given frame.
    obj
        Its label.
    frame
        Index of the frame.
    rng
        Everything follows from it.
    """
    if not volume.is_hu:
        lowest, low, high, highest = volume.percentiles
        bottom, top = rng.uniform(lowest, low), rng.uniform(high, highest)
        width = max(top - bottom, 1e-6)
        if volume.is_clean and rng.random() < 0.3:  # a window that cuts off more, or leaves more room
            bottom, top = bottom + rng.uniform(-0.15, 0.12) * width, top - rng.uniform(-0.2, 0.2) * width
        return float(bottom), float(max(top, bottom + 1e-3 * width))
    inside, around = _means(volume.image[frame], volume.labels[frame] == obj, volume.boxes[frame][obj])
    limits = (0.0, 1.0)
    for _ in range(6):
        (level, width), _ = _CT_WINDOWS[int(rng.choice(len(_CT_WINDOWS), p=[p for _, p in _CT_WINDOWS]))]
        level, width = level + rng.normal(0, 0.08) * width, width * float(np.exp(rng.normal(0, 0.2)))
        limits = level - width / 2, level + width / 2
        seen = np.clip((np.array([inside, around]) - limits[0]) / width, 0, 1)
        if abs(seen[0] - seen[1]) > 0.05:
            break
    return limits


def _means(image: NDArray[np.generic], mask: NDArray[np.bool_], place: ObjectBox) -> tuple[float, float]:
    """Compute the mean value inside an object, and in the rest of its box widened by three pixels."""
    y0, x0, y1, x1 = place.box
    part = slice(max(0, y0 - 3), y1 + 3), slice(max(0, x0 - 3), x1 + 3)
    values, inside = np.asarray(image[part], np.float32), mask[part]
    return float(values[inside].mean()), float(values[~inside].mean()) if not inside.all() else 0.0


def degrade(clip: Tensor, rng: np.random.Generator, strength: float) -> Tensor:
    """Blur, mix neighbouring frames, shade and add noise.

    Parameters
    ----------
    clip
        ``(T, S, S)`` float, about 0 … 1.
    rng
        Everything follows from it.
    strength
        1 for clean scenes, less for real frames, which have their own noise.
    """
    frames, size, _ = clip.shape
    scale = size / 192
    if rng.random() < 0.7:
        blurred = blur(clip, rng.uniform(0.4, 1.6) * scale)
        clip = clip + (blurred - clip) * rng.uniform(0, 1) * min(1.0, strength + 0.2)
    if frames > 1 and rng.random() < 0.4:  # thick slices
        amount = 0.3 * rng.random() * strength
        before, after = torch.cat([clip[:1], clip[:-1]]), torch.cat([clip[1:], clip[-1:]])
        clip = (1 - amount) * clip + amount * (before + after) / 2
    if rng.random() < 0.5:  # uneven coil or lamp
        shade = torch.from_numpy(smooth_noise(rng, frames, 3, size, frozen=0.9)).clamp(-2.5, 2.5)
        clip = clip * (1 + rng.uniform(0, 0.14) * strength * shade)
    deviation = 0.1 * strength * rng.random() ** 1.5
    noise = _noise(rng, clip)
    kind = rng.random()
    if kind < 0.35:  # the grain of a reconstructed CT
        noise = blur(noise, scale) * 3.2 * scale
    elif kind < 0.45:  # photons
        noise = noise * clip.clamp(min=0).sqrt() * 1.4
    out: Tensor = clip + deviation * noise
    if kind > 0.7:  # magnitude images of MR have no negative values
        out = torch.hypot(out, deviation * _noise(rng, clip))
    return out


def adjust_contrast(clip: Tensor, rng: np.random.Generator, invert: float) -> Tensor:
    """Clip to 0 … 1, invert sometimes, and apply a random gamma.

    Parameters
    ----------
    clip
        ``(T, S, S)`` float.
    rng
        Everything follows from it.
    invert
        Share of the clips that are inverted.
    """
    clip = clip.clamp(0, 1)
    if rng.random() < invert:
        clip = 1 - clip
    return clip.pow(float(np.exp(rng.normal(0, 0.25))))


def blur(clip: Tensor, sigma: float) -> Tensor:
    """Blur each frame by a Gaussian.

    Parameters
    ----------
    clip
        ``(T, S, S)`` float.
    sigma
        Standard deviation in pixels.
    """
    reach = max(1, round(2.5 * sigma))
    place = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-(place**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    maps = F.pad(clip[:, None], (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(maps, kernel[None, None, None, :]), kernel[None, None, :, None])[:, 0]


def _noise(rng: np.random.Generator, like: Tensor) -> Tensor:
    return torch.from_numpy(rng.standard_normal(tuple(like.shape), dtype=np.float32))
