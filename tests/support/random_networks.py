"""Predictors with random weights, which see and track something all the same."""

from __future__ import annotations

import torch

from napari_sam2.engine.sam2 import Sam2Config, Sam2Model
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from support.networks import SMALL


def random_predictor(image_size: int = 64, seed: int = 0, name: str = "random") -> Sam2VideoPredictor:
    """A small network of random weights by which every object is present."""
    torch.manual_seed(seed)
    model = Sam2Model(Sam2Config.from_json({**SMALL, "image_size": image_size})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.abs().max() == 0:
                parameter.normal_(0, 0.02)
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(3.0)
    return Sam2VideoPredictor(model, name)
