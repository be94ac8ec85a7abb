"""Our own PyTorch implementation of SAM 2 and 2.1, with Meta's state-dict names."""

from napari_sam2.engine.sam2.network.config import PromptHint, Sam2Config, ZoomPolicy
from napari_sam2.engine.sam2.network.model import ImageFeatures, MaskDecoding, Sam2Model
from napari_sam2.engine.sam2.network.released_configs import infer_config, released_config

__all__ = [
    "ImageFeatures",
    "MaskDecoding",
    "PromptHint",
    "Sam2Config",
    "Sam2Model",
    "ZoomPolicy",
    "infer_config",
    "released_config",
]
