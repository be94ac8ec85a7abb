"""Our network against transformers' Sam2VideoModel with the same random weights, in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from napari_sam2.engine.sam2 import ImageFeatures, Sam2Model
from support.hf_oracle import PROMPTS, SIZE, build_oracle
from support.reference_loop import Prompt, ReferenceLoop

Close = Callable[..., float]
SCORE_BIAS = -5.22
"""With these weights the object is then seen on some frames and not on others."""


START = 5
"""The prompted frame of the propagation test; both directions start there."""


@pytest.fixture(scope="module")
def vanishing(model: Sam2Model) -> Any:
    """Our network and the oracle, with a presence head that calls the object gone on some frames."""
    pytest.importorskip("transformers")
    changed = Sam2Model(model.config)
    changed.load_state_dict(model.state_dict())
    head = changed.sam_mask_decoder.pred_obj_score_head.layers[-1]
    with torch.no_grad():
        head.weight.mul_(8)
        head.bias.fill_(SCORE_BIAS)
        # Louder, so that a pointer's age that is off by one frame shows.
        changed.obj_ptr_tpos_proj.weight.mul_(8)
    changed.eval().requires_grad_(False)
    # Both keep their image features for all kinds of prompt: the encoders have a test of their own.
    return changed, build_oracle(changed), {}, _new_session(torch.zeros(0)).cache


@pytest.mark.parametrize("kind", ["one_click", "box", "mask"])
def test_propagation_both_ways(vanishing: Any, pixels: Any, assert_close: Close, kind: str) -> None:
    changed, oracle, features, cache = vanishing
    with torch.inference_mode():
        ours = _propagate(changed, pixels, kind, features)
        theirs = _oracle_propagate(oracle, pixels, kind, cache)
    assert set(ours) == set(theirs) == set(range(12))
    scores = torch.stack([ours[frame][1].reshape(()) for frame in range(12)])
    assert (scores > 0).any()
    assert (scores < 0).any(), "the object never disappears: the gates are not tested"
    assert scores.abs().min() > 5e-3, "a score so near to 0 may fall on either side on another machine"
    assert_close("object_scores", scores, torch.stack([theirs[frame][1].reshape(()) for frame in range(12)]))
    for frame in range(12):
        assert_close(f"logits_{frame}", ours[frame][0], theirs[frame][0])


def _propagate(
    changed: Sam2Model, pixels: Any, kind: str, features: dict[int, ImageFeatures]
) -> dict[int, tuple[Any, Any]]:
    """Frame → chosen low-resolution logits and object score, forward from START and then in reverse."""
    loop = ReferenceLoop(changed, pixels, features=features)
    if kind == "mask":
        loop.prompt(START, Prompt(mask=_square_mask()))
    else:
        coords, marks = PROMPTS[kind]
        loop.prompt(START, Prompt(torch.tensor([coords]), torch.tensor([marks], dtype=torch.int32)))
    for frame in range(START + 1, 12):
        loop.track(frame)
    for frame in range(START - 1, -1, -1):
        loop.track(frame, reverse=True)
    return {frame: (result.low_res_logits, result.object_score) for frame, result in loop.results.items()}


def _square_mask() -> Any:
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[:, :, 60:140, 100:180] = 1
    return mask


def _new_session(pixels: Any) -> Any:
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

    return Sam2VideoInferenceSession(pixels, SIZE, SIZE, dtype=torch.float32, max_vision_features_cache_size=12)


def _oracle_propagate(oracle: Any, pixels: Any, kind: str, cache: Any) -> dict[int, tuple[Any, Any]]:
    session = _new_session(pixels)
    session.cache = cache
    index = session.obj_id_to_idx(1)
    if kind == "mask":
        session.add_mask_inputs(index, START, _square_mask())
    else:
        coords, marks = PROMPTS[kind]
        inputs = {
            "point_coords": torch.tensor([[coords]]),
            "point_labels": torch.tensor([[marks]], dtype=torch.int32),
        }
        session.add_point_inputs(index, START, inputs)
    session.obj_with_new_inputs = [1]
    oracle(session, frame_idx=START)
    if kind == "mask":
        _take_back_departures(oracle, session, index)
    for reverse in (False, True):
        for _ in oracle.propagate_in_video_iterator(session, start_frame_idx=START, reverse=reverse):
            pass
    stored = session.output_dict_per_obj[index]
    outputs = {**stored["non_cond_frame_outputs"], **stored["cond_frame_outputs"]}
    return {
        frame: (output["pred_masks"].reshape(1, 1, SIZE // 4, SIZE // 4), output["object_score_logits"].reshape(1, 1))
        for frame, output in outputs.items()
    }


def _take_back_departures(oracle: Any, session: Any, index: int) -> None:
    """Redo the memory of a mask prompt as Meta makes it.

    transformers departs twice: its pointer is that of the best of masks 1 to 3 where Meta takes mask 0, and it
    encodes the mask itself where Meta first shrinks it to the low resolution (`add_new_mask` stores only that, and
    the memory is made of it before the propagation).
    """
    output = session.output_dict_per_obj[index]["cond_frame_outputs"][START]
    features, _ = oracle._prepare_vision_features(session, START, 1)
    s4, s8, s16 = (
        tokens.permute(1, 2, 0).reshape(1, -1, *size)
        for tokens, size in zip(features, oracle.backbone_feature_sizes, strict=True)
    )
    answer = oracle._single_frame_forward(
        input_masks=oracle.mask_downsample(_square_mask()), image_embeddings=[s4, s8, s16], multimask_output=False
    )
    output["object_pointer"] = answer.object_pointer
    high_res = torch.nn.functional.interpolate(output["pred_masks"], size=(SIZE, SIZE), mode="bilinear")
    output["maskmem_features"], output["maskmem_pos_enc"] = oracle._encode_new_memory(
        features[-1], high_res, output["object_score_logits"], True
    )
