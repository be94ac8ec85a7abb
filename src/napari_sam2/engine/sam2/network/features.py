"""The values that the network takes and gives: features of images, and masks of objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ABSENT_LOGIT = -1024.0
"""Logit of every pixel where the object is absent."""


@dataclass(frozen=True)
class ImageFeatures:
    """Features of images, before any prompt.

    Attributes
    ----------
    s16 : Tensor, (B, C, S/16, S/16)
        Not conditioned on memory.
    s8 : Tensor, (B, C/4, S/8, S/8)
        Already through the decoder's ``conv_s1``.
    s4 : Tensor, (B, C/8, S/4, S/4)
        Already through the decoder's ``conv_s0``.
    """

    s16: Tensor
    s8: Tensor
    s4: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of the three maps."""
        return sum(t.numel() * t.element_size() for t in (self.s16, self.s8, self.s4))

    def to(self, device: torch.device) -> ImageFeatures:
        """Return the maps on a device; themselves where they are there already."""
        if self.s16.device == device:
            return self
        return ImageFeatures(*(t.to(device) for t in (self.s16, self.s8, self.s4)))

    def select(self, index: Sequence[int] | Tensor) -> ImageFeatures:
        """Return the images ``index`` of the batch, in this order; repeats are allowed.

        Parameters
        ----------
        index : sequence of int, or Tensor of (n,) integers
        """
        if not isinstance(index, Tensor):
            index = torch.tensor(list(index), dtype=torch.long)
        index = index.to(self.s16.device)
        return ImageFeatures(*(t.index_select(0, index) for t in (self.s16, self.s8, self.s4)))

    def repeated(self, count: int) -> ImageFeatures:
        """Return a batch of this one image, which takes no more memory."""
        return ImageFeatures(*(t.expand(count, -1, -1, -1) for t in (self.s16, self.s8, self.s4)))

    def copy_of(self, index: int) -> ImageFeatures:
        """Return a copy of one image of the batch."""
        return ImageFeatures(*(t[index : index + 1].clone() for t in (self.s16, self.s8, self.s4)))

    @staticmethod
    def cat(features: Sequence[ImageFeatures]) -> ImageFeatures:
        """Join the batches of several features."""
        return ImageFeatures(
            torch.cat([f.s16 for f in features]),
            torch.cat([f.s8 for f in features]),
            torch.cat([f.s4 for f in features]),
        )


@dataclass(frozen=True)
class MaskDecoding:
    """The answer of the mask decoder for a batch of objects.

    Attributes
    ----------
    all_logits : Tensor, (B, 4, S/4, S/4) float32
        All masks as predicted, the residual of a drawn prompt included, whether or not the object is there.
    all_iou : Tensor, (B, 4) float32
        Predicted IoU of each.
    low_res_logits : Tensor, (B, 1, S/4, S/4) float32
        The chosen mask; `ABSENT_LOGIT` everywhere where the object is absent.
    iou : Tensor, (B,) float32
        Predicted IoU of the chosen mask.
    object_score : Tensor, (B, 1) float32
        A logit; above 0 the object is there.
    object_pointer : Tensor, (B, C)
        The object in this frame, for later frames.
    """

    all_logits: Tensor
    all_iou: Tensor
    low_res_logits: Tensor
    iou: Tensor
    object_score: Tensor
    object_pointer: Tensor
