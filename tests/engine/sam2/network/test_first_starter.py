"""The first starter against recorded answers of the code that trained it, which is made of Meta's own modules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.engine.sam2 import Sam2Model
from napari_sam2.engine.sam2.checkpoint import load_model
from napari_sam2.engine.sam2.tracking.prompt_hint import draw_hint
from support.reference_loop import Prompt, ReferenceLoop

FRAMES = 4
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def reference(shared_dir: Path) -> Any:
    path = shared_dir / "weights" / "starter_reference.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there: the recorded answers of the starter are not part of the repository")
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def first_starter(shared_dir: Path) -> Sam2Model:
    # The weights that the answers were recorded with; those in the package were trained further.
    path = shared_dir / "weights" / "starter.safetensors"
    if not path.is_file():
        pytest.skip(f"{path} is not there: the first starter's weights are not part of the repository")
    return load_model(path)


def _prompt(kind: str, reference: Any, starter: Sam2Model) -> Prompt:
    if kind == "mask":
        return Prompt(mask=torch.from_numpy(reference["mask"]).float()[None, None])
    if kind == "click":
        points, labels = torch.from_numpy(reference["click_xy"]).view(1, 1, 2), torch.tensor([[1]])
    else:
        points, labels = torch.from_numpy(reference["box_xyxy"]).view(1, 2, 2), torch.tensor([[2, 3]])
    assert starter.config.prompt_hint is not None
    hint = draw_hint(points, labels, starter.image_size, starter.config.prompt_hint)
    return Prompt(points, labels, hint=hint)


@pytest.mark.parametrize("kind", ["click", "box", "mask"])
def test_recorded_answers(
    reference: Any, first_starter: Sam2Model, record_property: Callable[[str, object], None], kind: str
) -> None:
    config = first_starter.config
    grey = torch.from_numpy(reference["frames"])[:, None].expand(-1, 3, -1, -1)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (config.pixel_mean, config.pixel_std))
    # The recording kept its memories in float32, and made that of a mask prompt of the mask itself.
    pixels = (grey - mean) / std
    loop = ReferenceLoop(first_starter, pixels, store=lambda maps: maps, residual=True, full_mask=True)
    with torch.inference_mode():
        loop.prompt(0, _prompt(kind, reference, first_starter))
        for frame in range(1, FRAMES):
            loop.track(frame)
    first = 1 if kind == "mask" else 0  # a mask prompt is the answer, nothing was recorded for its frame
    for frame in range(first, FRAMES):
        result = loop.results[frame]
        answers = {
            "all_logits": result.all_logits[0],
            "iou": result.all_iou[0],
            "object_score": result.object_score[0],
            "chosen_logits": result.low_res_logits[0, 0],
        }
        for name, actual in answers.items():
            difference = float(np.abs(actual.numpy() - reference[f"{kind}_{frame}_{name}"]).max())
            record_property(f"{name}_{frame}", difference)
            assert difference <= TOLERANCE, f"{name} of frame {frame} is off by {difference:.2e}"
