"""The zoom window: which part of a frame the network sees, and resampling into it and back.

Coordinates inside are pixel edges (pixel i spans i … i+1), so a window maps to the input by scaling alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from napari_sam2.engine.protocols import LARGE_PIXELS as LARGE_PIXELS
from napari_sam2.engine.protocols import OUTSIDE_LOGIT, CropWindow
from napari_sam2.engine.sam2.network.layers import resize_antialiased

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

# A tracked window is cut anew when its mask spans less, or more, of it than this, or comes this near its edge.
_SPAN_LOW, _SPAN_HIGH, _EDGE = 0.25, 0.80, 0.06


def whole_frame(shape: tuple[int, int]) -> CropWindow:
    """Return the window that squeezes the whole frame into the input, as Meta does."""
    return CropWindow(0.0, 0.0, float(shape[0]), float(shape[1]))


def letterbox(shape: tuple[int, int], spacing: tuple[float, float]) -> CropWindow:
    """Return the window around the whole frame that is a square in physical units, with equal rims on both sides."""
    side = max(shape[0] * spacing[0], shape[1] * spacing[1])
    half_y, half_x = side / spacing[0] / 2, side / spacing[1] / 2
    return CropWindow(shape[0] / 2 - half_y, shape[1] / 2 - half_x, shape[0] / 2 + half_y, shape[1] / 2 + half_x)


def region(window: CropWindow, shape: tuple[int, int], size: int) -> tuple[int, int, int, int]:
    """Return the box ``(y0, x0, y1, x1)`` of a frame that an input of side ``size`` is resampled from, never empty."""
    rim_y, rim_x = (int(2 * max(1.0, length / size)) + 2 for length in (window.height, window.width))
    y0, x0 = max(0, int(window.y0) - rim_y), max(0, int(window.x0) - rim_x)
    y1, x1 = min(shape[0], int(-(-window.y1 // 1)) + rim_y), min(shape[1], int(-(-window.x1 // 1)) + rim_x)
    y0, x0 = min(y0, shape[0] - 1), min(x0, shape[1] - 1)
    return y0, x0, max(y1, y0 + 1), max(x1, x0 + 1)


def within_part(window: CropWindow, y: int, x: int, factor: int) -> CropWindow:
    """Return the window as it lies in a part, that begins at row ``y`` and column ``x``, of a reduced frame."""
    f = factor
    return CropWindow(window.y0 / f - y, window.x0 / f - x, window.y1 / f - y, window.x1 / f - x)


def square_around(box: tuple[float, float, float, float], factor: float, minimum: float) -> CropWindow:
    """Return a square around the box ``(y0, x0, y1, x1)``: side = factor x its longer side, at least ``minimum``."""
    half = max(minimum, factor * max(box[2] - box[0], box[3] - box[1])) / 2
    cy, cx = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return CropWindow(cy - half, cx - half, cy + half, cx + half)


def including(window: CropWindow, points: Sequence[tuple[float, float]]) -> CropWindow:
    """Return the window, widened to a larger square if a point ``(y, x)`` would fall outside or on its rim."""
    rim = _EDGE * window.height
    inside = all(window.y0 + rim <= y <= window.y1 - rim and window.x0 + rim <= x <= window.x1 - rim for y, x in points)
    if inside:
        return window
    ys, xs = [y for y, _ in points], [x for _, x in points]
    y0, y1 = min(window.y0 + rim, *ys), max(window.y1 - rim, *ys)
    x0, x1 = min(window.x0 + rim, *xs), max(window.x1 - rim, *xs)
    side = max(y1 - y0, x1 - x0) / (1 - 2 * _EDGE) * 1.02
    cy, cx = (y0 + y1) / 2, (x0 + x1) / 2
    return CropWindow(cy - side / 2, cx - side / 2, cy + side / 2, cx + side / 2)


def box_in_window(mask: Tensor) -> tuple[int, int, int, int] | None:
    """Half-open ``(y0, x0, y1, x1)`` of a ``(n, n)`` bool mask, in its own pixels; None if empty."""
    rows = torch.nonzero(mask.any(dim=1)).flatten()
    if rows.numel() == 0:
        return None
    columns = torch.nonzero(mask.any(dim=0)).flatten()
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def to_frame_box(box: tuple[int, int, int, int], side: int, window: CropWindow) -> tuple[float, float, float, float]:
    """Convert a box in the pixels of a picture of ``side`` that fills the window to data pixels."""
    ky, kx = window.height / side, window.width / side
    return window.y0 + box[0] * ky, window.x0 + box[1] * kx, window.y0 + box[2] * ky, window.x0 + box[3] * kx


def needs_new_window(logits: Tensor, window: CropWindow, minimum: float) -> tuple[float, float, float, float] | None:
    """Return the object's box in data pixels if its window no longer suits it; ``logits`` is ``(n, n)``."""
    box = box_in_window(logits > 0)
    if box is None:
        return None
    n = logits.shape[-1]
    span = max(box[2] - box[0], box[3] - box[1]) / n
    near = min(box[0], n - box[2], box[1], n - box[3]) / n
    too_small = span < _SPAN_LOW and window.height > minimum * 1.01
    if too_small or span > _SPAN_HIGH or near < _EDGE:
        return to_frame_box(box, n, window)
    return None


