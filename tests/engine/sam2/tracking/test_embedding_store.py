"""The store of embeddings: budgets, places, keys; encoding ahead; what happens when memory runs out."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import napari_sam2 as ns
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine import load_predictor
from napari_sam2.engine.protocols import CropWindow, EncodesAhead
from napari_sam2.engine.sam2 import ImageFeatures, Sam2Model
from napari_sam2.engine.sam2.tracking.embedding_store import Budget, EmbeddingStore
from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer, is_out_of_memory
from napari_sam2.errors import NapariSam2Error, OutOfMemoryError
from napari_sam2.session import VideoSession

CPU = torch.device("cpu")
WHOLE = CropWindow(0, 0, 48, 56)


def features(value: float, dtype: torch.dtype = torch.float32) -> ImageFeatures:
    """336 values."""
    shapes = ((1, 4, 4, 4), (1, 1, 8, 8), (1, 13, 4, 4))
    return ImageFeatures(*(torch.full(shape, value, dtype=dtype) for shape in shapes))


SIZE = features(0).nbytes


def key(number: int) -> tuple[bytes, CropWindow]:
    return bytes([number]), WHOLE


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_comes_back_is_what_was_put(tmp_path: Path, dtype: torch.dtype) -> None:
    size = features(0, dtype).nbytes
    store = EmbeddingStore(CPU, Budget(ram=2 * size, disk=3 * size), tmp_path)
    for number in range(5):
        store.put(key(number), features(number + 0.5, dtype))
    assert store.used() == {"ram": 2 * size, "disk": 3 * size}
    for number in range(5):
        found = store.get(key(number))
        assert found is not None
        for ours, theirs in zip(vars(found).values(), vars(features(number + 0.5, dtype)).values(), strict=True):
            assert torch.equal(ours, theirs)
            assert ours.dtype == dtype
    assert store.get(key(9)) is None


def test_oldest_are_forgotten_first_and_use_makes_young(tmp_path: Path) -> None:
    store = EmbeddingStore(CPU, Budget(ram=2 * SIZE, disk=2 * SIZE), tmp_path)
    for number in range(4):
        store.put(key(number), features(number))
    store.get(key(0))  # on the disk, and now younger than 1
    store.put(key(4), features(4))
    assert [key(n) in store for n in range(5)] == [True, False, True, True, True]
    assert len(store) == 4


def test_without_a_disk(tmp_path: Path) -> None:
    store = EmbeddingStore(CPU, Budget(ram=2 * SIZE, disk=0), tmp_path)
    for number in range(4):
        store.put(key(number), features(number))
    assert store.used() == {"ram": 2 * SIZE, "disk": 0}
    assert not list(tmp_path.iterdir())


def test_budget_smaller_than_one() -> None:
    store = EmbeddingStore(CPU, Budget(ram=SIZE - 1, disk=SIZE - 1))
    store.put(key(1), features(1))
    assert len(store) == 0


def test_disk_that_refuses(tmp_path: Path, caplog: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    store = EmbeddingStore(CPU, Budget(ram=SIZE, disk=9 * SIZE), blocked)
    for number in range(3):
        store.put(key(number), features(number))
    assert len(store) == 1
    assert "cannot be kept on the disk" in caplog.text


def test_full_disk_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_sam2.engine.sam2.tracking import embedding_store

    usage = embedding_store.shutil.disk_usage
    monkeypatch.setattr(embedding_store.shutil, "disk_usage", lambda path: usage(path)._replace(free=SIZE))
    store = EmbeddingStore(CPU, Budget(ram=SIZE, disk=9 * SIZE), tmp_path)
    for number in range(3):
        store.put(key(number), features(number))
    assert store.used() == {"ram": SIZE, "disk": 0}


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the file has a name until the process ends")
def test_files_leave_nothing_behind(tmp_path: Path) -> None:
    store = EmbeddingStore(CPU, Budget(ram=0, disk=9 * SIZE), tmp_path)
    store.put(key(1), features(1))
    assert store.used()["disk"] == SIZE
    assert not list(tmp_path.iterdir())
    store.clear()
    assert len(store) == 0


def test_smaller_budget_takes_effect_at_once(tmp_path: Path) -> None:
    store = EmbeddingStore(CPU, Budget(ram=4 * SIZE, disk=4 * SIZE), tmp_path)
    for number in range(4):
        store.put(key(number), features(number))
    store.set_budget(Budget(ram=SIZE, disk=2 * SIZE))
    assert store.used() == {"ram": SIZE, "disk": 2 * SIZE}
    assert [key(n) in store for n in range(4)] == [False, True, True, True]


def test_leaving_the_device(tmp_path: Path) -> None:
    """With the meta device in the place of a GPU: only where things are is looked at."""
    store = EmbeddingStore(torch.device("meta"), Budget(device=2 * SIZE, ram=8 * SIZE, disk=0), tmp_path)
    store._tiers["ram"]._device = torch.device("meta")  # type: ignore[attr-defined]
    for number in range(3):
        store.put(key(number), features(number))
    assert store.used() == {"device": 2 * SIZE, "ram": SIZE, "disk": 0}
    assert store.leave_device()
    assert store.used() == {"device": 0, "ram": 3 * SIZE, "disk": 0}
    assert not store.leave_device()
    assert not EmbeddingStore(CPU).leave_device()


def _run(program: str) -> str:
    """What a program prints, in a process of its own."""
    source = str(Path(next(iter(ns.__path__))).parent)
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return done.stdout


# ---------------------------------------------------------------------- of a stack


@pytest.fixture
def predictor() -> Any:
    return load_predictor("starter", device="cpu")


@pytest.fixture
def volume() -> ImageVolume:
    rng = np.random.default_rng(3)
    yy, xx = np.mgrid[:100, :120]
    inside = (yy - 50) ** 2 + (xx - 60) ** 2 < 20**2
    array = np.stack([np.where(inside, 700, 300) + rng.normal(0, 30, yy.shape) for _ in range(8)])
    return ImageVolume(np.stack([array, array[::-1]], axis=1).astype(np.float32), axes="zcyx", window=(0, 1000))


def _stream(predictor: Any, volume: ImageVolume, window: tuple[float, float] = (0, 1000), channel: int = 0) -> Any:
    session = VideoSession(predictor, volume, channel=channel, zoom=None)
    return predictor.open(WindowedFrames(volume, session.grid, window), zoom=None)


def test_contrast_channel_window_and_data_each_have_their_own(predictor: Any, volume: ImageVolume) -> None:
    whole = CropWindow(0, 0, 100, 120)

    def passes(crop: CropWindow = whole, **options: Any) -> int:
        stream = _stream(predictor, options.pop("volume", volume), **options)
        stream.embeddings.get([(f, crop) for f in range(3)])
        return stream.embeddings.encoder_passes

    assert passes() == 3
    assert passes() == 0, "another session on the same data finds all"
    assert passes(window=(0, 999)) == 3
    assert passes(channel=1) == 3
    assert passes(CropWindow(10, 10, 60, 60)) == 3
    assert passes() == 0, "going back to the old contrast finds all again"
    changed = volume.array.copy()
    changed[1, 0, 5, 5] += 1
    assert passes(volume=ImageVolume(changed, axes="zcyx", window=(0, 1000))) == 1, "one frame differs"
    assert load_predictor("starter", device="cpu").store is not predictor.store


def test_session_recomputes_only_what_a_new_contrast_changes(
    predictor: Any, volume: ImageVolume, opened: Callable[[Any], list[Any]]
) -> None:
    streams = opened(predictor)
    session = VideoSession(predictor, volume, channel=0)
    session.add_box(1, 3, (28, 38, 73, 83))
    list(session.propagate())
    kept = len(predictor.store)
    session.set_window(0, 900)
    session.predict_frame(3)
    list(session.propagate(force=True))
    assert len(predictor.store) > kept
    session.set_window(0, 1000)
    list(session.propagate(force=True))
    assert streams[-1].embeddings.encoder_passes == 0


def test_encoding_ahead(predictor: Any, volume: ImageVolume) -> None:
    stream = _stream(predictor, volume)
    assert isinstance(stream, EncodesAhead)
    seen: list[tuple[int, int]] = []
    stream.embeddings.get([(2, CropWindow(0, 0, 100, 120))])
    assert stream.encode_ahead(range(5), progress=lambda done, total: seen.append((done, total))) == 4
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert stream.encode_ahead(range(5)) == 0
    assert stream.count_encoded(range(3, 8)) == 2
    assert stream.embeddings.encoder_passes == 5
    calls = iter([False, True])
    assert stream.encode_ahead(range(5, 8), cancelled=lambda: next(calls)) == 2
    assert not isinstance(object(), EncodesAhead)


def test_a_session_encodes_ahead_what_its_run_then_finds(
    predictor: Any, volume: ImageVolume, opened: Callable[[Any], list[Any]]
) -> None:
    streams = opened(predictor)
    session = VideoSession(predictor, volume, zoom=None)
    assert session.count_encoded() == 0
    assert session.encode_ahead([3, 2, 4]) == 3
    assert session.count_encoded() == 3
    session.add_box(1, 3, (20, 20, 60, 60))
    list(session.propagate(frames=range(2, 5)))
    assert sum(stream.embeddings.encoder_passes for stream in streams) == 3
    session.set_window(0, 0.5)
    assert session.count_encoded() == 0, "with another contrast the network sees something else"
    assert VideoSession(predictor, volume).encode_ahead() == 0, "each object has a window of its own"


def test_requests_go_before_encoding_ahead(predictor: Any, volume: ImageVolume) -> None:
    """While a thread encodes ahead, a user's request is answered and both get all they asked for."""
    big = ImageVolume(np.random.default_rng(0).random((60, 64, 64), np.float32), axes="zyx", window=(0, 1))
    session = VideoSession(predictor, big, zoom=None)
    stream = predictor.open(WindowedFrames(big, session.grid, (0, 1)), zoom=None)
    done: list[int] = []
    started, finished = threading.Event(), []
    worker = threading.Thread(
        target=lambda: finished.append(
            stream.encode_ahead(range(60), progress=lambda n, _: (done.append(n), started.set()))
        )
    )
    worker.start()
    assert started.wait(30)
    stream.embeddings.get([(59, CropWindow(0, 0, 64, 64))])
    at = done[-1]
    worker.join()
    assert at < 60
    assert finished == [59 if at < 59 else 60]
    assert stream.embeddings.encoder_passes == 60


