"""A simulated user who knows the truth, for batches of masks: first prompts, and clicks on what is wrong."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from training.mask_corruption import corrupt

PromptKind = Literal["click", "box", "mask"]
Points = tuple[Tensor, Tensor]
"""``(N, P, 2)`` float (x, y) in pixels of the input, and ``(N, P)`` int labels, as the engine's decoder takes them."""

_NONE = -1


class Prompter(Protocol):
    """Gives the prompts of a clip."""

    def first_prompt(self, masks: Tensor, kind: PromptKind) -> Points:
        """Return a click or a box on each of ``(N, S, S)`` bool."""

    def correction_click(self, masks: Tensor, predicted: Tensor) -> Points:
        """Return one click for each pair of masks ``(N, S, S)`` bool; label -1 where nothing is wrong."""

    def corrupt(self, found: Tensor, earlier: Tensor) -> Tensor:
        """Return logits ``(N, 1, n, n)`` of wrong masks in place of those found ``(N, n, n)`` bool."""


class SimulatedPrompter:
    """Clicks and boxes as people make them: mostly near the middle, seldom exact.

    Parameters
    ----------
    rng
        Everything follows from it.
    at_centre
        The first click is the centre of the window, as in the windows that are tried around a click.
    box_jitter
        Standard deviation of a box's edges over its sides.
    """

    def __init__(self, rng: np.random.Generator, at_centre: bool = False, box_jitter: float = 0.05) -> None:
        self._rng, self._at_centre, self._jitter = rng, at_centre, box_jitter

    def first_prompt(self, masks: Tensor, kind: PromptKind) -> Points:
        """Prompt the object, see `Prompter`; an empty mask gets an empty point."""
        arrays = masks.cpu().numpy()
        if kind == "box":
            points = [self._box(mask) for mask in arrays]
            labels = [[2, 3] if mask.any() else [_NONE, _NONE] for mask in arrays]
        else:
            points = [[self._click(mask, self._at_centre)] for mask in arrays]
            labels = [[1] if mask.any() else [_NONE] for mask in arrays]
        return _tensors(points, labels, masks.device)

    def correction_click(self, masks: Tensor, predicted: Tensor) -> Points:
        """Click on an error, see `Prompter`: deep in what is larger, the missing or the surplus part."""
        points, labels = [], []
        for truth, found in zip(masks.cpu().numpy(), predicted.cpu().numpy(), strict=True):
            missing, surplus = truth & ~found, found & ~truth
            inside = int(missing.sum()) >= int(surplus.sum())
            wrong = missing if inside else surplus
            points.append([self._click(wrong)])
            labels.append([int(inside) if wrong.any() else _NONE])
        return _tensors(points, labels, masks.device)

    def corrupt(self, found: Tensor, earlier: Tensor) -> Tensor:
        """Return wrong masks, see `training.mask_corruption.corrupt`."""
        return corrupt(found, earlier, self._rng)

    def _click(self, mask: np.ndarray, at_centre: bool = False) -> tuple[float, float]:
        """Draw a pixel (x, y), the deeper the likelier."""
        if not mask.any():
            return 0.0, 0.0
        middle = mask.shape[0] // 2
        if at_centre and mask[middle, middle]:
            return middle - 0.5, middle - 0.5  # the window's centre is a pixel edge; the decoder adds the half again
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        # Everything from a random share of the greatest depth on is as good.
        rows, columns = np.nonzero(depth >= self._rng.uniform(0.15, 1.0) * depth.max())
        pick = int(self._rng.integers(rows.size))
        return float(columns[pick]), float(rows[pick])

    def _box(self, mask: np.ndarray) -> list[tuple[float, float]]:
        if not mask.any():
            return [(0.0, 0.0), (0.0, 0.0)]
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        low = np.array([columns[0], rows[0]], float)
        high = np.array([columns[-1] + 1, rows[-1] + 1], float)
        spread = self._jitter * np.maximum(high - low, 4)
        low = low + self._rng.normal(0, 1, 2).clip(-2, 2) * spread
        high = high + self._rng.normal(0, 1, 2).clip(-2, 2) * spread
        size = mask.shape[0]
        return [tuple(v.clip(0, size).tolist()) for v in (low, high)]


def _tensors(points: list, labels: list, device: torch.device) -> Points:  # type: ignore[type-arg]
    return (
        torch.tensor(points, dtype=torch.float32, device=device),
        torch.tensor(labels, dtype=torch.int32, device=device),
    )