def crop(frame: Tensor, window: CropWindow, size: int) -> Tensor:
    """Resample a window of a frame to the input.

    Parameters
    ----------
    frame
        ``(C, Y, X)`` float.
    window
        May reach past the border; outside is 0.
    size
        Side of the result.

    Returns
    -------
    Tensor
        ``(1, C, size, size)``; antialiased where the window is much larger than the input.
    """
    height, width = frame.shape[-2:]
    shrink_y, shrink_x = window.height / size, window.width / size
    if window == whole_frame((height, width)):
        shrink_y = shrink_x = max(shrink_y, shrink_x)
    image = frame[None]
    if max(shrink_y, shrink_x) > 1.5:
        target = (max(1, round(height / max(1.0, shrink_y))), max(1, round(width / max(1.0, shrink_x))))
        image = resize_antialiased(image, target)
    grid = _sampling_grid(window, whole_frame((height, width)), (size, size), frame.device)
    return F.grid_sample(image, grid, align_corners=False, padding_mode="zeros")


def crop_mask(mask: NDArray[np.bool_], window: CropWindow, size: int, device: torch.device) -> Tensor:
    """Resample a window of a ``(Y, X)`` mask to ``(1, 1, size, size)`` in 0…1; see `crop`."""
    if mask.size > LARGE_PIXELS:
        y0, x0, y1, x1 = region(window, (mask.shape[0], mask.shape[1]), size)
        mask, window = mask[y0:y1, x0:x1], within_part(window, y0, x0, 1)
    return crop(torch.from_numpy(np.ascontiguousarray(mask)).to(device).float()[None], window, size)


def resample_logits(logits: Tensor, source: CropWindow, target: CropWindow) -> Tensor:
    """Mask logits ``(1, 1, n, n)`` of one window as they look in another of the same resolution."""
    n = logits.shape[-1]
    grid = _sampling_grid(target, source, (n, n), logits.device)
    return _sample_to_the_edge(logits, grid)


def paste_logits(logits: Tensor, window: CropWindow, shape: tuple[int, int]) -> Tensor:
    """Convert mask logits ``(1, 1, n, n)`` of a window to ``(Y, X)`` logits of the frame, negative outside."""
    part, (y, x) = logits_in_frame(logits, window, shape)
    if part.shape == shape:
        return part
    out = logits.new_full(shape, OUTSIDE_LOGIT)
    out[y : y + part.shape[0], x : x + part.shape[1]] = part
    return out


def logits_in_frame(logits: Tensor, window: CropWindow, shape: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """Convert mask logits ``(1, 1, n, n)`` of a window to those of the part of the frame that it covers.

    Returns
    -------
    part : Tensor, (h, w)
        Of no size where the window lies beside the frame.
    corner : (int, int)
        Row and column at which the part begins.
    """
    height, width = shape
    if window == whole_frame(shape):
        return F.interpolate(logits, size=shape, mode="bilinear", align_corners=False)[0, 0], (0, 0)
    y0, y1 = max(0, int(window.y0 // 1)), min(height, int(-(-window.y1 // 1)))
    x0, x1 = max(0, int(window.x0 // 1)), min(width, int(-(-window.x1 // 1)))
    if y0 >= y1 or x0 >= x1:
        return logits.new_empty((0, 0)), (0, 0)
    target = CropWindow(float(y0), float(x0), float(y1), float(x1))
    grid = _sampling_grid(target, window, (y1 - y0, x1 - x0), logits.device)
    return _sample_to_the_edge(logits, grid)[0, 0], (y0, x0)


def _sample_to_the_edge(logits: Tensor, grid: Tensor) -> Tensor:
    """Sample ``(1, 1, n, n)`` logits; beyond the outermost centres their values go on.

    The same as ``padding_mode="border"``, which not every torch has on MPS.
    """
    last = 1 - 1 / logits.shape[-1]
    return F.grid_sample(logits, grid.clamp(-last, last), align_corners=False, padding_mode="zeros")


def _sampling_grid(target: CropWindow, source: CropWindow, size: tuple[int, int], device: torch.device) -> Tensor:
    """Where each pixel of ``target`` (``size`` pixels) lies in a picture that fills ``source``: ``(1, h, w, 2)``."""
    h, w = size
    ys = target.y0 + (torch.arange(h, device=device, dtype=torch.float32) + 0.5) / h * target.height
    xs = target.x0 + (torch.arange(w, device=device, dtype=torch.float32) + 0.5) / w * target.width
    ys = (ys - source.y0) / source.height * 2 - 1
    xs = (xs - source.x0) / source.width * 2 - 1
    grid_y, grid_x = torch.meshgrid(ys, xs, indexing="ij")
    return torch.stack([grid_x, grid_y], dim=-1)[None]
