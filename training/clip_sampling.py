"""Sample clips as the zoom window shows them in use, the wrong windows included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_sam2.engine.protocols import CropWindow
from napari_sam2.engine.sam2.network.config import ZoomPolicy
from napari_sam2.engine.sam2.tracking.crop_window import crop
from training.augmentation import adjust_contrast, degrade, draw_window
from training.noise import smooth_noise
from training.volumes import LabelledVolume, ObjectBox

View = Literal["tight", "drifted", "wrong", "click"]
"""A window cut around a box or mask; as it may be while tracking, before it is cut anew; too large, far off-centre
or the whole frame; one of those tried around a click."""

_MIN_DRAWN_AREA = 12  # pixels of an object of a synthetic image: what is smaller is a remnant behind others
_MAX_FAILED = 2000  # volumes in a row without a suitable object
_MAX_AREA_SHARE = 0.45  # of the frame
_CANDIDATES, _STEPS = 12, (-3, -2, -2, -1, -1, -1, 1, 1, 1, 2, 2, 3)  # frame sequences to choose a changing one from
_CHANGE_IF_GONE = 0.4
_WARP_MARGIN = 1.3  # side of the image that a warped crop is cut from, over the crop's


@dataclass(frozen=True)
class ClipBatch:
    """A batch of clips.

    Attributes
    ----------
    images : Tensor, (B, T, S, S) float32
        Grey in 0 … 1.
    masks : Tensor, (B, O, T, S, S) bool
        The objects that are asked for.
    """

    images: Tensor
    masks: Tensor

    def to(self, device: torch.device) -> ClipBatch:
        """Copy the batch to a device.

        Parameters
        ----------
        device
            May be where it is already.
        """
        return ClipBatch(self.images.to(device), self.masks.to(device))


@dataclass(frozen=True)
class ClipShape:
    """The size of clips: ``frames`` T, ``size`` S in pixels, ``objects`` O."""

    frames: int
    size: int
    objects: int


@dataclass(frozen=True)
class SamplingBias:
    """Shares of clips and objects that are sampled more often than others.

    Attributes
    ----------
    end_share
        Share of the clips that are chosen so that the object ends inside, where it can be.
    change_share
        Share of the others whose object changes much from the first frame to the last.
    outward_share
        Share of the clips whose object is larger on the last frame that are reversed: users prompt where it is large.
    small
        Exponent of the weight ``min(1, area / 400) ** small`` of an object; 0 chooses all alike.
    least_area
        Pixels that an object of a labelled set has at least.
    """

    end_share: float = 0.0
    change_share: float = 0.0
    outward_share: float = 0.0
    small: float = 0.0
    least_area: int = 12


def sample_clips(
    draw: Callable[[], LabelledVolume],
    count: int,
    shape: ClipShape,
    view: View,
    zoom: ZoomPolicy,
    rng: np.random.Generator,
    bias: SamplingBias,
) -> ClipBatch:
    """Sample a batch of clips.

    Parameters
    ----------
    draw
        Gives a labelled volume, a new one at each call.
    count
        B.
    shape, view, zoom
        What the clips look like.
    rng
        Everything follows from it.
    bias
        Which clips are sampled more often.
    """
    images: list[Tensor] = []
    masks: list[Tensor] = []
    failed = 0
    while len(images) < count:
        made = _sample_clip(draw(), shape, view, zoom, rng, bias)
        if made is not None:
            images.append(made[0])
            masks.append(made[1])
        failed = 0 if made is not None else failed + 1
        if failed == _MAX_FAILED:
            raise ValueError(f"none of {failed} volumes has an object of {bias.least_area} pixels or more to learn")
    return ClipBatch(torch.stack(images), torch.stack(masks))


def _sample_clip(
    volume: LabelledVolume,
    shape: ClipShape,
    view: View,
    zoom: ZoomPolicy,
    rng: np.random.Generator,
    bias: SamplingBias,
) -> tuple[Tensor, Tensor] | None:
    """Sample one clip; None where the volume has no suitable object."""
    chosen = _choose_frames(volume, shape.frames, rng, bias)
    if chosen is None:
        return None
    obj, frames = chosen
    if rng.random() < bias.outward_share and volume.areas[obj][frames[-1]] > volume.areas[obj][frames[0]]:
        frames = frames[::-1]
    start = frames[0]
    window = _window(volume, obj, start, view, zoom, rng)
    least = _min_area(volume, bias)
    labels = [obj, *_neighbours(volume, start, obj, window, shape.objects - 1, least, rng)]
    low, high = draw_window(volume, obj, start, rng)
    is_warped = view != "click" and rng.random() < 0.5
    factor = _WARP_MARGIN if is_warped else 1.0
    size = round(shape.size * factor)
    planes = crop(*_crop_planes(volume, frames, labels, window, (low, high), factor), size)
    planes = planes.view(1 + len(labels), shape.frames, size, size)
    if is_warped:
        planes = _warp(planes, shape.size, rng)
    planes = _flip(planes, rng)
    masks = planes[1:] > 0.5
    if not bool(masks[0, 0].any()):
        return None  # an object of a few pixels in a window so large that none of the network's shows it
    image = degrade(planes[0], rng, 1.0 if volume.is_clean else 0.35)
    image = adjust_contrast(image, rng, 0.12 if volume.is_clean else 0.05)
    return image, masks


def _choose_frames(
    volume: LabelledVolume, count: int, rng: np.random.Generator, bias: SamplingBias
) -> tuple[int, list[int]] | None:
    """Choose an object and the frames of a clip; the first frame shows it well."""
    limit, least = _MAX_AREA_SHARE * volume.labels[0].size, _min_area(volume, bias)
    largest = {k: int(a[a < limit].max(initial=0)) for k, a in volume.areas.items()}
    there = [k for k, area in largest.items() if area >= least]
    if not there:
        return None
    weights = np.array([min(1.0, largest[k] / 400) ** bias.small for k in there])
    obj = int(rng.choice(there, p=weights / weights.sum()))
    areas = volume.areas[obj]
    # Any frame that shows it well, not only the one on which it is largest: people prompt where they happen to be.
    good = np.flatnonzero((areas >= max(least, 0.12 * areas.max())) & (areas < limit))
    if not good.size:
        return None
    start = int(rng.choice(good))
    step = int(rng.choice((-1, 1)))
    if count > 2 and rng.random() < bias.end_share:
        ends = [(f, s) for f in good.tolist() for s in (-1, 1) if _ends_inside(areas, f, s, count)]
        if ends:
            start, step = ends[int(rng.integers(len(ends)))]
            return obj, _reflected_frames(start, step, count, len(volume))
    if count > 1 and rng.random() < bias.change_share:
        return obj, _changing_frames(volume, obj, good, count, rng)
    stride = int(rng.choice((1, 1, 1, 2, 3))) if len(volume) >= 3 * count else 1
    if not 0 <= start + step * stride * (count - 1) < len(volume):
        step = -step
    if not 0 <= start + step * stride * (count - 1) < len(volume):
        stride = 1
    return obj, _reflected_frames(start, step * stride, count, len(volume))


def _min_area(volume: LabelledVolume, bias: SamplingBias) -> int:
    return max(_MIN_DRAWN_AREA, bias.least_area) if volume.is_clean else bias.least_area


def _changing_frames(
    volume: LabelledVolume, obj: int, good: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    """Choose the frames of a clip, the likelier the more the object's box changes from the first to the last."""
    total = len(volume)
    candidates, weights = [], []
    for _ in range(_CANDIDATES):
        start, step = int(rng.choice(good)), int(rng.choice(_STEPS))
        candidates.append(_reflected_frames(start, step, count, total))
        first, last = volume.boxes[start][obj], volume.boxes[candidates[-1][-1]].get(obj)
        change = 1 - _overlap(first.box, last.box) if last is not None else _CHANGE_IF_GONE
        weights.append(0.02 + change**2)
    return candidates[int(rng.choice(_CANDIDATES, p=np.array(weights) / sum(weights)))]


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Compute the IoU of two boxes."""
    (y0, x0, y1, x1), (v0, u0, v1, u1) = one, other
    both = max(0, min(y1, v1) - max(y0, v0)) * max(0, min(x1, u1) - max(x0, u0))
    return both / ((y1 - y0) * (x1 - x0) + (v1 - v0) * (u1 - u0) - both)


def _ends_inside(areas: np.ndarray, start: int, step: int, count: int) -> bool:
    """Tell whether the object is gone before the last of the clip's frames, all of them inside the volume."""
    last = start + step * (count - 1)
    return 0 <= last < len(areas) and areas[last] == 0


