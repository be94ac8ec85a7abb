"""Where an object must not be: pixels that are forbidden, and pixels that belong to another object of the same run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from napari_sam2.engine.sam2.network.layers import resize_antialiased
from napari_sam2.engine.sam2.tracking import crop_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sam2.engine.protocols import CropWindow

LIMIT_LOGIT = -10.0
"""No logit is higher where an object must not be, as with Meta's ``non_overlap_masks_for_mem_enc``."""


def in_window(forbidden: NDArray[np.bool_], window: CropWindow, size: int, device: torch.device) -> Tensor:
    """Cut a forbidden image as the frame is cut.

    Parameters
    ----------
    forbidden
        ``(Y, X) bool``.
    window
        The part of the frame that the network sees; outside of the frame nothing is forbidden.
    size
        Side of the result.

    Returns
    -------
    Tensor, (1, 1, size, size) bool
        True where at least half of a cell is forbidden.
    """
    if window == crop_window.whole_frame((forbidden.shape[0], forbidden.shape[1])):
        return resize_antialiased(torch.from_numpy(forbidden).to(device).float()[None, None], (size, size)) >= 0.5
    return crop_window.crop_mask(forbidden, window, size, device) >= 0.5


def limited(logits: Tensor, limit: Tensor | None) -> Tensor:
    """Return logits of at most `LIMIT_LOGIT` where ``limit``, of a shape that broadcasts, is True."""
    return logits if limit is None else torch.where(limit, logits.clamp(max=LIMIT_LOGIT), logits)


def shrunk(limit: Tensor | None, side: int) -> Tensor | None:
    """Return a limit ``(1, 1, S, S)`` for logits of a lower resolution: where half of a cell or more is forbidden."""
    if limit is None:
        return None
    return F.adaptive_avg_pool2d(limit.float(), side) >= 0.5


def merged(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Return where either limit forbids."""
    if first is None or second is None:
        return second if first is None else first
    return first | second


@dataclass(frozen=True)
class Claim:
    """The claim of one object to a frame: its low-resolution logits ``(1, 1, n, n)`` in a window."""

    frame: int
    window: CropWindow
    logits: Tensor


def beaten(claims: Sequence[Claim], size: int) -> list[Tensor]:
    """Tell for each object where another one of the same frame has a higher logit; the earlier one wins a tie.

    Parameters
    ----------
    claims
        One for each object.
    size
        Side S of the result.

    Returns
    -------
    list of Tensor, (1, 1, S, S) bool
        In the window of each object.
    """
    groups: dict[tuple[int, CropWindow], list[int]] = {}
    for i, claim in enumerate(claims):
        groups.setdefault((claim.frame, claim.window), []).append(i)
    lost: dict[int, Tensor] = {}
    for (frame, window), members in groups.items():
        best, winner = _winners([(i, _enlarged(claims[i].logits, size)) for i in members])
        for (other_frame, other_window), others in groups.items():
            if other_frame == frame and other_window != window and _meet(window, other_window):
                seen = [(i, _moved(claims[i].logits, other_window, window, size)) for i in others]
                best, winner = _winners(seen, best, winner)
        for i in members:
            lost[i] = winner != i
    return [lost[i] for i in range(len(claims))]


def _winners(
    logits: Sequence[tuple[int, Tensor]], best: Tensor | None = None, winner: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the highest logit of each pixel and the index of the object that has it."""
    for i, own in logits:
        if best is None or winner is None:
            best, winner = own, torch.full_like(own, i, dtype=torch.long)
            continue
        higher = (own > best) | ((own == best) & (winner > i))
        best = torch.where(higher, own, best)
        winner = torch.where(higher, i, winner)
    assert best is not None
    assert winner is not None
    return best, winner


def _enlarged(logits: Tensor, size: int) -> Tensor:
    return F.interpolate(logits.float(), size=(size, size), mode="bilinear", align_corners=False)


def _meet(one: CropWindow, other: CropWindow) -> bool:
    return one.y0 < other.y1 and other.y0 < one.y1 and one.x0 < other.x1 and other.x0 < one.x1


def _moved(logits: Tensor, source: CropWindow, target: CropWindow, size: int) -> Tensor:
    """Return logits ``(1, 1, size, size)`` as they look in another window; outside of their own there is no claim."""
    moved = _enlarged(crop_window.resample_logits(logits, source, target), size)
    ys = target.y0 + (torch.arange(size, device=logits.device) + 0.5) / size * target.height
    xs = target.x0 + (torch.arange(size, device=logits.device) + 0.5) / size * target.width
    inside = ((ys >= source.y0) & (ys < source.y1))[:, None] & ((xs >= source.x0) & (xs < source.x1))[None, :]
    return torch.where(inside, moved, -torch.inf)
