"""Loads a SAM 2 network as a predictor."""

from __future__ import annotations

from pathlib import Path

from napari_sam2.engine.device import choose_device
from napari_sam2.engine.sam2.checkpoint import load_model
from napari_sam2.engine.sam2.precision import set_precision
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor


def load(path: Path, name: str, device: str, image_size: int | None, precision: str) -> Sam2VideoPredictor:
    """Load a checkpoint; see `napari_sam2.engine.load_predictor` for the parameters and the errors."""
    model = load_model(path, image_size=image_size, device=choose_device(device))
    model, note = set_precision(model, precision)
    return Sam2VideoPredictor(model, name, notes=[note] if note else [])
