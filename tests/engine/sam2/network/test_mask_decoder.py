"""Prompt encoder and mask decoder against transformers'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from napari_sam2.engine.sam2 import ImageFeatures, MaskDecoding, Sam2Model
from support.hf_oracle import PROMPTS, SIZE

Close = Callable[..., float]


@pytest.mark.parametrize("with_mask", [False, True], ids=["", "mask_prompt"])
@pytest.mark.parametrize("kind", PROMPTS)
def test_prompt_encoder_and_mask_decoder(
    model: Sam2Model, oracle: Any, features: ImageFeatures, assert_close: Close, kind: str, with_mask: bool
) -> None:
    coords, marks = PROMPTS[kind]
    points = None if coords is None else torch.tensor(coords).expand(2, -1, -1)
    labels = None if marks is None else torch.tensor(marks, dtype=torch.int32).expand(2, -1)
    mask = 8 * torch.randn(2, 1, SIZE // 4, SIZE // 4, generator=torch.Generator().manual_seed(2))
    mask = mask if with_mask else None
    multimask = marks is None or len(marks) <= 1
    with torch.inference_mode():
        conditioned = model.condition_without_memory(features.s16)
        ours = model.decode(conditioned, features.s8, features.s4, points, labels, mask, multimask)
        # transformers picks masks for a single image only; its answers are joined here.
        theirs = []
        for i in range(2):
            prompt = (_at(points, i), _at(labels, i), _at(mask, i))
            theirs.append(_ask(oracle, features.select([i]), conditioned[i : i + 1], *prompt, multimask))
    for name, actual in _answers(ours).items():
        assert_close(name, actual, torch.cat([answer[name] for answer in theirs]))


def _at(batch: Any, index: int) -> Any:
    return None if batch is None else batch[index : index + 1]


def _answers(ours: MaskDecoding) -> dict[str, Any]:
    return {
        "chosen_logits": ours.low_res_logits,
        "iou": ours.iou,
        "object_score": ours.object_score,
        "object_pointer": ours.object_pointer,
        "masks_1_to_3": ours.all_logits[:, 1:],
        "iou_1_to_3": ours.all_iou[:, 1:],
    }


def _ask(
    oracle: Any, features: ImageFeatures, conditioned: Any, points: Any, labels: Any, mask: Any, multimask: bool
) -> dict[str, Any]:
    inputs = {
        "input_points": None if points is None else points[:, None],
        "input_labels": None if labels is None else labels[:, None],
        "input_masks": mask,
        "image_embeddings": [features.s4, features.s8, conditioned],
    }
    answer = oracle._single_frame_forward(**inputs, multimask_output=multimask)
    # Asking for three masks shows raw logits and IoUs, whatever this prompt chooses.
    masks, ious, *_ = _raw_masks(oracle, inputs)
    return {
        "chosen_logits": answer.pred_masks.reshape(1, 1, SIZE // 4, SIZE // 4),
        "iou": answer.iou_scores.reshape(1, -1).amax(1),
        "object_score": answer.object_score_logits.reshape(1, 1),
        "object_pointer": answer.object_pointer.reshape(1, -1),
        "masks_1_to_3": masks.squeeze(1),
        "iou_1_to_3": ious.squeeze(1),
    }


def _raw_masks(oracle: Any, inputs: dict[str, Any]) -> Any:
    kept = []
    hook = oracle.mask_decoder.register_forward_hook(lambda module, args, output: kept.append(output))
    oracle._single_frame_forward(**inputs, multimask_output=True)
    hook.remove()
    return kept[0]


def test_stability_fallback_takes_the_other_mask_but_not_its_pointer(model: Sam2Model, features: ImageFeatures) -> None:
    points, labels = torch.tensor([[[20.0, 60.0], [99.0, 139.0]]]), torch.tensor([[2, 3]])
    with torch.inference_mode():
        one = features.select([0])
        conditioned = model.condition_without_memory(one.s16)
        decoded = model.decode(conditioned, one.s8, one.s4, points, labels, None, multimask=False)
        unstable = decoded.all_logits.clone()
        unstable[:, 0] = 0.01  # everywhere between the two thresholds
        tokens = torch.randn(1, 4, model.config.d_model)
        chosen = model._choose(unstable, decoded.all_iou, tokens, torch.ones(1, 1), multimask=False)
        best = decoded.all_iou[0, 1:].argmax() + 1
        pointer = model.obj_ptr_proj(tokens[:, 0])
    assert torch.equal(chosen.low_res_logits[0, 0], unstable[0, best])
    assert torch.equal(chosen.object_pointer, pointer)


def test_mask_as_output(model: Sam2Model, oracle: Any, features: ImageFeatures, assert_close: Close) -> None:
    mask = torch.zeros(2, 1, SIZE, SIZE)
    mask[0, :, 60:141, 20:99] = 1  # the second object's mask is empty
    with torch.inference_mode():
        ours = model.mask_as_output(features, mask)
        theirs = oracle._use_mask_as_output(features.s16, [features.s4, features.s8], mask)
        # transformers takes the pointer of the best of masks 1 to 3 here; Meta that of mask 0 (its SAM heads default
        # to a single mask). Ours follows Meta, so ask for it.
        pointer = oracle._single_frame_forward(
            input_masks=oracle.mask_downsample(mask),
            image_embeddings=[features.s4, features.s8, features.s16],
            multimask_output=False,
        ).object_pointer.reshape(2, -1)
        present = torch.tensor([[1.0], [0.0]])
        pointer = present * pointer + (1 - present) * oracle.no_object_pointer
    assert_close("low_res_logits", ours.low_res_logits, theirs.pred_masks)
    assert_close("object_score", ours.object_score, theirs.object_score_logits.reshape(2, 1))
    assert_close("object_pointer", ours.object_pointer, pointer)