def _reflected_frames(start: int, step: int, count: int, total: int) -> list[int]:
    """List ``count`` frames from ``start`` on, reflected at the ends of the volume."""
    if total == 1:
        return [0] * count
    period = 2 * (total - 1)
    places = [(start + step * i) % period for i in range(count)]
    return [p if p < total else period - p for p in places]


def _window(
    volume: LabelledVolume, obj: int, frame: int, view: View, zoom: ZoomPolicy, rng: np.random.Generator
) -> CropWindow:
    """Draw the square in data pixels; coordinates are pixel edges."""
    place = volume.boxes[frame][obj]
    longest = float(max(volume.labels.shape[1:]))
    y0, x0, y1, x1 = place.box
    centre = np.array([(y0 + y1) / 2, (x0 + x1) / 2])
    if view == "click":
        # Around a pixel of the object, as a user might hit it; mostly one of the sides that suit it at all.
        rows, columns = np.nonzero(volume.labels[frame] == obj)
        pick = int(rng.integers(rows.size))
        centre = np.array([rows[pick] + 0.5, columns[pick] + 0.5])
        sides = [min(float(s), longest) for s in zoom.click_sides_px]
        fitting = [s for s in sides if 0.7 * place.longer_side < s < 8 * place.longer_side]
        side = float(rng.choice(fitting or sides))
        side *= float(np.exp(rng.uniform(-0.35, 0.35)))  # objects have all sizes, the sides are only five
        return _square(centre, side)
    longer = place.longer_side
    if view == "tight":
        side, off = zoom.factor * longer * float(np.exp(rng.normal(0, 0.12))), 0.06
    elif view == "drifted":
        side, off = longer / rng.uniform(0.25, 0.85), 0.2
    elif rng.random() < 0.25:
        return _square(np.array(volume.labels.shape[1:]) / 2, longest * rng.uniform(0.8, 1.1))
    else:
        side, off = longer * float(np.exp(rng.uniform(np.log(0.8), np.log(7)))), 0.38
    side = max(float(zoom.min_side_px), side)
    room = max(0.0, (side - longer) / side / 2)  # as far as the object may leave the middle without leaving the window
    centre = centre + rng.uniform(-1, 1, 2) * side * min(off, max(room, 0.06))
    return _square(centre, side)


