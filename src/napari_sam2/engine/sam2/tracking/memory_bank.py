"""The memory of one track: which past frames the network attends to, and as which tokens.

Rules of Meta's ``sam2_base.py`` (``_prepare_memory_conditioned_features``), with two changes that keep memory
bounded: at most ``max_conditioning`` accepted frames are attended, and only the last few other frames are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_sam2.engine.sam2.network.model import Sam2Model


@dataclass(frozen=True)
class Memory:
    """One remembered frame: ``features (B, mem, h, w)`` and ``pointer (B, C)``; B is 1 but in training."""

    features: Tensor
    pointer: Tensor


@dataclass(frozen=True)
class Evidence:
    """Facts about a tracked mask when it is remembered.

    Attributes
    ----------
    iou, object_score : float
        Of the network: predicted IoU, and a logit that is above 0 where the object is there.
    area : int
        Low-resolution pixels of the mask.
    rival : float or None
        See `FrameScores.rival`; None where it was not looked for.
    motion : float or None
        IoU of the mask's box with the one that followed from its motion, 1 where none did; None where motion counts
        for nothing.
    """

    iou: float
    object_score: float
    area: int
    rival: float | None = None
    motion: float | None = None


@dataclass(frozen=True)
class Attended:
    """The memories that a frame attends to, before they are made into tokens.

    Attributes
    ----------
    maps : list of (Tensor, int)
        Memory maps ``(B, mem, h, w)``, each with its entry of the temporal code.
    pointers : list of (Tensor, float)
        Object pointers ``(B, C)``, each with its distance in frames.
    pointer_span : int
        Number of frames that scales the distances (Meta: ``min(num_frames, 16)``).
    """

    maps: list[tuple[Tensor, int]]
    pointers: list[tuple[Tensor, float]]
    pointer_span: int

    @property
    def key(self) -> tuple[int, int]:
        """Number of maps and pointers: what is equal among frames that go through the network together."""
        return len(self.maps), len(self.pointers)

    def tokens(self, model: Sam2Model) -> tuple[Tensor, Tensor, int]:
        """Make the memory tokens for a frame.

        Parameters
        ----------
        model
            Gives position encodings and turns pointers into tokens.

        Returns
        -------
        memory, position : Tensor
            ``(B, N, mem)`` each.
        num_pointer_tokens : int
            How many of the last tokens come from pointers.
        """
        height, width = self.maps[0][0].shape[-2:]
        place = model.memory_position_encoding(height, width).flatten(2).transpose(1, 2)
        memories = [f.flatten(2).transpose(1, 2) for f, _ in self.maps]
        batch = memories[0].shape[0]
        positions = [
            (place + model.maskmem_tpos_enc[when].view(1, 1, -1)).expand(batch, -1, -1) for _, when in self.maps
        ]
        count = 0
        if self.pointers:
            distance = torch.tensor([float(d) for _, d in self.pointers])
            tokens, place = model.pointer_tokens(
                torch.stack([p for p, _ in self.pointers], dim=1), distance / max(self.pointer_span - 1, 1)
            )
            memories.append(tokens)
            positions.append(place)
            count = tokens.shape[1]
        return torch.cat(memories, dim=1), torch.cat(positions, dim=1), count


@dataclass
class MemoryBank:
    """Memories by frame.

    Parameters
    ----------
    recent_frames
        How many previous tracked frames are attended (``num_maskmem - 1``).
    recent_pointers
        How many object pointers are attended at most (``max_obj_ptrs_in_encoder``).
    max_conditioning
        How many accepted frames are attended at most; None: all, as Meta does.
    bounded
        Forget tracked frames that can no longer be attended. Meta keeps all, and its backward pass reads
        forward memories near the prompt; exact mode needs that.
    """

    recent_frames: int
    recent_pointers: int
    max_conditioning: int | None = 4
    bounded: bool = True
    conditioning: dict[int, Memory] = field(default_factory=dict)
    tracked: dict[int, Memory] = field(default_factory=dict)
    pointers: dict[int, Tensor] = field(default_factory=dict)

    def remember(self, frame: int, memory: Memory, step: int, evidence: Evidence | None = None) -> None:
        """Store a tracked frame; ``step`` is the direction, 1 or -1 (times the stride, where frames are left out)."""
        self.tracked[frame] = memory
        self.pointers[frame] = memory.pointer
        if self.bounded:
            # Feature maps are large, pointers are small and live longer.
            self.tracked.pop(frame - step * self.recent_frames, None)
            self.pointers.pop(frame - step * self.recent_pointers, None)

    def attended_conditioning(self, frame: int) -> list[int]:
        """List the accepted frames to attend from ``frame``: the nearest before and after, then by distance."""
        frames = sorted(self.conditioning)
        if self.max_conditioning is None or len(frames) <= self.max_conditioning:
            return frames
        before = [f for f in frames if f < frame]
        after = [f for f in frames if f >= frame]
        chosen = before[-1:] + after[:1]
        rest = sorted((f for f in frames if f not in chosen), key=lambda f: abs(f - frame))
        return sorted(chosen + rest[: self.max_conditioning - len(chosen)])

    def attended(self, frame: int, step: int, pointer_span: int, last_place: int) -> Attended:
        """Choose what a frame attends to.

        Parameters
        ----------
        frame, step
            The frame to be tracked and the direction.
        pointer_span
            See `Attended`.
        last_place
            The entry of the temporal code that stands for accepted frames, the last one.
        """
        chosen = self.attended_conditioning(frame)
        maps = [(self.conditioning[f].features, last_place) for f in chosen]
        for back in range(self.recent_frames, 0, -1):
            memory = self.tracked.get(frame - step * back)
            if memory is not None:
                maps.append((memory.features, back - 1))
        pointers = self._conditioning_pointers(chosen, frame, step)
        for back in range(1, min(self.recent_pointers, pointer_span)):
            pointer = self.pointers.get(frame - step * back)
            if pointer is not None:
                pointers.append((pointer, back))
        return Attended(maps, pointers, pointer_span)

    def tokens(self, model: Sam2Model, frame: int, step: int, pointer_span: int) -> tuple[Tensor, Tensor, int]:
        """Make the memory tokens for a frame; see `attended` and `Attended.tokens`."""
        return self.attended(frame, step, pointer_span, model.maskmem_tpos_enc.shape[0] - 1).tokens(model)

    def _conditioning_pointers(self, frames: list[int], frame: int, step: int) -> list[tuple[Tensor, float]]:
        """List the pointers of the accepted frames on this side of ``frame``, with their distances in steps."""
        return [(self.conditioning[f].pointer, (frame - f) / step) for f in frames if (frame - f) * step >= 0]
