"""What every way to work on a stack of frames has in common: the network, its embeddings, and masks from logits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from napari_sam2.engine.options import TrackingOptions
from napari_sam2.engine.protocols import CropWindow, FrameScores, Prediction, ReadsParts
from napari_sam2.engine.sam2.tracking import crop_window, limits
from napari_sam2.engine.sam2.tracking.embedding_cache import EmbeddingCache
from napari_sam2.engine.sam2.tracking.mask_cleanup import drop_disconnected
from napari_sam2.engine.sam2.tracking.policy import TrackingPolicy
from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sam2.engine.protocols import FrameSource
    from napari_sam2.engine.sam2.network.model import ImageFeatures, MaskDecoding, Sam2Model
    from napari_sam2.engine.sam2.tracking.embedding_store import EmbeddingStore
    from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer


class Stream:
    """A network, a stack of frames, and the embeddings made so far."""

    def __init__(
        self,
        model: Sam2Model,
        frames: FrameSource,
        store: EmbeddingStore,
        batch_sizer: BatchSizer,
        options: TrackingOptions | None = None,
    ) -> None:
        self._count = len(frames)
        shape = frames.frame_shape if isinstance(frames, ReadsParts) else frames[0].shape
        self._shape = (int(shape[0]), int(shape[1]))
        self._options = options or TrackingOptions()
        self._whole = crop_window.whole_frame(self._shape)
        if self._options.letterbox:
            self._whole = crop_window.letterbox(self._shape, self._options.pixel_spacing)
        self._batch_sizer = batch_sizer
        self._policy = TrackingPolicy.of(model.config)
        # All that holds on to the network, so that it can be let go of in one place.
        self._loaded: tuple[Sam2Model, EmbeddingCache] | None = (
            model,
            EmbeddingCache(model, frames, store, batch_sizer),
        )

    @property
    def _model(self) -> Sam2Model:
        return self._parts[0]

    @property
    def embeddings(self) -> EmbeddingCache:
        """The embeddings of this stack."""
        return self._parts[1]

    @property
    def _parts(self) -> tuple[Sam2Model, EmbeddingCache]:
        if self._loaded is None:
            raise NapariSam2Error("The model of this session was unloaded; load it again with load_predictor.")
        return self._loaded

    def close(self) -> None:
        """Let go of the network; whatever is asked afterwards is an error."""
        self._loaded = None

    @property
    def sees_whole_frames(self) -> bool:
        """See :class:`~napari_sam2.engine.protocols.EncodesAhead`."""
        return True

    def encode_ahead(
        self,
        frames: Iterable[int],
        window: CropWindow | None = None,
        *,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Make the embeddings of frames ahead; see :class:`~napari_sam2.engine.protocols.EncodesAhead`."""
        if window is None:
            window = self._whole
        return self.embeddings.encode_ahead(frames, window, cancelled, progress)

    def count_encoded(self, frames: Iterable[int]) -> int:
        """See :class:`~napari_sam2.engine.protocols.EncodesAhead`."""
        return self.embeddings.count(frames, self._whole)

    def _encode(
        self, s16: Tensor, low_res: Tensor, object_score: Tensor, binarise: bool, limit: Tensor | None = None
    ) -> Tensor:
        """Make the memory of a frame from its low-resolution logits, none above `LIMIT_LOGIT` within ``limit``."""
        return encode_low_res(self._model, s16, low_res, object_score, binarise, limit)

    def _decode_tracked(
        self,
        batch: ImageFeatures,
        conditioned: Tensor,
        last: Tensor | None,
        known: Tensor | None,
        alternative: int | None = None,
    ) -> MaskDecoding:
        """Masks that follow the last ones; for a small model also where it loses an object that is known to be there.

        What the alternatives differ in on a tracked frame is not which object is meant but where its edge is: a small
        model's mean of them is better than the one that it prefers. And accepted frames far ahead, with masks of
        another size, make such a model lose an object beside the frame that it is tracked from.

        ``alternative`` is the one to take, 1 to 3; None: as the model prefers.
        """
        policy, hint = self._policy, self._model.config.prompt_hint
        previous = None
        if policy.feeds_last_mask and last is not None:
            previous = last if hint is None else last.clamp(-hint.clamp, hint.clamp)
        decoding = self._model.decode(
            conditioned,
            batch.s8,
            batch.s4,
            None,
            None,
            previous,
            multimask=True,
            residual_row=1 if policy.feeds_last_mask else None,
            known=known if policy.trusts_frames_ahead else None,
            averaged=policy.averages_alternatives and alternative is None,
            alternative=alternative,
        )
        if last is None or not policy.drops_disconnected_parts:
            return decoding
        return replace(decoding, low_res_logits=drop_disconnected(decoding.low_res_logits, last))

    def _shown(self, answers: Sequence[Answer]) -> list[Prediction]:
        """Turn low-resolution logits of windows into masks of frames; they come to the host all at once."""
        found = [crop_window.logits_in_frame(a.logits.float(), a.window, self._shape) for a in answers]
        numbers = [torch.stack([a.iou.flatten()[0], a.object_score.flatten()[0]]).float() for a in answers]
        on_host = to_host([*(part for part, _ in found), *numbers])
        predictions = []
        for answer, (_, (y, x)), part, scores in zip(
            answers, found, on_host[: len(answers)], on_host[len(answers) :], strict=True
        ):
            if answer.forbidden is not None:
                held = answer.forbidden[y : y + part.shape[0], x : x + part.shape[1]]
                part = np.where(held, np.minimum(part, np.float32(limits.LIMIT_LOGIT)), part)
            told = FrameScores(float(scores[0]), float(scores[1]), answer.rival)
            whole = None if part.shape == self._shape else self._shape
            predictions.append(Prediction(part, told, answer.window, answer.state, (y, x), whole))
        return predictions


@dataclass(frozen=True)
class Answer:
    """What is to be shown of one object on one frame.

    ``logits (1, 1, n, n)`` lie in ``window``; ``iou`` and ``object_score`` have one value; ``forbidden (Y, X) bool``
    is where the object must not be; the rest goes into the `Prediction` as it is.
    """

    logits: Tensor
    iou: Tensor
    object_score: Tensor
    window: CropWindow
    state: object = None
    forbidden: NDArray[np.bool_] | None = None
    rival: float | None = None


def to_host(tensors: Sequence[Tensor]) -> list[NDArray[np.float32]]:
    """Return float32 tensors of one device as arrays; the host waits for the device once."""
    if all(t.device.type == "cpu" for t in tensors):
        return [t.numpy() for t in tensors]
    flat = torch.cat([t.reshape(-1) for t in tensors]).cpu()
    parts = flat.split([t.numel() for t in tensors])  # type: ignore[no-untyped-call]
    return [part.reshape(t.shape).numpy() for part, t in zip(parts, tensors, strict=True)]


def encode_low_res(
    model: Sam2Model, s16: Tensor, low_res: Tensor, object_score: Tensor, binarise: bool, limit: Tensor | None = None
) -> Tensor:
    """Make memories (B, mem, h, w) from low-resolution logits, none above `LIMIT_LOGIT` within ``limit (B, 1, S, S)``.

    See `Sam2Model.encode_memory` for the other parameters.
    """
    size = model.config.image_size
    high = F.interpolate(low_res, size=(size, size), mode="bilinear", align_corners=False)
    return model.encode_memory(s16, limits.limited(high, limit), object_score, binarise=binarise)