def _square(centre: np.ndarray, side: float) -> CropWindow:
    y, x = (float(v) for v in centre)
    return CropWindow(y - side / 2, x - side / 2, y + side / 2, x + side / 2)


def _neighbours(
    volume: LabelledVolume,
    frame: int,
    obj: int,
    window: CropWindow,
    count: int,
    smallest: int,
    rng: np.random.Generator,
) -> list[int]:
    """List other objects in the middle of the window; the first once more where there are too few."""

    def central(place: ObjectBox) -> bool:
        cy, cx = (place.box[0] + place.box[2]) / 2, (place.box[1] + place.box[3]) / 2
        rim = 0.15 * window.height
        return window.y0 + rim < cy < window.y1 - rim and window.x0 + rim < cx < window.x1 - rim

    limit = _MAX_AREA_SHARE * volume.labels[frame].size
    least = max(smallest, 0.002 * window.height * window.width)
    others = [k for k, o in volume.boxes[frame].items() if k != obj and least <= o.area < limit and central(o)]
    picked = [int(k) for k in rng.permutation(others)[:count]]
    return picked + [obj] * (count - len(picked))


def _crop_planes(
    volume: LabelledVolume,
    frames: list[int],
    labels: list[int],
    window: CropWindow,
    limits: tuple[float, float],
    factor: float,
) -> tuple[Tensor, CropWindow]:
    """Return images and masks ``((1 + O) * T, Y, X)`` around the window (times ``factor``), and the window there."""
    cy, cx, half = (window.y0 + window.y1) / 2, (window.x0 + window.x1) / 2, window.height / 2 * factor
    # Wide enough that smoothing in front of the resampling sees the same pixels as on the whole frame.
    margin = 4 + window.height * factor / 16
    height, width = volume.labels.shape[1:]
    y0, y1 = max(0, int(cy - half - margin)), min(height, int(cy + half + margin) + 1)
    x0, x1 = max(0, int(cx - half - margin)), min(width, int(cx + half + margin) + 1)
    part = (frames, slice(y0, y1), slice(x0, x1))
    low, high = limits
    image = np.clip((np.asarray(volume.image[part], np.float32) - low) / (high - low), -0.02, 1.02)
    truth = volume.labels[part]
    planes = np.concatenate([image, *((truth == label).astype(np.float32) for label in labels)])
    return torch.from_numpy(planes), CropWindow(cy - half - y0, cx - half - x0, cy + half - y0, cx + half - x0)


def _warp(planes: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    """Turn, stretch and bend an image of 1.3 times the size, and cut its middle: ``(1 + O, T, size, size)``.

    Some clips also shake from frame to frame.
    """
    frames = planes.shape[1]
    angle, stretch = rng.uniform(-0.6, 0.6), float(np.exp(rng.uniform(-0.15, 0.15)))
    turned = [[np.cos(angle) * stretch, -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle) / stretch, 0.0]]
    matrix = torch.tensor([turned], dtype=torch.float32) / _WARP_MARGIN
    grid = F.affine_grid(matrix, [1, 1, size, size], align_corners=False)
    bend = torch.stack([torch.from_numpy(smooth_noise(rng, 1, 3, size)[0]) for _ in range(2)], -1)
    grid = (grid + float(rng.uniform(0, 0.03)) * bend).expand(frames, -1, -1, -1)
    if frames > 1 and rng.random() < 0.25:
        shake = torch.from_numpy(rng.normal(0, 0.015, (frames, 1, 1, 2)).astype(np.float32))
        grid = grid + torch.cat([torch.zeros_like(shake[:1]), shake[1:]])
    moved = F.grid_sample(planes.transpose(0, 1), grid, align_corners=False)
    return moved.transpose(0, 1)


def _flip(planes: Tensor, rng: np.random.Generator) -> Tensor:
    """Draw one of the eight symmetries of a square."""
    if rng.random() < 0.5:
        planes = planes.flip(-1)
    return torch.rot90(planes, int(rng.integers(4)), (-2, -1)).contiguous()
