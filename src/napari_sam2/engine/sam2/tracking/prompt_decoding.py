"""From prompts to masks on one frame: the window, the order in which prompts are fed, the drawn hints.

An answer follows from the prompts alone (history leaves no trace): several clicks are fed one after the other,
each on the logits of the last, as SAM 2 was trained.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from napari_sam2.core.masks import bounding_box
from napari_sam2.core.prompts import PromptSet
from napari_sam2.engine.protocols import CropWindow
from napari_sam2.engine.sam2.network.model import ImageFeatures
from napari_sam2.engine.sam2.tracking import crop_window
from napari_sam2.engine.sam2.tracking.mask_cleanup import drop_small
from napari_sam2.engine.sam2.tracking.policy import TrackingPolicy
from napari_sam2.engine.sam2.tracking.prompt_hint import draw_hint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sam2.engine.options import ClickMask
    from napari_sam2.engine.sam2.network.config import ZoomPolicy
    from napari_sam2.engine.sam2.network.model import MaskDecoding, Sam2Model
    from napari_sam2.engine.sam2.tracking.embedding_cache import EmbeddingCache

BASE_LOGIT = 10.0
_BASE_CLAMP = 32.0  # Meta clamps earlier logits so, before they are fed as a mask prompt
_MOST_GROWTH = 4.0  # times the area of a mask: what a click upon it hardly ever means
_CRUMB = 0.01  # of the window: a mask smaller than this says nothing about the size
_ALTERNATIVES = {"surest": None, "single": 0, "first": 1}
_LOST_CLICK_SIDE = 64.0 / 1.7  # where no window around a click shows a mask


class Prompting:
    """Answers prompts of one object on one frame.

    Parameters
    ----------
    model, embeddings
        The network and the embeddings of the stack.
    shape
        ``(Y, X)`` of a frame.
    zoom
        How to choose the window; None: the whole frame.
    whole
        The window of a whole frame.
    click_mask
        See `TrackingOptions.click_mask`.
    """

    def __init__(
        self,
        model: Sam2Model,
        embeddings: EmbeddingCache,
        shape: tuple[int, int],
        zoom: ZoomPolicy | None,
        whole: CropWindow,
        click_mask: ClickMask = "surest",
    ) -> None:
        self._model = model
        self._policy = TrackingPolicy.of(model.config)
        self._embeddings = embeddings
        self._shape = shape
        self._zoom = zoom
        self._whole = whole
        self._alternative = _ALTERNATIVES[click_mask]

    def refine(
        self, features: ImageFeatures, conditioned: Tensor, prompts: PromptSet, window: CropWindow, start: Tensor | None
    ) -> MaskDecoding:
        """Feed the prompts one after the other, each on the logits of the one before."""
        coordinates, labels = self._tokens(prompts, window)
        corners = 0 if prompts.box is None else 2
        first = corners or (1 if start is not None else _first_positive(labels))
        decoding: MaskDecoding | None = None
        for stop in range(first, labels.shape[1] + 1):
            points, kinds = coordinates[:, :stop], labels[:, :stop]
            before = start if decoding is None else decoding.low_res_logits
            decoding = decode_prompts(self._model, features, conditioned, points, kinds, before, self._alternative)
        assert decoding is not None
        if start is not None or prompts.box is None or not self._policy.drops_small_parts:
            return decoding
        logits = drop_small(decoding.low_res_logits, coordinates, labels, self._model.config.image_size)
        return replace(decoding, low_res_logits=logits)

    def _tokens(self, prompts: PromptSet, window: CropWindow) -> tuple[Tensor, Tensor]:
        """Box corners, then clicks: ``(1, P, 2)`` xy in input pixels, ``(1, P)`` labels. The one place of the swap."""
        scale_y = self._model.config.image_size / window.height
        scale_x = self._model.config.image_size / window.width
        # The prompt encoder adds half an input pixel; a click is a voxel's centre, which lies at i + 0.5.
        rows: list[tuple[float, float, int]] = []
        if prompts.box is not None:
            b = prompts.box
            rows += [((b.x0 - window.x0) * scale_x, (b.y0 - window.y0) * scale_y, 2)]
            rows += [((b.x1 - window.x0) * scale_x, (b.y1 - window.y0) * scale_y, 3)]
        for p in prompts.points:
            x = (p.x + 0.5 - window.x0) * scale_x - 0.5
            y = (p.y + 0.5 - window.y0) * scale_y - 0.5
            rows.append((x, y, int(p.positive)))
        device = self._model.device
        coordinates = torch.tensor([[(x, y) for x, y, _ in rows]], dtype=torch.float32, device=device)
        return coordinates, torch.tensor([[kind for *_, kind in rows]], dtype=torch.int32, device=device)

    def window(
        self, frame: int, prompts: PromptSet, base: NDArray[np.bool_] | None, window: CropWindow | None
    ) -> CropWindow:
        """Choose the window for these prompts: as large as the object asks, around ``base`` if they correct a mask."""
        if self._zoom is None:
            return self._whole
        points = [(p.y + 0.5, p.x + 0.5) for p in prompts.points]
        if base is not None:
            if window is None:
                box = bounding_box(base)
                assert box is not None
                window = crop_window.square_around(box, self._zoom.factor, self._zoom.min_side_px)
        elif prompts.box is not None:
            b = prompts.box
            window = crop_window.square_around((b.y0, b.x0, b.y1, b.x1), self._zoom.factor, self._zoom.min_side_px)
        else:
            window = self._click_window(frame, prompts)
        return crop_window.including(window, points)

    def _click_window(self, frame: int, prompts: PromptSet) -> CropWindow:
        """Try windows of several sizes around the click; cut once more around the mask that suits its window best.

        Of each mask counts the predicted IoU, minus penalties where it touches the border, is small in its window,
        or nearly fills it (the card of the model).
        """
        assert self._zoom is not None
        click = next((p for p in prompts.points if p.positive), prompts.points[0])
        cy, cx = click.y + 0.5, click.x + 0.5
        longest = float(max(self._shape))
        sides = sorted({min(float(s), longest) for s in self._zoom.click_sides_px})
        tried = [CropWindow(cy - s / 2, cx - s / 2, cy + s / 2, cx + s / 2) for s in sides]
        best: tuple[float, tuple[float, float, float, float]] | None = None
        asked = PromptSet(points=(click,)) if click.positive else prompts
        tokens = [self._tokens(asked, window) for window in tried]
        coordinates, labels = torch.cat([xy for xy, _ in tokens]), torch.cat([kinds for _, kinds in tokens])
        features = ImageFeatures.cat(self._embeddings.get([(frame, w) for w in tried]))
        conditioned = self._model.condition_without_memory(features.s16)
        decoding = decode_prompts(self._model, features, conditioned, coordinates, labels, None, self._alternative)
        for k, window in enumerate(tried):
            mask = decoding.low_res_logits[k, 0] > 0
            box = crop_window.box_in_window(mask)
            if box is None:
                continue
            n = mask.shape[0]
            span = max(box[2] - box[0], box[3] - box[1]) / n
            touches = box[0] == 0 or box[1] == 0 or box[2] == n or box[3] == n
            score = float(decoding.iou[k]) - 0.3 * touches - 0.3 * (span < 0.2) - 0.2 * (span > 0.85)
            if best is None or score > best[0]:
                best = score, crop_window.to_frame_box(box, n, window)
        if best is None:
            half = _LOST_CLICK_SIDE / 2
            best = 0.0, (cy - half, cx - half, cy + half, cx + half)
        return crop_window.square_around(best[1], self._zoom.factor, self._zoom.min_side_px)

    def mask_logits(self, mask: NDArray[np.bool_], window: CropWindow) -> Tensor:
        """Turn a mask of the frame into low-resolution logits of a window."""
        soft = crop_window.crop_mask(mask, window, self._model.config.image_size // 4, self._model.device)
        return soft * (2 * BASE_LOGIT) - BASE_LOGIT


def decode_prompts(
    model: Sam2Model,
    features: ImageFeatures,
    conditioned: Tensor,
    points: Tensor,
    labels: Tensor,
    before: Tensor | None,
    alternative: int | None = None,
) -> MaskDecoding:
    """Answer prompts upon the logits ``before (B, 1, S/4, S/4)`` where there are any; see `Sam2Model.decode`."""
    if model.config.prompt_hint is not None:
        return decode_drawn(model, features, conditioned, points, labels, before, alternative)
    hint = None if before is None else before.clamp(-_BASE_CLAMP, _BASE_CLAMP)
    multimask = labels.shape[1] <= 1
    return model.decode(conditioned, features.s8, features.s4, points, labels, hint, multimask, alternative=alternative)


def decode_drawn(
    model: Sam2Model,
    features: ImageFeatures,
    conditioned: Tensor,
    points: Tensor,
    labels: Tensor,
    before: Tensor | None,
    alternative: int | None = None,
) -> MaskDecoding:
    """Answer prompts that are drawn as hints, upon the logits ``before (B, 1, S/4, S/4)`` where there are any.

    In use and in training; see `Sam2Model.decode` for the other parameters.
    """
    config = model.config
    assert config.prompt_hint is not None
    limits_growth = TrackingPolicy.of(config).limits_growth
    return model.decode(
        conditioned,
        features.s8,
        features.s4,
        points,
        labels,
        draw_hint(points, labels, config.image_size, config.prompt_hint, base=before),
        multimask=labels.shape[1] <= 1,
        residual_row=int(before is not None),
        most_area=growth_limit(before) if before is not None and limits_growth else None,
        alternative=alternative,
    )


def growth_limit(before: Tensor) -> Tensor:
    """Return the most pixels (B,) of a small model's answer to a click upon masks, given as logits (B, 1, h, w)."""
    area = (before > 0).flatten(1).sum(1).float()
    return torch.where(area < _CRUMB * before[0, 0].numel(), torch.inf, _MOST_GROWTH * area)


def _first_positive(labels: Tensor) -> int:
    """Return the number of clicks that the first decoding takes: up to the first positive one, or all where none is."""
    positive = torch.nonzero(labels[0] == 1).flatten()
    return int(positive[0]) + 1 if positive.numel() else int(labels.shape[1])
