"""The loss of a clip: masks (BCE and Dice), predicted IoU, and presence of the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_sam2.engine.sam2.network.mask_decoder import best_alternative, mean_alternative
from training.unroll import DecoderOutput

_MOST_LOGIT = 60.0  # the residual of a hint alone may reach 16; beyond this BCE only loses precision


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms.

    Attributes
    ----------
    iou, iou_bce, presence : float
        L1 and cross-entropy of the predicted IoU, cross-entropy of the object score; the masks have weight 1. Without
        a little cross-entropy the sigmoid of the IoU head sticks at 0.
    unused : float
        Of the masks that are not shown for this prompt: mask 0 where one of masks 1 to 3 is chosen, and the reverse.
        The best of three alone can be had by listing the objects of an image without a look at the prompt.
    others : float
        Share of the mean over masks 1 to 3 beside the best of them.
    balance : float
        Exponent of the weight that makes the few pixels of a small object count as much as the many around it.
    """

    iou: float = 1.0
    iou_bce: float = 0.2
    presence: float = 0.5
    unused: float = 0.4
    others: float = 0.2
    balance: float = 0.2


@dataclass(frozen=True)
class LossResult:
    """The loss with its graph, and figures without.

    Attributes
    ----------
    loss : Tensor, scalar
    terms : dict of str to float Tensor
        ``mask``, ``iou`` and ``presence``.
    first_iou, last_iou : Tensor, scalar
        Mean true IoU of the shown mask at the first and the last run of the decoder, of objects that are there.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    first_iou: Tensor
    last_iou: Tensor


def clip_loss(outputs: Sequence[DecoderOutput], masks: Tensor, weights: LossWeights) -> LossResult:
    """Compare the outputs of a clip with the truth.

    Parameters
    ----------
    outputs
        Of `training.unroll.unroll`; at least one.
    masks
        ``(B, O, T, S, S)`` bool. Objects that the first frame does not show are left out.
    weights
        Of the terms.
    """
    flat = masks.flatten(0, 1)
    asked = flat[:, 0].flatten(1).any(1).float()
    results = [_output_loss(output, flat[:, output.frame], asked, weights) for output in outputs]
    terms = {
        "mask": torch.stack([r[0] for r in results]).mean(),
        "iou": torch.stack([r[1] for r in results]).mean(),
        "presence": torch.stack([r[2] for r in results]).mean(),
    }
    loss = terms["mask"] + terms["iou"] + weights.presence * terms["presence"]
    figures = {name: value.detach() for name, value in terms.items()}
    return LossResult(loss, figures, results[0][3], results[-1][3])


def _output_loss(
    output: DecoderOutput, truth: Tensor, asked: Tensor, weights: LossWeights
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute the mask, IoU and presence terms of one decoder run, and the true IoU of the shown mask; scalars."""
    decoding = output.decoding
    logits = decoding.all_logits.clamp(-_MOST_LOGIT, _MOST_LOGIT)
    side = logits.shape[-1]
    target = F.avg_pool2d(truth[:, None].float(), truth.shape[-1] // side)
    present = truth.flatten(1).any(1).float()
    counted = present * asked

    by_mask = _mask_loss(logits, target, weights.balance)
    mean = mean_alternative(logits)
    best = _mask_loss(mean, target, weights.balance)[:, 0] if output.averaged else by_mask[:, 1:].amin(1)
    three = (1 - weights.others) * best + weights.others * by_mask[:, 1:].mean(1)
    shown, hidden = (three, by_mask[:, 0]) if output.multimask else (by_mask[:, 0], three)
    mask_term = _mean(shown + weights.unused * hidden, counted)

    with torch.no_grad():
        true_iou = _iou(logits > 0, target > 0.5)
        choice = best_alternative(decoding.all_iou) if output.multimask else torch.zeros_like(present).long()
        of_shown = _iou(mean > 0, target > 0.5) if output.averaged else true_iou.gather(1, choice[:, None])
        shown_iou = _mean(of_shown[:, 0], counted)
    guess = decoding.all_iou
    distance = (guess - true_iou).abs().mean(1)
    # Written out: torch's own refuses what is not finite with an error, where the step is to be skipped.
    sure = guess.clamp(1e-4, 1 - 1e-3)
    entropy = -(true_iou * sure.log() + (1 - true_iou) * (1 - sure).log()).mean(1)
    iou_term = _mean(weights.iou * distance + weights.iou_bce * entropy, counted)

    score = F.binary_cross_entropy_with_logits(decoding.object_score[:, 0], present, reduction="none")
    return mask_term, iou_term, _mean(score, asked), shown_iou


def _mask_loss(logits: Tensor, target: Tensor, balance: float) -> Tensor:
    """Compute BCE plus Dice loss of each mask: (N, M, n, n) and (N, 1, n, n) to (N, M)."""
    target = target.expand_as(logits)
    share = target[:, :1].mean((2, 3), keepdim=True).clamp(2e-3, 0.98)
    weight = (0.5 * (target / share + (1 - target) / (1 - share))) ** balance
    bce = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).mean((2, 3))
    probability = logits.sigmoid()
    overlap = (probability * target).sum((2, 3))
    dice = 1 - (2 * overlap + 1) / (probability.sum((2, 3)) + target.sum((2, 3)) + 1)
    return bce + dice


def _iou(found: Tensor, truth: Tensor) -> Tensor:
    both, either = (found & truth).sum((2, 3)).float(), (found | truth).sum((2, 3)).float()
    return both / either.clamp(min=1)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1)
