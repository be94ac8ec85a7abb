"""How often a step of tracking makes the host wait for the device: on a GPU each wait leaves it idle.

Counted on a CPU, where nothing waits: every operation that would have to.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from napari_sam2.core.prompts import BoxPrompt, PromptSet
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.options import TrackingOptions
from napari_sam2.engine.protocols import ConditioningFrame
from napari_sam2.engine.sam2 import Sam2Config, Sam2Model
from napari_sam2.engine.sam2.tracking.stream import to_host
from napari_sam2.engine.sam2.tracking.tracking_step import TrackingStep
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from napari_sam2.session import VideoSession
from support.networks import SMALL

_WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique")


class Waits(TorchDispatchMode):
    """Counts operations whose result the host needs before it can go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        # Not numpy: a GPU's tensor has to go through cpu before.
        for name in ("cpu",):
            monkeypatch.setattr(torch.Tensor, name, self._counting(name, getattr(torch.Tensor, name)))

    def _counting(self, name: str, method: Any) -> Any:
        def counted(tensor: torch.Tensor) -> Any:
            self.found[name] += 1
            return method(tensor)

        return counted

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in _WAITS:
            self.found[name] += 1
        if name in ("index", "index_put", "index_put_") and any(
            t is not None and t.dtype in (torch.bool, torch.uint8) for t in args[1]
        ):
            self.found["index by mask"] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def tracks() -> tuple[Any, list[Any]]:
    """A stream and the tracks of three objects, in the steady state: the memory is full."""
    torch.manual_seed(0)
    model = Sam2Model(Sam2Config.from_json(SMALL)).eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.abs().max() == 0:
            parameter.normal_(0, 0.02)
    frames = np.random.default_rng(0).random((14, 64, 64), dtype=np.float32)
    grid = ImageVolume(frames, axes="zyx", window=(0, 1))
    session = VideoSession(Sam2VideoPredictor(model, "small"), grid)
    stream = session._state.stream()
    made = []
    for k in range(3):
        box = PromptSet(box=BoxPrompt(5 + 10 * k, 5, 25 + 10 * k, 40))
        made.append(stream.track(ConditioningFrame(0, stream.predict(0, box).state), (), 1))
    for _ in range(9):
        stream.advance(made)
    return stream, made


def test_the_network_part_of_a_step_waits_for_nothing(tracks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream, made = tracks
    step = TrackingStep(
        stream._model, stream.embeddings, stream._batch_sizer, TrackingOptions(), stream._decode_tracked
    )
    with torch.inference_mode(), Waits(monkeypatch) as waits:
        step.outcomes(made, [None] * len(made))
    assert not waits.found


@pytest.mark.parametrize("count", [1, 3])
def test_the_masks_of_a_step_come_at_once(tracks: Any, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    stream, made = tracks
    with Waits(monkeypatch) as waits:
        stream.advance(made[:count])
    # Two copies for what looks like the objects, one for the holes of all masks, however many; on a GPU one more for
    # all that is shown (`to_host`).
    assert waits.found == {"cpu": 3}


def test_all_that_is_shown_comes_in_one_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = [torch.rand(3, 4), torch.rand(2), torch.rand(1, 1)]
    assert all(np.array_equal(got, t.numpy()) for got, t in zip(to_host(tensors), tensors, strict=True))
    elsewhere = [t.to("meta") for t in tensors]
    monkeypatch.setattr(torch.Tensor, "cpu", lambda t: torch.zeros(t.shape))
    assert [part.shape for part in to_host(elsewhere)] == [(3, 4), (2,), (1, 1)]
