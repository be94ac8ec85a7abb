"""Prompts drawn into the mask input, as in the reference."""

from __future__ import annotations

import torch

from napari_sam2.engine.sam2 import Sam2Model
from napari_sam2.engine.sam2.tracking.prompt_hint import draw_hint


def test_hint_of_clicks_and_boxes(starter: Sam2Model) -> None:
    hint = starter.config.prompt_hint
    assert hint is not None
    points = torch.tensor([[[40.0, 40.0], [120.0, 160.0], [80.0, 100.0]]])
    box = draw_hint(points, torch.tensor([[2, 3, 0]]), 192, hint)
    assert box.shape == (1, 1, 48, 48)
    assert box[0, 0, 0, 0] == hint.box_outside
    assert box[0, 0, 12, 12] == hint.box_inside
    assert box[0, 0, 25, 20] == hint.negative
    clicks = draw_hint(points, torch.tensor([[1, 0, -1]]), 192, hint)
    assert clicks[0, 0, 0, 0] == hint.background
    assert clicks[0, 0, 10, 10] == hint.positive
    assert clicks[0, 0, 40, 30] == hint.negative
    assert clicks[0, 0, 25, 20] == hint.background, "label -1 draws nothing"


def test_hint_on_an_earlier_mask_draws_clicks_only(starter: Sam2Model) -> None:
    hint = starter.config.prompt_hint
    assert hint is not None
    base = torch.full((1, 1, 48, 48), -40.0)
    points = torch.tensor([[[40.0, 40.0], [120.0, 160.0], [80.0, 100.0]]])
    drawn = draw_hint(points, torch.tensor([[2, 3, 1]]), 192, hint, base=base)
    assert drawn[0, 0, 12, 12] == -hint.clamp
    assert drawn[0, 0, 25, 20] == hint.positive
