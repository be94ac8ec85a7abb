"""Draws prompts into the mask-prompt input, for networks that were trained with such hints."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_sam2.engine.sam2.network.config import PromptHint


def draw_hint(points: Tensor, labels: Tensor, size: int, hint: PromptHint, base: Tensor | None = None) -> Tensor:
    """Draw clicks and a box as mask logits.

    Parameters
    ----------
    points : Tensor, (B, P, 2)
        (x, y) in pixels of the network's input.
    labels : Tensor, (B, P) integers
        -1 none, 0 outside, 1 inside; 2 and 3 the first and last corner of a box, which come as the first two points.
    size : int
        Side S of the network's input.
    hint : PromptHint
    base : Tensor, (B, 1, S/4, S/4), optional
        Logits of an earlier mask to draw on. A box is then not drawn: the mask has taken it in already.

    Returns
    -------
    Tensor, (B, 1, S/4, S/4) float32
    """
    side = size // 4
    centre = torch.arange(side, device=points.device, dtype=torch.float32) * 4 + 2  # of each cell, in input pixels
    points = points.float()
    canvas = _canvas(points, labels, centre, hint) if base is None else base.float().clamp(-hint.clamp, hint.clamp)
    for index in range(points.shape[1]):
        x, y = points[:, index, 0, None, None], points[:, index, 1, None, None]
        disc = (centre[None, None, :] - x) ** 2 + (centre[None, :, None] - y) ** 2 < hint.radius_px**2
        label = labels[:, index, None, None]
        canvas = torch.where((disc & (label == 1))[:, None], hint.positive, canvas)
        canvas = torch.where((disc & (label == 0))[:, None], hint.negative, canvas)
    return canvas


def _canvas(points: Tensor, labels: Tensor, centre: Tensor, hint: PromptHint) -> Tensor:
    """Return the ground to draw clicks on, (B, 1, S/4, S/4): the box where there is one, else the background."""
    batch, side = points.shape[0], centre.shape[0]
    plain = torch.full((batch, 1, side, side), hint.background, device=points.device)
    if points.shape[1] < 2:
        return plain
    first, last = points[:, 0], points[:, 1]
    inside_x = (centre >= first[:, :1]) & (centre <= last[:, :1])
    inside_y = (centre >= first[:, 1:]) & (centre <= last[:, 1:])
    box = torch.where(inside_y[:, :, None] & inside_x[:, None, :], hint.box_inside, hint.box_outside)[:, None]
    has_box = ((labels[:, 0] == 2) & (labels[:, 1] == 3))[:, None, None, None]
    return torch.where(has_box, box, plain)
