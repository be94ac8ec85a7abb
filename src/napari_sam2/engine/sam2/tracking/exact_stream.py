"""A network at work on one stack of frames by the rules of Meta's predictor (sam2 1.1.0, December 2024).

What an object has been told and what was answered is kept as ``sam2_video_predictor.py`` keeps it. Every answer is
either that of a conditioning frame, which all others attend, or that of a tracked one. A new answer to prompts waits
until the next pass begins; only then its memory is made and other frames see it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import torch

from napari_sam2.engine.sam2.network.layers import resize_antialiased
from napari_sam2.engine.sam2.tracking import crop_window
from napari_sam2.engine.sam2.tracking.memory_bank import Memory, MemoryBank
from napari_sam2.engine.sam2.tracking.prompt_decoding import decode_prompts
from napari_sam2.engine.sam2.tracking.stream import Answer, Stream

if TYPE_CHECKING:
    from torch import Tensor

    from napari_sam2.core.masks import RunLengthMask
    from napari_sam2.core.prompts import PromptSet
    from napari_sam2.engine.protocols import FrameSource, Prediction
    from napari_sam2.engine.sam2.network.model import ImageFeatures, MaskDecoding, Sam2Model
    from napari_sam2.engine.sam2.tracking.embedding_store import EmbeddingStore
    from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer

Sense = Literal[1, -1]


@dataclass
class _Output:
    """The network's answer for an object on a frame; ``memory`` is missing until others may attend it."""

    decoding: MaskDecoding
    memory: Tensor | None = None

    def __post_init__(self) -> None:
        # One is kept for every frame: without the masks that were not chosen.
        chosen = self.decoding
        self.decoding = replace(chosen, all_logits=chosen.low_res_logits, all_iou=chosen.iou[:, None])

    def remembered(self) -> Memory:
        assert self.memory is not None
        return Memory(self.memory, self.decoding.object_pointer)


@dataclass
class _Object:
    """The state of one object, by frame.

    ``new_conditioning`` and ``new_tracked`` are answers to prompts that wait for the next pass. ``visited`` tells in
    which direction a pass came to a frame last: from then on prompts there correct a mask, with memory. ``accepted``:
    conditioning frames that the user accepted or drew.
    """

    conditioning: dict[int, _Output] = field(default_factory=dict)
    tracked: dict[int, _Output] = field(default_factory=dict)
    new_conditioning: dict[int, _Output] = field(default_factory=dict)
    new_tracked: dict[int, _Output] = field(default_factory=dict)
    visited: dict[int, Sense] = field(default_factory=dict)
    accepted: set[int] = field(default_factory=set)

    def shown(self, frame: int) -> _Output | None:
        """Return the latest answer on a frame."""
        for outputs in (self.new_conditioning, self.new_tracked, self.conditioning, self.tracked):
            if frame in outputs:
                return outputs[frame]
        return None


