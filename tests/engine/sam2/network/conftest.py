"""Our network and that of transformers with the same random weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_sam2.engine.sam2 import ImageFeatures, Sam2Model, released_config
from support.hf_oracle import SIZE, build_oracle, randomise


@pytest.fixture(scope="session")
def model() -> Sam2Model:
    """Our network."""
    built = Sam2Model(released_config("sam2.1-tiny").with_image_size(SIZE))
    randomise(built, seed=0)
    return built.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def oracle(model: Sam2Model) -> Any:
    """That of transformers."""
    pytest.importorskip("transformers")
    return build_oracle(model)


@pytest.fixture(scope="session")
def pixels() -> Any:
    """Twelve frames: a bright square moves over noise and leaves the picture."""
    generator = torch.Generator().manual_seed(1)
    frames = 0.7 * torch.randn(12, 3, SIZE, SIZE, generator=generator)
    for frame in range(12):
        left = 20 * frame
        frames[frame, :, 60:140, left : left + 80] += 2.0
    return frames


@pytest.fixture(scope="session")
def features(model: Sam2Model, pixels: Any) -> ImageFeatures:
    """Our features of the first two frames."""
    with torch.inference_mode():
        return model.encode_image(pixels[:2])