def test_masks_do_not_depend_on_where_embeddings_are(predictor: Any, volume: ImageVolume, tmp_path: Path) -> None:
    labels = []
    for budget in (Budget(), Budget(ram=0, disk=10**9), Budget(ram=0, disk=0)):
        predictor.store.clear()
        predictor.store._tiers["disk"]._folder = tmp_path
        predictor.store.set_budget(budget)
        session = VideoSession(predictor, volume, channel=0)
        session.add_box(1, 3, (28, 38, 73, 83))
        list(session.propagate())
        labels.append(session.labels())
    assert (labels[0] == 1).any()
    assert all(np.array_equal(labels[0], other) for other in labels[1:])


# ---------------------------------------------------------------------- out of memory


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


def test_run_goes_on_when_memory_runs_out(predictor: Any, volume: ImageVolume, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for two frames and one object at a time: the same masks on every frame, and notes."""

    def run(model: Any) -> Any:
        session = VideoSession(model, volume, channel=0, zoom=None)
        session.add_box(1, 3, (28, 38, 73, 83))
        session.add_box(2, 3, (10, 10, 40, 40))
        frames = [step.frame for step in session.propagate()]
        return frames, session.labels()

    frames, expected = run(predictor)
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
    stream = _stream(poor, volume)
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
    done = _run(_LIMITED)
    count, passes, at_once, notes = (int(value) for value in done.split())
    assert (count, passes) == (8, 8)
    assert 1 <= at_once <= 3
    assert notes >= 1


def test_tracks_stay_where_they_are_when_nothing_helps(
    predictor: Any, volume: ImageVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = VideoSession(predictor, volume, channel=0)
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


# ---------------------------------------------------------------------- unload


def test_unload_lets_go_of_network_and_embeddings(volume: ImageVolume) -> None:
    predictor = load_predictor("starter", device="cpu")
    session = VideoSession(predictor, volume, channel=0)
    session.add_box(1, 3, (28, 38, 73, 83))
    session.predict_frame(3)
    mask = session.mask(1, 3)
    network = weakref.ref(predictor.model)
    predictor.unload()
    predictor.unload()
    gc.collect()
    assert network() is None
    assert len(predictor.store) == 0
    assert np.array_equal(session.mask(1, 3), mask), "masks stay"
    session.add_points(1, 3, [(50, 60)])
    with pytest.raises(NapariSam2Error, match="was unloaded; load it again"):
        session.predict_frame(3)


_MEASURE = """
import gc, sys
import numpy as np, psutil, torch
from napari_sam2.engine.sam2 import Sam2Model, released_config
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.session.session import VideoSession
from napari_sam2.core.volume import ImageVolume

rss = lambda: psutil.Process().memory_info().rss / 2**20
torch.set_num_threads(1)
volume = ImageVolume(np.random.default_rng(0).random((4, 64, 64), np.float32), axes="zyx", window=(0, 1))
def work():
    model = Sam2Model(released_config("sam2.1-base-plus").with_image_size(256)).eval().requires_grad_(False)
    predictor = Sam2VideoPredictor(model, "random")
    session = VideoSession(predictor, volume)
    session.add_box(1, 1, (10, 10, 40, 40))
    session.predict_frame(1)
    return predictor, session
predictor, session = work()
predictor.unload()
del predictor, session
gc.collect()
start = rss()
predictor, session = work()
full = rss()
predictor.unload()
gc.collect()
print(start, full, rss())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measured where the allocator gives memory back")
def test_unload_frees_memory() -> None:
    """In a process of its own: 323 MB of weights come and go, though the session lives on."""
    done = _run(_MEASURE)
    start, full, end = (float(value) for value in done.split())
    assert full - start > 250, done
    assert end - start < 0.1 * (full - start), done