class Sam2ExactStream(Stream):
    """See :class:`~napari_sam2.engine.protocols.ExactVideoStream`."""

    def __init__(self, model: Sam2Model, frames: FrameSource, store: EmbeddingStore, batch_sizer: BatchSizer) -> None:
        super().__init__(model, frames, store, batch_sizer)
        self._objects: dict[int, _Object] = {}

    def close(self) -> None:
        """Let go of the network and of all that it computed."""
        super().close()
        self._objects.clear()

    def _object(self, obj_id: int) -> _Object:
        return self._objects.setdefault(obj_id, _Object())

    # ------------------------------------------------------------------ prompts

    @torch.inference_mode()
    def answer(self, obj_id: int, frame: int, prompts: PromptSet) -> Prediction:
        """Answer all prompts of a frame, upon the answer that it has."""
        known = self._object(obj_id)
        initial = frame not in known.visited or not known.conditioning
        conditions = initial or self._model.config.add_all_frames_to_correct_as_cond
        place = known.new_conditioning if conditions else known.new_tracked
        features = self._features(frame)
        if prompts.mask is not None:
            decoding = self._take(features, prompts.mask.mask)
        else:
            before = place.get(frame) or known.conditioning.get(frame) or known.tracked.get(frame)
            if initial:
                conditioned = self._model.condition_without_memory(features.s16)
            else:
                conditioned = self._attend(known, frame, features, known.visited[frame])
            start = None if before is None else before.decoding.low_res_logits
            decoding = decode_prompts(self._model, features, conditioned, *self._tokens(prompts), start)
        place[frame] = _Output(decoding)
        return self._prediction(place[frame])

    def clear(self, obj_id: int, frame: int) -> Prediction | None:
        """Forget the prompts of a frame, which conditions no other any more; its earlier mask, if there is one."""
        known = self._object(obj_id)
        known.new_conditioning.pop(frame, None)
        known.new_tracked.pop(frame, None)
        output = known.conditioning.pop(frame, None)
        if output is not None:
            known.tracked[frame] = output
            known.visited.pop(frame, None)
        output = known.tracked.get(frame)
        return None if output is None else self._prediction(output)

    @torch.inference_mode()
    def accept(self, obj_id: int, frame: int, mask: RunLengthMask | None = None) -> None:
        """Let a frame condition all others with this mask, or with the answer that it has."""
        known = self._object(obj_id)
        if mask is not None:
            known.new_tracked.pop(frame, None)
            known.new_conditioning[frame] = _Output(self._take(self._features(frame), mask))
        elif frame in known.conditioning or frame in known.new_conditioning:
            return
        else:
            output = known.new_tracked.pop(frame, None) or known.tracked.pop(frame, None)
            if output is None:
                return
            known.new_conditioning[frame] = output
        known.accepted.add(frame)

    def release(self, obj_id: int, frame: int) -> None:
        """Take back :meth:`accept`; the mask stays what it is until the next pass."""
        known = self._object(obj_id)
        if frame not in known.accepted:
            return
        known.accepted.discard(frame)
        output = known.new_conditioning.pop(frame, None) or known.conditioning.pop(frame, None)
        if output is not None:
            (known.new_tracked if output.memory is None else known.tracked)[frame] = output

    def remove(self, obj_id: int) -> None:
        """Forget all of an object."""
        self._objects.pop(obj_id, None)

    # ------------------------------------------------------------------ passes

    @torch.inference_mode()
    def prepare(self, obj_id: int) -> None:
        """Begin a pass: what was answered since the last one is remembered, and seen by other frames."""
        known = self._object(obj_id)
        for new, kept in ((known.new_tracked, known.tracked), (known.new_conditioning, known.conditioning)):
            for frame, output in new.items():
                if output.memory is None:
                    output.memory = self._remember(frame, output.decoding, from_prompts=True)
                kept[frame] = output
            new.clear()
        for frame in known.conditioning:
            known.tracked.pop(frame, None)

    def conditioning(self, obj_id: int) -> list[int]:
        """List the conditioning frames of an object, ascending."""
        return sorted(self._object(obj_id).conditioning)

    @torch.inference_mode()
    def visit(self, obj_id: int, frame: int, step: Sense) -> tuple[Prediction, bool]:
        """Come to a frame in a pass up (1) or down (-1): its mask, and whether it was tracked just now."""
        known = self._object(obj_id)
        output = known.conditioning.get(frame)
        is_tracked = output is None
        if output is None:
            (output,) = self._batch_sizer.track(lambda _: [self._track(known, frame, step)], [frame])
            known.tracked[frame] = output
        known.visited[frame] = step
        return self._prediction(output), is_tracked

    def shown(self, obj_id: int, frame: int) -> Prediction | None:
        """Return the mask that a frame has, if it has one."""
        output = self._object(obj_id).shown(frame)
        return None if output is None else self._prediction(output)

    def _track(self, known: _Object, frame: int, step: Sense) -> _Output:
        features = self._features(frame)
        conditioned = self._attend(known, frame, features, step)
        last = known.shown(frame - step)
        decoding = self._decode_tracked(
            features, conditioned, None if last is None else last.decoding.low_res_logits, known=None
        )
        return _Output(decoding, self._remember(frame, decoding, from_prompts=False))

    # ------------------------------------------------------------------ the network

    def _features(self, frame: int) -> ImageFeatures:
        return self.embeddings.get([(frame, crop_window.whole_frame(self._shape))])[0]

    def _take(self, features: ImageFeatures, mask: RunLengthMask) -> MaskDecoding:
        """Take a mask as its own answer; the network only makes the memory and the pointer from it."""
        size = self._model.config.image_size
        picture = torch.from_numpy(mask.decode()).to(self._model.device).float()[None, None]
        if self._shape != (size, size):
            picture = resize_antialiased(picture, (size, size))
        return self._model.mask_as_output(features, (picture >= 0.5).float())

    def _tokens(self, prompts: PromptSet) -> tuple[Tensor, Tensor]:
        """Box corners, then clicks: ``(1, P, 2)`` xy in input pixels, ``(1, P)`` labels; no half pixel is added."""
        box = [] if prompts.box is None else [(prompts.box.x0, prompts.box.y0, 2), (prompts.box.x1, prompts.box.y1, 3)]
        rows = [*box, *((p.x, p.y, int(p.positive)) for p in prompts.points)]
        height, width = self._shape
        device = self._model.device
        places = torch.tensor([[(x, y) for x, y, _ in rows]], dtype=torch.float32)
        places = places / torch.tensor([width, height]) * self._model.config.image_size
        return places.to(device), torch.tensor([[kind for *_, kind in rows]], dtype=torch.int32, device=device)

    def _attend(self, known: _Object, frame: int, features: ImageFeatures, step: Sense) -> Tensor:
        """Features conditioned on all conditioning frames and on the last few tracked ones, in this direction."""
        config = self._model.config
        span = min(self._count, config.max_obj_ptrs_in_encoder)
        near = [f for back in range(1, max(config.num_maskmem, span)) if (f := frame - step * back) in known.tracked]
        tracked = {f: known.tracked[f].remembered() for f in near}
        bank = MemoryBank(
            recent_frames=config.num_maskmem - 1,
            recent_pointers=config.max_obj_ptrs_in_encoder,
            max_conditioning=None,
            conditioning={f: output.remembered() for f, output in known.conditioning.items()},
            tracked=tracked,
            pointers={f: memory.pointer for f, memory in tracked.items()},
        )
        tokens, position, pointers = bank.tokens(self._model, frame, step, span)
        return self._model.condition_on_memory(features.s16, tokens, position, pointers)

    def _remember(self, frame: int, decoding: MaskDecoding, from_prompts: bool) -> Tensor:
        binarise = from_prompts and self._model.config.binarize_mask_from_pts_for_mem_enc
        return self._encode(self._features(frame).s16, decoding.low_res_logits, decoding.object_score, binarise)

    def _prediction(self, output: _Output) -> Prediction:
        decoding = output.decoding
        window = crop_window.whole_frame(self._shape)
        return self._shown([Answer(decoding.low_res_logits, decoding.iou, decoding.object_score, window)])[0]
