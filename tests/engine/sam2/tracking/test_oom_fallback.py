"""Less at once where memory runs out."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.protocols import CropWindow
from napari_sam2.engine.sam2 import ImageFeatures, Sam2Model
from napari_sam2.engine.sam2.tracking.embedding_store import Budget, EmbeddingStore
from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer, is_out_of_memory
from napari_sam2.errors import OutOfMemoryError
from napari_sam2.session import VideoSession
from support.embeddings import CPU, SIZE, open_stream, run_program


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_which_errors_are_meant(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_steps_back_one_at_a_time() -> None:
    store = EmbeddingStore(torch.device("meta"), Budget(device=SIZE))
    sizer, tried = BatchSizer(CPU, store, frames_at_once=8), []

    def work(items: Any) -> Any:
        tried.append(len(items))
        if len(items) > 1 or store.budget.device:
            raise torch.OutOfMemoryError("out of memory")
        return [item * 2 for item in items]

    assert sizer.encode(work, [1, 2, 3, 4, 5]) == [2, 4, 6, 8, 10]
    assert tried == [5, 2, 1, 1, 1, 1, 1, 1]
    assert [note.split(": ")[1] for note in sizer.notes] == [
        "frames are now computed 2 at once, instead of 5 at once.",
        "frames are now computed one by one, instead of 2 at once.",
        "cached embeddings now stay in main memory.",
    ]


def test_no_step_left_and_other_errors() -> None:
    sizer = BatchSizer(CPU, EmbeddingStore(CPU))

    def full(_: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.")

    def broken(_: Any) -> Any:
        raise RuntimeError("shapes")

    with pytest.raises(OutOfMemoryError, match=r"not enough memory on cpu .*\n.*smaller model.*tried to allocate 8"):
        sizer.track(full, [1, 2])
    with pytest.raises(RuntimeError, match="shapes"):
        sizer.track(broken, [1])


def test_run_goes_on_when_memory_runs_out(
    own_predictor: Any, volume: ImageVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory for two frames and one object at a time: the same masks on every frame, and notes."""

    def run(model: Any) -> Any:
        session = VideoSession(model, volume, channel=0, zoom=None)
        session.add_box(1, 3, (28, 38, 73, 83))
        session.add_box(2, 3, (10, 10, 40, 40))
        frames = [step.frame for step in session.propagate()]
        return frames, session.labels()

    frames, expected = run(own_predictor)
    encode, attend = Sam2Model.encode_image, Sam2Model.condition_on_memory

    def small_encoder(self: Sam2Model, pixels: torch.Tensor) -> ImageFeatures:
        if pixels.shape[0] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return encode(self, pixels)

    def small_attention(self: Sam2Model, s16: torch.Tensor, *args: Any) -> torch.Tensor:
        if s16.shape[0] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return attend(self, s16, *args)

    monkeypatch.setattr(Sam2Model, "encode_image", small_encoder)
    monkeypatch.setattr(Sam2Model, "condition_on_memory", small_attention)
    poor = load_predictor("starter", device="cpu")
    stream = open_stream(poor, volume)
    stream.embeddings.get([(f, CropWindow(0, 0, 100, 120)) for f in range(8)])
    again, labels = run(poor)
    assert sorted(again) == sorted(frames) == list(range(8))
    assert (labels != expected).sum() <= 2 * 8, "batches of another size may round differently"
    assert (poor.batch_sizer.frames_at_once, poor.batch_sizer.objects_at_once) == (2, 1)
    assert len(poor.notes) == 4, "from 8 frames to 4 and 2, from 4 tracks to 2 and 1"


_LIMITED = """
import resource
import numpy as np, psutil, torch
from napari_sam2.engine.protocols import CropWindow
from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor

class Frames:
    def __len__(self):
        return 8

    def __getitem__(self, frame):
        return np.random.default_rng(frame).random((64, 64, 1), np.float32)

torch.set_num_threads(1)
model = Sam2Model(released_config("sam2.1-tiny").with_image_size(512)).eval().requires_grad_(False)
predictor = Sam2VideoPredictor(model, "random")
stream, whole = predictor.open(Frames()), CropWindow(0, 0, 64, 64)
stream.embeddings.get([(0, whole)])
limit = psutil.Process().memory_info().vms + 400 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
found = stream.embeddings.get([(frame, whole) for frame in range(8)])
print(len(found), stream.embeddings.encoder_passes, predictor.batch_sizer.frames_at_once, len(predictor.notes))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be denied memory so")
def test_memory_that_really_runs_out() -> None:
    """A process that may take 400 MB more encodes eight frames, of which seven at once would take twice that."""
    done = run_program(_LIMITED)
    count, passes, at_once, notes = (int(value) for value in done.split())
    assert (count, passes) == (8, 8)
    assert 1 <= at_once <= 3
    assert notes >= 1


def test_tracks_stay_where_they_are_when_nothing_helps(
    own_predictor: Any, volume: ImageVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = VideoSession(own_predictor, volume, channel=0)
    session.add_box(1, 0, (28, 38, 73, 83))
    run = session.propagate()
    next(run)
    next(run)
    before = Sam2Model.condition_on_memory

    def full(*_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Sam2Model, "condition_on_memory", full)
    with pytest.raises(OutOfMemoryError):
        next(run)
    monkeypatch.setattr(Sam2Model, "condition_on_memory", before)
    rest = [step.frame for step in session.propagate()]
    assert rest == list(range(2, 8)), "a run after more memory was found loses no frame"
