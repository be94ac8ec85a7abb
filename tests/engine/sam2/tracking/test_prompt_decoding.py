"""How large the answer to a click upon a mask may be."""

from __future__ import annotations

import pytest
import torch

from napari_sam2.engine import load_predictor
from napari_sam2.engine.sam2.tracking.prompt_decoding import growth_limit


@pytest.mark.parametrize(("most", "chosen"), [(None, 1), (torch.inf, 1), (100.0, 3), (30.0, 2), (10.0, 1)])
def test_alternatives_that_are_too_large_are_chosen_only_where_all_are(most: float | None, chosen: int) -> None:
    model = load_predictor("starter", device="cpu").model
    logits = torch.full((1, 4, 56, 56), -5.0)
    for mask, area in enumerate((5, 1000, 20, 90)):
        logits[0, mask].view(-1)[:area] = 5.0
    iou = torch.tensor([[0.99, 0.9, 0.5, 0.8]])
    tokens = torch.zeros(1, 4, model.config.d_model)
    limit = None if most is None else torch.tensor([most])
    with torch.inference_mode():
        decoding = model._choose(logits, iou, tokens, torch.ones(1, 1), multimask=True, most_area=limit)
    assert torch.equal(decoding.low_res_logits[0, 0], logits[0, chosen])
    assert decoding.iou == iou[0, chosen]


def test_a_click_upon_a_mask_makes_it_at_most_four_times_as_large_but_crumbs_say_nothing() -> None:
    before = torch.full((2, 1, 56, 56), -5.0)
    before[0, 0, :10, :10] = 5.0
    before[1, 0, :2, :2] = 5.0
    assert growth_limit(before).tolist() == [400.0, torch.inf]
