"""Objects found without a prompt: a grid of clicks, the sure and stable answers, each object once.

The method is that of Kirillov et al. 2023 (Segment Anything, section "automatic mask generation"). A model that zooms
answers each click through windows of its own, first of several sizes, then once more around the mask that was found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_sam2.core.masks import bounding_box
from napari_sam2.engine.protocols import CropWindow, FrameScores, Prediction, Proposal
from napari_sam2.engine.sam2.network.model import ImageFeatures
from napari_sam2.engine.sam2.tracking import crop_window
from napari_sam2.engine.sam2.tracking.prompt_decoding import decode_prompts
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sam2.engine.sam2.network.config import ZoomPolicy
    from napari_sam2.engine.sam2.network.model import MaskDecoding, Sam2Model
    from napari_sam2.engine.sam2.tracking.embedding_cache import EmbeddingCache
    from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer

Click = tuple[float, float]
_CLICKS_ALONG = 16
_FINER = 2  # grids, each of half the spacing of the one before; the first alone misses every second small nucleus
_DELTA = 1.0  # logits by which the threshold is moved, as in Segment Anything
_LARGEST = 0.85  # of the window or the frame: more is ground, or an object that is cut off
_SMALLEST = 0.15  # of its window, in length
_SAMPLE, _ENOUGH, _FAIR_SHARE = 24, 8, 0.15  # clicks that show how large objects are, if enough have an answer
MIN_IOU, MIN_STABILITY = 0.8, 0.9
# Pixels of the frame. Of an object of ten pixels, an edge that is as sharp as the picture is a fifth of its area: no
# answer is stable by the ratio of areas alone. Measured on nuclei outside the validation sets.
MAX_BLUR_PX = 0.75
SMALL_MIN_IOU = 0.65  # a small model is less sure of small cells, which its smallest window shows coarsely


@dataclass(frozen=True)
class Criteria:
    """Thresholds of a proposal; see `Proposes.propose`.

    ``max_blur_px``: an answer is stable, too, whose edge moves by less than this with the threshold.
    """

    min_iou: float
    min_stability: float
    max_overlap: float
    max_blur_px: float = 0.0


@dataclass(frozen=True)
class _Found:
    """An answer to a click: its mask ``(h, w) bool`` at a corner of the frame, and how good it is."""

    click: Click
    window: CropWindow
    mask: NDArray[np.bool_]
    corner: tuple[int, int]
    iou: float
    side: float

    def overlap(self, other: _Found) -> float:
        """Return the IoU of the two masks."""
        y0, x0 = (max(a, b) for a, b in zip(self.corner, other.corner, strict=True))
        y1, x1 = (min(a, b) for a, b in zip(self.end, other.end, strict=True))
        if y0 >= y1 or x0 >= x1:
            return 0.0
        own, its = (
            f.mask[y0 - f.corner[0] : y1 - f.corner[0], x0 - f.corner[1] : x1 - f.corner[1]] for f in (self, other)
        )
        common = int(np.count_nonzero(own & its))
        return common / (int(self.mask.sum()) + int(other.mask.sum()) - common)

    @property
    def end(self) -> tuple[int, int]:
        """Row and column after the last ones."""
        return self.corner[0] + self.mask.shape[0], self.corner[1] + self.mask.shape[1]


class Proposer:
    """Finds the objects of one frame.

    Parameters
    ----------
    model, embeddings, batch_sizer
        The network, the embeddings of the stack, and how much is computed at once.
    shape
        ``(Y, X)`` of a frame.
    zoom
        How to choose windows; None: the whole frame.
    whole
        The window of a whole frame.
    criteria
        What proposals must be.
    """

    def __init__(
        self,
        model: Sam2Model,
        embeddings: EmbeddingCache,
        batch_sizer: BatchSizer,
        shape: tuple[int, int],
        zoom: ZoomPolicy | None,
        whole: CropWindow,
        criteria: Criteria,
    ) -> None:
        self._model, self._embeddings, self._batch_sizer = model, embeddings, batch_sizer
        self._shape, self._zoom, self._whole, self._criteria = shape, zoom, whole, criteria

    def propose(
        self,
        frame: int,
        spacing_px: float | None,
        forbidden: NDArray[np.bool_] | None,
        cancelled: Callable[[], bool] | None,
        progress: Callable[[int, int], None] | None,
    ) -> list[Proposal]:
        """Answer a grid of clicks and keep each object once, the best first.

        Where nobody chose the spacing and the objects are smaller than it, most were missed: then a finer grid follows,
        of clicks beside what was found.
        """
        spacing = checked_spacing(self._shape, spacing_px)
        found: list[_Found] = []
        done = 0
        is_cancelled = False
        for _ in range(1 if spacing_px is not None else 1 + _FINER):
            clicks = grid_of_clicks(self._shape, spacing, self._covered(found, forbidden))
            for answered, good in self._answers(frame, clicks, self._sides_of(found)):
                # Suppressed as they come, so that no more is held than there are objects.
                found = self._suppressed([*found, *good])
                if progress is not None:
                    progress(done + answered, done + len(clicks))
                is_cancelled = cancelled is not None and cancelled()
                if is_cancelled:
                    break
            if is_cancelled or not found or np.median([one.mask.sum() ** 0.5 for one in found]) >= spacing:
                break
            done, spacing = done + len(clicks), spacing / 2
        if self._zoom is not None:
            found = self._suppressed(self._looked_at_again(frame, found))
        return [self._proposal(one) for one in found]

    def _covered(self, found: Sequence[_Found], forbidden: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return where no click is needed."""
        if not found:
            return forbidden
        covered = np.zeros(self._shape, bool) if forbidden is None else forbidden.copy()
        for one in found:
            covered[one.corner[0] : one.end[0], one.corner[1] : one.end[1]] |= one.mask
        return covered

    # ------------------------------------------------------------------ answers

    def _sides_of(self, found: Sequence[_Found]) -> list[float]:
        """Return the sides of windows to try: those through which objects were found, at first all that fit."""
        if self._zoom is None:
            return []
        votes = Counter(one.side for one in found)
        if votes:
            return sorted(side for side in votes if votes[side] >= _FAIR_SHARE * votes.total())
        longest = max(self._shape)
        return [float(s) for s in sorted(self._zoom.click_sides_px) if s <= longest] or [float(longest)]

    def _answers(
        self, frame: int, clicks: Sequence[Click], sides: Sequence[float]
    ) -> Iterator[tuple[int, list[_Found]]]:
        """Yield how many clicks were answered, and the good answers of the last ones."""
        if self._zoom is None:
            features = self._embeddings.get([(frame, self._whole)])[0]
            at_once = self._batch_sizer.objects_at_once * 2
            for start in range(0, len(clicks), at_once):
                part = clicks[start : start + at_once]
                yield start + len(part), self._through([features] * len(part), part, [self._whole] * len(part))
            return
        order = np.random.default_rng(0).permutation(len(clicks))  # the first few are spread over the frame
        votes: Counter[float] = Counter()
        for start in range(0, len(order), _SAMPLE):
            part = [clicks[i] for i in order[start : start + _SAMPLE]]
            good = self._in_windows(frame, part, sides)
            if start == 0:
                votes.update(one.side for one in good)
                if votes.total() >= _ENOUGH:
                    sides = [s for s in sides if votes[s] >= _FAIR_SHARE * votes.total()]
            yield start + len(part), good

    def _in_windows(self, frame: int, clicks: Sequence[Click], sides: Sequence[float]) -> list[_Found]:
        """Answer each click through windows of several sides; the best answer of each."""
        best: dict[Click, _Found] = {}
        for side in sides:
            windows = [crop_window.square_around((y, x, y, x), 1.0, side) for y, x in clicks]
            features = self._embeddings.encode_once([(frame, window) for window in windows])
            for one in self._through(features, clicks, windows):
                if one.click not in best or one.iou > best[one.click].iou:
                    best[one.click] = one
        return list(best.values())

    def _looked_at_again(self, frame: int, found: Sequence[_Found]) -> list[_Found]:
        """Answer the clicks of good masks through windows that suit these masks; of both answers the surer one."""
        assert self._zoom is not None
        better: list[_Found] = []
        for start in range(0, len(found), _SAMPLE):
            part = found[start : start + _SAMPLE]
            boxes = [self._box(one) for one in part]
            windows = [crop_window.square_around(b, self._zoom.factor, self._zoom.min_side_px) for b in boxes]
            features = self._embeddings.encode_once([(frame, window) for window in windows])
            again = {one.click: one for one in self._through(features, [one.click for one in part], windows)}
            better += [max(one, again.get(one.click, one), key=lambda f: f.iou) for one in part]
        return better

    def _through(
        self, features: Sequence[ImageFeatures], clicks: Sequence[Click], windows: Sequence[CropWindow]
    ) -> list[_Found]:
        """Answer one click through each window; only good answers."""
        model, size = self._model, self._model.config.image_size
        shared = all(f is features[0] for f in features)

        def decode(members: Sequence[int]) -> list[_Found | None]:
            batch = features[0] if shared else ImageFeatures.cat([features[i] for i in members])
            s16 = batch.s16.expand(len(members), -1, -1, -1)
            places = [
                (
                    (clicks[i][1] - windows[i].x0) * size / windows[i].width - 0.5,
                    (clicks[i][0] - windows[i].y0) * size / windows[i].height - 0.5,
                )
                for i in members
            ]
            points = torch.tensor(places, dtype=torch.float32, device=model.device)[:, None]
            labels = torch.ones(len(members), 1, dtype=torch.int32, device=model.device)
            conditioned = model.condition_without_memory(s16)
            decoding = decode_prompts(model, batch, conditioned, points, labels, None)
            return [self._good(decoding, k, clicks[i], windows[i]) for k, i in enumerate(members)]

        answers = self._batch_sizer.track(decode, range(len(clicks)))
        return [one for one in answers if one is not None]

    def _good(self, decoding: MaskDecoding, k: int, click: Click, window: CropWindow) -> _Found | None:
        """Return an answer if it meets the criteria."""
        iou, logits = float(decoding.iou[k]), decoding.low_res_logits[k : k + 1].float()
        if iou < self._criteria.min_iou or not self._is_stable(logits, window):
            return None
        if self._zoom is not None and not _fits(logits[0, 0] > 0):
            return None
        part, (y, x) = crop_window.logits_in_frame(logits, window, self._shape)
        mask = (part > 0).cpu().numpy()
        box = bounding_box(mask)
        if box is None or mask.sum() > _LARGEST * self._shape[0] * self._shape[1]:
            return None
        y0, x0, y1, x1 = box
        return _Found(click, window, mask[y0:y1, x0:x1].copy(), (y + y0, x + x0), iou, window.height)

    def _is_stable(self, logits: Tensor, window: CropWindow) -> bool:
        """Return whether the mask stays what it is with a higher or a lower threshold."""
        small, large = (int((logits > threshold).sum()) for threshold in (_DELTA, -_DELTA))
        if not large:
            return False
        # As of discs of these areas, in pixels of the frame.
        pixel = (window.height * window.width / logits[0, 0].numel()) ** 0.5
        blur = (large**0.5 - small**0.5) / np.pi**0.5 * pixel
        return small / large >= self._criteria.min_stability or blur < self._criteria.max_blur_px

    # ------------------------------------------------------------------ each object once

    def _suppressed(self, found: Sequence[_Found]) -> list[_Found]:
        """Keep of doubles the one with the better predicted IoU."""
        kept: list[_Found] = []
        for one in sorted(found, key=lambda f: -f.iou):
            if all(one.overlap(other) <= self._criteria.max_overlap for other in kept):
                kept.append(one)
        return kept

    def _box(self, one: _Found) -> tuple[float, float, float, float]:
        return float(one.corner[0]), float(one.corner[1]), float(one.end[0]), float(one.end[1])

    def _proposal(self, one: _Found) -> Proposal:
        part = np.where(one.mask, np.float32(1), np.float32(-1))
        scores = FrameScores(one.iou, 0.0)
        encoded = Prediction(part, scores, one.window, None, one.corner, self._shape).encoded()
        return Proposal(encoded, one.iou, (one.click[0] - 0.5, one.click[1] - 0.5))


