"""Our own PyTorch implementation of SAM 2 and 2.1, with Meta's state-dict names."""

from .config import PromptHint, Sam2Config, ZoomPolicy, infer_config, released_config
from .model import ImageFeatures, MaskDecoding, Sam2Model

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