def checked_spacing(shape: tuple[int, int], spacing_px: float | None) -> float:
    """Return the pixels from click to click; None: a share of the frame's shorter side."""
    spacing = min(shape) / _CLICKS_ALONG if spacing_px is None else float(spacing_px)
    if not np.isfinite(spacing) or spacing <= 0:
        raise NapariSam2Error(f"spacing_px={spacing_px!r} must be a number of pixels above zero, or None.")
    return spacing


def grid_of_clicks(shape: tuple[int, int], spacing: float, forbidden: NDArray[np.bool_] | None) -> list[Click]:
    """List clicks ``(y, x)`` in pixel edges, in the middles of square cells of the frame, not on forbidden pixels."""
    spacing = max(spacing, 1.0)
    # The rest that no cell fits in is shared between both borders.
    rows, columns = (
        np.arange(max(1, int(n // spacing))) * spacing + (n - (max(1, int(n // spacing)) - 1) * spacing) / 2
        for n in shape
    )
    clicks = [(float(y), float(x)) for y in rows for x in columns]
    return [c for c in clicks if forbidden is None or not forbidden[int(c[0]), int(c[1])]]


def _fits(mask: Tensor) -> bool:
    """Return whether an object lies in its window with a rim, neither as a speck nor filling it."""
    box = crop_window.box_in_window(mask)
    if box is None:
        return False
    n = mask.shape[-1]
    touches = box[0] == 0 or box[1] == 0 or box[2] == n or box[3] == n
    return not touches and _SMALLEST <= max(box[2] - box[0], box[3] - box[1]) / n <= _LARGEST
